"""One script and its supervisor, seen from the harness: started, listened to, ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from dataclasses import dataclass, field

from mlmaster.sandbox.inside.plan import Plan
from mlmaster.sandbox.log import Log
from mlmaster.sandbox.start import Start
from mlmaster.sandbox.tree import ProcessTree

_CHUNK = 1 << 16
_GRACE_S = 2.0
_ROUND_S = 0.1
_MOST_DESCRIPTORS = 4
_MOST_LEFT = 1 << 26
"""Bytes in a pipe: no user may enlarge one beyond a few MB."""


@dataclass(slots=True)
class Report:
    """What the supervisor has told so far.

    Attributes:
        failure: Why the script could not be started, or None.
        has_started: True once the script's own code may have run.
        wait_status: The script's status as `os.waitpid` gives it, or None while it runs or when nobody is left to tell.
        cpu_s: Seconds, the whole tree.
        peak_bytes: Resident memory of the largest process.
        held: Descriptors of the script's folders that are held in memory.
    """

    failure: str | None = None
    has_started: bool = False
    wait_status: int | None = None
    cpu_s: float | None = None
    peak_bytes: int = 0
    held: list[int] = field(default_factory=list)

    def memory_files_bytes(self) -> int:
        """Return what is in the folders that are held in memory."""
        systems = [os.fstatvfs(descriptor) for descriptor in self.held]
        return sum((system.f_blocks - system.f_bfree) * system.f_frsize for system in systems)


class Supervised:
    """A running script. Used by one thread.

    Args:
        start: How its supervisor comes to be.
        plan: The script's start.
        token: The tree's mark in its environment.
        log: Takes what the script prints.

    Raises:
        OSError: The supervisor cannot be started.
        InfrastructureError: The same.
    """

    def __init__(self, start: Start, plan: Plan, token: str, log: Log) -> None:
        self.report = Report()
        self._log = log
        self._unread = b""
        self._selector = selectors.DefaultSelector()
        ours: list[int] = []
        theirs: list[int] = []
        try:
            theirs_lifeline, self._lifeline = os.pipe()
            theirs.append(theirs_lifeline)
            ours.append(self._lifeline)
            near, far = socket.socketpair()
            self._status, theirs_status = near.detach(), far.detach()
            ours.append(self._status)
            theirs.append(theirs_status)
            self._output, theirs_output = os.pipe()
            theirs.append(theirs_output)
            ours.append(self._output)
            self._supervisor = start.start(theirs_lifeline, theirs_status, theirs_output)
        except BaseException:
            for descriptor in ours:
                os.close(descriptor)
            self._selector.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        with contextlib.suppress(BrokenPipeError):  # it is gone already, which its silence tells
            _write(self._lifeline, plan.to_json().encode() + b"\n")
        self.tree = ProcessTree(self._supervisor.pid, token)
        self._ends_with_its_init = plan.namespaces is not None
        for descriptor in (self._status, self._output):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)

    def listen(self, timeout_s: float) -> bool:
        """Take in what is printed and told for at most one timeout; return False when the script has ended.

        It has ended as well when its supervisor is gone without a word.
        """
        for key, _ in self._selector.select(timeout_s):
            data = self._read_status() if key.fd == self._status else _read(key.fd)
            if data == b"":
                self._selector.unregister(key.fd)
            elif data is not None and key.fd == self._output:
                self._log.write(data)
            elif data is not None:
                self._hear(data)
        return self.report.wait_status is None and self._is_supervisor_there

    def end(self) -> None:
        """End the whole tree, collect what was printed last, and release everything.

        Raises:
            InfrastructureError: A process does not die.
        """
        os.close(self._lifeline)
        try:
            until = time.monotonic() + _GRACE_S
            while self._is_supervisor_there and time.monotonic() < until:
                self.listen(_ROUND_S)
            is_killed = self._is_supervisor_there
            if is_killed:
                self.tree.members()  # remembered, as they are orphans from here on
                self._supervisor.kill()
            if is_killed or not self._ends_with_its_init:
                self.tree.kill()
        finally:
            self._supervisor.forget()
            self._drain()
            self._selector.close()
            for descriptor in (self._status, self._output, *self.report.held):
                os.close(descriptor)
            self.report.held.clear()

    @property
    def _is_supervisor_there(self) -> bool:
        return self._status in self._selector.get_map()

    def _drain(self) -> None:
        """Read what is left in the pipe. Nobody should be alive to write more; who is all the same holds nobody up."""
        for _ in range(_MOST_LEFT // _CHUNK):
            data = _read(self._output)
            if not data:
                return
            self._log.write(data)

    def _read_status(self) -> bytes | None:
        connection = socket.socket(fileno=self._status)
        try:
            data, descriptors, _, _ = socket.recv_fds(connection, _CHUNK, _MOST_DESCRIPTORS)
        except BlockingIOError:
            return None
        except OSError:  # the other end went with words of ours unread
            return b""
        finally:
            connection.detach()
        self.report.held += descriptors
        return data

    def _hear(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode("utf-8", "replace").partition(" ")
            # a script of the same user can write here through /proc: nothing told here may name a process to kill,
            # and nonsense must not take the harness down
            with contextlib.suppress(ValueError):
                if word == "failed":
                    self.report.failure = rest
                elif word == "started":
                    self.report.has_started = True
                elif word == "ended":
                    self.report.wait_status = int(rest)
                elif word == "usage":
                    cpu_s, _, peak_bytes = rest.partition(" ")
                    self.report.cpu_s, self.report.peak_bytes = float(cpu_s), int(peak_bytes)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _read(descriptor: int) -> bytes | None:
    """Return what is there; None when nothing is, an empty string at the end."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
