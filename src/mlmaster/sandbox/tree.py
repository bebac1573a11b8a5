"""All processes of one evaluation: found, measured, and ended for good.

While the supervisor lives, everything the script starts is below it, daemons included (it adopts orphans). Should a
script kill its supervisor, its processes are known by having been seen or by the token in their environment. A process
that escapes both, with another environment and started in the last tenth of a second, is not found.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.environment import TOKEN

_ROUNDS = 500
_ROUND_S = 0.01


class ProcessTree:
    """The processes below a supervisor, itself left out.

    Args:
        supervisor: Its process number.
        token: The value of `TOKEN` in the environment of every process of the evaluation.
    """

    def __init__(self, supervisor: int, token: str) -> None:
        self._supervisor = supervisor
        self._token = token
        self._seen: set[psutil.Process] = set()
        self._dead = 0
        self._cpu_s: dict[psutil.Process, float] = {}
        self._ended_cpu_s = 0.0

    def members(self) -> list[psutil.Process]:
        """Return the living processes below the supervisor, and those once seen there."""
        below: set[psutil.Process] = set()
        with contextlib.suppress(psutil.Error):
            below.update(psutil.Process(self._supervisor).children(recursive=True))
        self._seen = {process for process in self._seen | below if _is_alive(process)}
        self._dead = len(below - self._seen)
        return list(self._seen)

    def count_tasks(self, members: Iterable[psutil.Process]) -> int:
        """Return how many threads the processes have, and the dead that nobody has collected at the last look."""
        threads = 0
        for process in members:
            with contextlib.suppress(psutil.Error):
                threads += process.num_threads()
        return threads + self._dead

    def cpu_s(self, members: Iterable[psutil.Process]) -> float:
        """Return the processor seconds seen so far, those of processes that have ended included.

        It is the larger of two sums, neither too large: what each process was seen to use, which misses those that come and
        go between two looks; and what the living used together with the children they have waited for.

        Args:
            members: The living, as `members` has just returned them.
        """
        seen: dict[psutil.Process, float] = {}
        waited_for_s = 0.0
        for process in members:
            seen[process] = self._cpu_s.get(process, 0.0)
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                seen[process] = times.user + times.system
                waited_for_s += times.children_user + times.children_system
        # a sum, not one entry for each process there ever was: there may be millions
        self._ended_cpu_s += sum(cpu_s for process, cpu_s in self._cpu_s.items() if process not in seen)
        self._cpu_s = seen
        return sum(seen.values()) + max(self._ended_cpu_s, waited_for_s)

    def kill(self) -> None:
        """Kill every process of the evaluation but the supervisor, until none is left.

        Raises:
            InfrastructureError: A process does not die.
        """
        for _ in range(_ROUNDS):
            self.members()
            self._seen.update(self._strays())
            alive = [process for process in self._seen if _is_alive(process)]
            if not alive:
                return
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(_ROUND_S)
        raise InfrastructureError(f"processes of a script cannot be killed: {sorted(process.pid for process in alive)}")

    def _strays(self) -> Iterable[psutil.Process]:
        for pid in psutil.pids():
            if pid in (self._supervisor, os.getpid()):
                continue
            with contextlib.suppress(psutil.Error, OSError):  # gone meanwhile, or another user's
                process = psutil.Process(pid)
                if process.environ().get(TOKEN) == self._token:
                    yield process


@dataclass(frozen=True, slots=True)
class Memory:
    """What processes hold, in bytes; pages of mapped files on disk are not counted.

    Attributes:
        own: Their own pages.
        shared: Pages of shared memory and of files held in memory, as far as they are mapped.
    """

    own: int
    shared: int


def memory_of(processes: Iterable[psutil.Process], known_bytes: int) -> Memory:
    """Return the memory the processes hold, each shared page counted once, or its share where others have it too.

    Counting that way is dear, so it is done only where the cheap sum, which is never too small, would exceed what is
    known already.

    Args:
        processes: The processes of one evaluation.
        known_bytes: Its peak so far.
    """
    pids = [process.pid for process in processes]
    if sys.platform != "linux":
        return Memory(sum(_resident_bytes(pid) for pid in pids), 0)
    cheap = [_read(pid, "status", _CHEAP) for pid in pids]
    if sum(memory.own + memory.shared for memory in cheap) > known_bytes:
        # what cannot be read, of a process that forbids it or in a kernel without that file, must not count as nothing
        exact = [_read(pid, "smaps_rollup", _EXACT) for pid in pids]
        cheap = [
            precise if precise.own or precise.shared else rough for precise, rough in zip(exact, cheap, strict=True)
        ]
    return Memory(sum(memory.own for memory in cheap), sum(memory.shared for memory in cheap))


def removed_bytes(processes: Iterable[psutil.Process], devices: frozenset[int]) -> int:
    """Return the bytes on disk of files that have no name any more, but are held open.

    Args:
        processes: The processes of one evaluation. One that forbids to be looked at is passed over, see `find_hidden`.
        devices: The filesystems that count.
    """
    sizes: dict[tuple[int, int], int] = {}
    for process in processes:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{process.pid}/fd") as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found = entry.stat()
                    if found.st_nlink == 0 and stat.S_ISREG(found.st_mode) and found.st_dev in devices:
                        sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())


def find_hidden(processes: Iterable[psutil.Process]) -> int | None:
    """Return the number of a process that has forbidden its own user to see what it holds open, None if there is none.

    It has made itself undumpable, or executes a program that it may not read: what tells of it then belongs to root.
    """
    for process in processes:
        folder = Path(f"/proc/{process.pid}")
        with contextlib.suppress(OSError):
            is_closed = not os.access(folder / "fd", os.R_OK)
            if is_closed and (folder / "fd").stat().st_uid != folder.stat().st_uid:
                return process.pid
    return None


_CHEAP = ((b"RssAnon:", b"VmSwap:"), (b"RssShmem:",))
_EXACT = ((b"Pss_Anon:", b"SwapPss:"), (b"Pss_Shmem:",))


def _read(pid: int, file: str, fields: tuple[tuple[bytes, ...], tuple[bytes, ...]]) -> Memory:
    """Return the sums of two groups of fields, given in kB, of a file under /proc; zeros where there is none."""
    sums = [0, 0]
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_bytes().splitlines():
            for group, names in enumerate(fields):
                if line.startswith(names):
                    sums[group] += 1024 * int(line.split()[1])
    return Memory(*sums)


def _resident_bytes(pid: int) -> int:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False
