"""The files through which the kernel's control groups are asked and told; a double stands in for them in tests."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from mlmaster.errors import InfrastructureError


class Files(Protocol):
    """A tree of groups. All methods raise `OSError`."""

    def read(self, path: Path) -> str:
        """Return what a file holds."""
        ...

    def write(self, path: Path, text: str) -> None:
        """Write to a file that is there, in one piece."""
        ...

    def make(self, path: Path) -> None:
        """Make a group."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a group, which must be empty."""
        ...

    def groups(self, path: Path) -> list[Path]:
        """Return the groups right below one."""
        ...

    def claim(self, path: Path) -> Callable[[], None]:
        """Mark a group as in use for as long as this process lives; return what ends that. Never fails."""
        ...

    def is_claimed(self, path: Path) -> bool:
        """Return True for a group that a living process has claimed, whatever namespace that is in."""
        ...


class KernelFiles:
    """The real ones."""

    def read(self, path: Path) -> str:  # noqa: D102
        return path.read_text()

    def write(self, path: Path, text: str) -> None:  # noqa: D102
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never made: a file that is missing is a limit that is
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def make(self, path: Path) -> None:  # noqa: D102
        path.mkdir()

    def remove(self, path: Path) -> None:  # noqa: D102
        path.rmdir()

    def groups(self, path: Path) -> list[Path]:  # noqa: D102
        return [entry for entry in path.iterdir() if entry.is_dir()]

    def claim(self, path: Path) -> Callable[[], None]:  # noqa: D102
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return lambda: os.close(descriptor)
        return lambda: None

    def is_claimed(self, path: Path) -> bool:  # noqa: D102
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


@contextmanager
def refused(what: str, advice: str = "") -> Iterator[None]:
    """Turn an `OSError` inside into an `InfrastructureError` that says what could not be done, why, and what to do."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise InfrastructureError(
            f"{what}: {error.strerror or error}{where}" + (f"; {advice}" if advice else "")
        ) from None


def own_group_advice() -> str:
    """Return how a harness comes to a group that it may divide."""
    if shutil.which("systemd-run") is None:
        return "in a container, make its control groups writable and start ML-Master as its only program"
    whose = "" if os.geteuid() == 0 else " --user"
    return f"start ML-Master in a group of its own: systemd-run{whose} --scope -p Delegate=yes mlmaster …"


def numbers(text: str) -> dict[str, int]:
    """Return the numbers of a file with a word and a number on each line."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
