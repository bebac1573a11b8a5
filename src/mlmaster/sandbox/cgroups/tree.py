"""What both versions of control groups share: names, the numbers of processes, the end of them, and removing groups."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import psutil

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups.files import Files, refused

MOST_THREADS = 4
_SPARE_TASKS = 64
_NAME = re.compile(r"mlmaster-(\d{1,9})-[0-9a-f]+")
_PATIENCE_S = 10.0
_GONE = (errno.ENOENT, errno.ENODEV, errno.ESRCH)


def new_name() -> str:
    """Return a name for the groups of this harness."""
    return f"mlmaster-{os.getpid()}-{secrets.token_hex(4)}"


def tasks_for(processes: int) -> int:
    """Return how many processes and threads together may be there, for so many processes."""
    return MOST_THREADS * processes + _SPARE_TASKS


def remove_left(files: Files, parent: Path) -> None:
    """Remove the groups that a killed harness left, where they are empty.

    One whose number is another process's by now is left alone, as nothing tells the two apart; it costs nothing. So is one
    that a harness has claimed whose process cannot be seen from here, as in another container.
    """
    with contextlib.suppress(OSError):
        for group in files.groups(parent):
            name = _NAME.fullmatch(group.name)
            if name and not psutil.pid_exists(int(name[1])):
                with contextlib.suppress(OSError):  # the kernel removes no group that is in use
                    if not files.is_claimed(group):
                        remove_with_all_below(files, group)


def remove_with_all_below(files: Files, group: Path) -> None:
    """Remove a group and the groups below it, which a script may have made; what is gone already is no error.

    Raises:
        OSError: It is not empty.
    """
    try:
        for below in files.groups(group):
            remove_with_all_below(files, below)
        files.remove(group)
    except OSError as error:
        if error.errno not in _GONE:
            raise


def members(files: Files, groups: Iterable[Path]) -> set[int]:
    """Return the numbers of all processes in some groups and below them."""
    found: set[int] = set()
    for group in groups:
        try:
            found.update(map(int, files.read(group / "cgroup.procs").split()))
            found |= members(files, files.groups(group))
        except OSError as error:
            if error.errno not in _GONE:
                raise
    return found


def empty(files: Files, groups: Collection[Path], strike: Callable[[set[int]], None]) -> None:
    """Strike at the processes of some groups until none is left.

    Args:
        files: The tree.
        groups: The same group in every hierarchy.
        strike: Kills the processes with these numbers.

    Raises:
        InfrastructureError: A process does not die.
    """
    alive: set[int] = set()
    with refused("a group of processes cannot be ended"):
        for _ in _attempts():
            alive = members(files, groups)
            if not alive:
                return
            strike(alive)
    raise InfrastructureError(f"processes of a script cannot be killed: {sorted(alive)}")


def kill_each(pids: set[int]) -> None:
    """Kill processes by their numbers, which were read a moment ago: too short a time for one to be given anew."""
    for pid in pids:
        if pid > 0:  # the kernel shows 0 for one that is outside our namespace, and 0 would mean ourselves
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def remove_emptied(files: Files, groups: Iterable[Path]) -> None:
    """Remove groups whose processes were ended; the kernel may take a moment to see that.

    Raises:
        InfrastructureError: A process is in one.
    """
    for group in groups:
        for _ in _attempts():
            try:
                remove_with_all_below(files, group)
                break
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise InfrastructureError(f"the group {group} cannot be removed: {error.strerror}") from None
                if members(files, [group]):
                    raise InfrastructureError(f"the group {group} cannot be removed: processes are in it") from None
        else:
            raise InfrastructureError(f"the group {group} cannot be removed: the kernel says that it is in use")


def _attempts() -> Iterator[None]:
    """Yield again and again, with growing pauses between, until patience ends."""
    until, pause_s = time.monotonic() + _PATIENCE_S, 0.0005
    while True:
        yield
        if time.monotonic() >= until:
            return
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.02)
