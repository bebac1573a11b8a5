"""Listeners on the loopback and on sockets of the test's own; they only note who came."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path


class Listeners:
    """One listener of each kind.

    Args:
        folder: Where the sockets with a path are made; made here, open to everybody.

    Attributes:
        names: What scripts are told: ports (-1 where there is none), paths, names.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        folder.chmod(0o777)
        self._closing = contextlib.ExitStack()
        abstract, datagram = (f"attack-{secrets.token_hex(6)}" for _ in range(2))
        inet, inet6, unix = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
        stream, packets = socket.SOCK_STREAM, socket.SOCK_DGRAM
        self._sockets = {
            "tcp4": self._open(inet, stream, ("127.0.0.1", 0)),
            "udp4": self._open(inet, packets, ("127.0.0.1", 0)),
            "names": self._open(inet, packets, ("127.0.0.1", 0)),
            "stream": self._open(unix, stream, str(folder / "stream")),
            "datagram": self._open(unix, packets, str(folder / "datagram")),
            "abstract": self._open(unix, stream, f"\0{abstract}"),
            "abstract_datagram": self._open(unix, packets, f"\0{datagram}"),
        }
        for name, kind in (("tcp6", stream), ("udp6", packets)):
            with contextlib.suppress(OSError):  # not every machine has it
                self._sockets[name] = self._open(inet6, kind, ("::1", 0))
        for path in folder.iterdir():
            path.chmod(0o777)
        self.names: dict[str, str | int] = {
            name: listener.getsockname()[1]
            for name, listener in self._sockets.items()
            if listener.family in (inet, inet6)
        }
        self.names |= {name: -1 for name in ("tcp6", "udp6") if name not in self.names}
        self.names |= {
            "stream": str(folder / "stream"),
            "datagram": str(folder / "datagram"),
            "abstract": abstract,
            "abstract_datagram": datagram,
        }

    def heard(self) -> Iterator[str]:
        """Yield the names of the listeners that somebody reached since the last call."""
        return iter([name for name, listener in self._sockets.items() if _was_reached(listener)])

    def close(self) -> None:
        """Close all."""
        self._closing.close()

    def _open(self, family: int, kind: int, address: str | tuple[str, int]) -> socket.socket:
        listener = self._closing.enter_context(socket.socket(family, kind))
        listener.bind(address)
        listener.setblocking(False)
        if kind == socket.SOCK_STREAM:
            listener.listen(16)
        return listener


def _was_reached(listener: socket.socket) -> bool:
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            if listener.type == socket.SOCK_STREAM:
                listener.accept()[0].close()
            else:
                listener.recv(4096)
            count += 1
    return count > 0
