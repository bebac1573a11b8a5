"""Decides, while a script runs, whether it has broken a limit. It only looks; ending the tree is the caller's part.

It samples: what happens between two looks (0.1 s for memory and processes, 1 s for disk, more where looking itself is
dear) is not seen. A script that takes too much memory and returns it within a tenth of a second gets away with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from mlmaster.core.execution import Fault, Limits
from mlmaster.ports import Clock
from mlmaster.sandbox.cgroups.contract import Cgroup
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.supervised import Supervised
from mlmaster.sandbox.tree import find_hidden, memory_of, removed_bytes

TASKS_PER_PROCESS = 4
"""How many threads there may be for each process that is allowed."""

_LOOK_S = 0.1
_DISK_LOOK_S = 1.0
_LARGEST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that was broken."""

    fault: Fault
    detail: str


class Watchdog:
    """Watches one evaluation.

    Args:
        limits: What it may use.
        clock: Measures its time, from now on.
        is_cancelled: Asked at every look.
        script: Its processes, and its folders that are held in memory.
        directory: Its folders on disk.
        group: Its control group, where there is one: the kernel's own count.
        shared_bytes: Returns what its processes hold in folders in memory that are not its own.

    Attributes:
        peak_bytes: The most memory seen.
        cpu_s: The processor seconds seen.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        is_cancelled: Callable[[], bool],
        script: Supervised,
        directory: EvaluationDirectory,
        group: Cgroup | None,
        shared_bytes: Callable[[Sequence[psutil.Process]], int],
    ) -> None:
        self.peak_bytes = 0
        self.cpu_s = 0.0
        self._limits = limits
        self._clock = clock
        self._is_cancelled = is_cancelled
        self._script = script
        self._directory = directory
        self._group = group
        self._shared_bytes = shared_bytes
        self._started = clock.monotonic()
        self._next_look = self._started
        self._next_disk_look = self._started + _DISK_LOOK_S

    @property
    def wall_s(self) -> float:
        """Return the seconds since the start."""
        return self._clock.monotonic() - self._started

    @property
    def pause_s(self) -> float:
        """Return how long to wait until the next look."""
        now = self._clock.monotonic()
        until = min(self._next_look, self._started + self._limits.wall_s)
        return min(max(until - now, 0.0), _LOOK_S)

    def look(self) -> Breach | None:
        """Return the limit that is broken, or None; does nothing between two due looks."""
        if self._is_cancelled():
            return Breach(Fault.CANCELLED, "cancelled")
        if self.wall_s >= self._limits.wall_s:
            return Breach(Fault.TIMEOUT, f"ran longer than {self._limits.wall_s:g} s")
        breach = None
        begun = self._clock.monotonic()
        if begun >= self._next_look:
            breach = self._look_at_processes()
            self._next_look = self._after(begun, _LOOK_S)
        begun = self._clock.monotonic()
        if breach is None and begun >= self._next_disk_look:
            breach = self.look_at_disk()
            self._next_disk_look = self._after(begun, _DISK_LOOK_S)
        return breach

    def look_at_disk(self) -> Breach | None:
        """Return the breach of the disk limit, or of the rule that it can be looked after, or None."""
        members = self._script.tree.members()
        hidden = find_hidden(members)
        if hidden is not None:
            return Breach(Fault.POLICY, f"process {hidden} hides what files it holds open (it is not dumpable)")
        allowed = self._limits.disk_bytes
        written = self._directory.written_bytes(enough=allowed)
        written += removed_bytes(members, self._directory.devices())
        if written <= allowed:
            return None
        return Breach(Fault.DISK, f"wrote {_megabytes(written)} or more; {_megabytes(allowed)} are allowed")

    def look_at_kills(self) -> Breach | None:
        """Return the breach of the memory limit that the kernel has met by killing a process, whichever, or None."""
        if self._group is None or not self._group.was_out_of_memory():
            return None
        allowed = _megabytes(self._limits.memory_bytes)
        return Breach(Fault.OUT_OF_MEMORY, f"killed by the kernel: it wanted more than the {allowed} that are allowed")

    def _look_at_processes(self) -> Breach | None:
        tree = self._script.tree
        members = tree.members()
        if len(members) > self._limits.processes:
            return Breach(Fault.ERROR, f"{len(members)} processes at once; {self._limits.processes} are allowed")
        tasks, allowed_tasks = tree.count_tasks(members), TASKS_PER_PROCESS * self._limits.processes
        if tasks > allowed_tasks:
            return Breach(Fault.ERROR, f"{tasks} threads and dead processes at once; {allowed_tasks} are allowed")
        counted_s = None if self._group is None else self._group.cpu_s()
        self.cpu_s = max(self.cpu_s, tree.cpu_s(members), counted_s or 0.0)
        if self.cpu_s > self._limits.cpu_s:
            return Breach(Fault.TIMEOUT, f"used more than {self._limits.cpu_s:g} s of processor time")
        held = self._memory_bytes(members)
        self.peak_bytes = max(self.peak_bytes, held)
        if held <= self._limits.memory_bytes:
            return self.look_at_kills()
        allowed = _megabytes(self._limits.memory_bytes)
        return Breach(Fault.OUT_OF_MEMORY, f"took {_megabytes(held)} of memory; {allowed} are allowed")

    def _memory_bytes(self, members: list[psutil.Process]) -> int:
        if self._group is not None:
            return self._group.used_bytes()
        memory = memory_of(members, self.peak_bytes)
        # files in memory that some process maps are in both numbers
        return memory.own + max(memory.shared, self._script.report.memory_files_bytes() + self._shared_bytes(members))

    def _after(self, begun: float, pause_s: float) -> float:
        """Return when to look again, so that looking takes only a small share of the time."""
        now = self._clock.monotonic()
        return now + max(pause_s, (now - begun) / _LARGEST_SHARE)


def _megabytes(count: int) -> str:
    return f"{count / 2**20:,.{0 if count >= 10 * 2**20 else 3}f} MB"
