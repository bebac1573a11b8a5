"""Decides, while a script runs, whether it has broken a limit. It only looks; ending the tree is the caller's part.

It samples: what happens between two looks (0.1 s for memory and processes, 1 s for disk, more where looking itself is
dear) is not seen. A script that takes too much memory and returns it within a tenth of a second gets away with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlmaster.core.execution import Fault, Limits
from mlmaster.ports import Clock
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.tree import ProcessTree, memory_bytes

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
        processes: How many processes it may have at once.
        clock: Measures its time, from now on.
        is_cancelled: Asked at every look.
        tree: Its processes.
        directory: Its folders.

    Attributes:
        peak_bytes: The most memory seen.
    """

    def __init__(
        self,
        limits: Limits,
        processes: int,
        clock: Clock,
        is_cancelled: Callable[[], bool],
        tree: ProcessTree,
        directory: EvaluationDirectory,
    ) -> None:
        self.peak_bytes = 0
        self._limits = limits
        self._processes = processes
        self._clock = clock
        self._is_cancelled = is_cancelled
        self._tree = tree
        self._directory = directory
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
        """Return the breach of the disk limit, or None."""
        written = self._directory.written_bytes()
        if written <= self._limits.disk_bytes:
            return None
        return Breach(Fault.DISK, f"wrote {_megabytes(written)}; {_megabytes(self._limits.disk_bytes)} are allowed")

    def _look_at_processes(self) -> Breach | None:
        members = self._tree.members()
        if len(members) > self._processes:
            return Breach(Fault.ERROR, f"{len(members)} processes at once; {self._processes} are allowed")
        held = memory_bytes(members, self.peak_bytes)
        self.peak_bytes = max(self.peak_bytes, held)
        if held <= self._limits.memory_bytes:
            return None
        allowed = _megabytes(self._limits.memory_bytes)
        return Breach(Fault.OUT_OF_MEMORY, f"took {_megabytes(held)} of memory; {allowed} are allowed")

    def _after(self, begun: float, pause_s: float) -> float:
        """Return when to look again, so that looking takes only a small share of the time."""
        now = self._clock.monotonic()
        return now + max(pause_s, (now - begun) / _LARGEST_SHARE)


def _megabytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MB"
