"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from threading import Lock


class FakeClock:
    """Time that passes only by `advance`. May be used from several threads.

    Args:
        monotonic: The first reading of `monotonic`.
        time: The first reading of `time`, Unix seconds.
    """

    def __init__(self, monotonic: float = 1_000.0, time: float = 1_700_000_000.0) -> None:
        self._monotonic = monotonic
        self._time = time
        self._lock = Lock()

    def monotonic(self) -> float:
        """Return the seconds that have passed, plus the first reading."""
        with self._lock:
            return self._monotonic

    def time(self) -> float:
        """Return the fake Unix time."""
        with self._lock:
            return self._time

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative; `jump` is for clocks that are set back.
        """
        if seconds < 0:
            raise ValueError(f"time cannot pass backwards: {seconds}")
        with self._lock:
            self._monotonic += seconds
            self._time += seconds

    def jump(self, seconds: float) -> None:
        """Set the Unix time forward or back, as a person or NTP may; monotonic time does not notice."""
        with self._lock:
            self._time += seconds
