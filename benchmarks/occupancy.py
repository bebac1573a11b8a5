"""How much of the time slots are busy: what `slots.py` and `pipelining.py` measure alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Interval = tuple[float, float]


class Watch:
    """Notes when something ran, from any thread.

    Attributes:
        intervals: Begin and end of each time it ran, in monotonic seconds.
    """

    def __init__(self) -> None:
        self.intervals: list[Interval] = []
        self._lock = Lock()

    def timed(self, function: Callable[P, T]) -> Callable[P, T]:
        """Return a function that does the same and is watched."""

        def watched(*args: P.args, **kwargs: P.kwargs) -> T:
            began = time.monotonic()
            try:
                return function(*args, **kwargs)
            finally:
                with self._lock:
                    self.intervals.append((began, time.monotonic()))

        return watched


def share_with(at_least: int, intervals: Sequence[Interval], start: float, end: float) -> float:
    """Return the share of the time from `start` to `end` in which at least so many of the intervals held."""
    edges = sorted([(began, 1) for began, _ in intervals] + [(ended, -1) for _, ended in intervals])
    running, before, held = 0, start, 0.0
    for at, change in [*edges, (end, 0)]:
        now = min(max(at, start), end)
        held += (now - before) * (running >= at_least)
        running, before = running + change, now
    return held / (end - start)


def mean_running(intervals: Sequence[Interval], start: float, end: float) -> float:
    """Return how many of the intervals held on average from `start` to `end`."""
    inside = sum(max(0.0, min(ended, end) - max(began, start)) for began, ended in intervals)
    return inside / (end - start)
