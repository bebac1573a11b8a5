"""The real clock. Tests use `mlmaster.testing.clock.FakeClock` instead."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's own time, as `mlmaster.ports.Clock` asks for it."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def time(self) -> float:
        """Return Unix time in seconds."""
        return time.time()
