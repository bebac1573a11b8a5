"""The direction of a metric, and the one place where it is applied.

Everything that searches, races or selects works on *utility*: higher is always better. Values are turned into utilities
here when an evaluation enters the tree, and back only for display.
"""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Whether a larger metric value is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    def to_utility(self, value: float) -> float:
        """Return the value oriented so that higher is better."""
        return value if self is Direction.MAXIMIZE else -value

    def to_value(self, utility: float) -> float:
        """Return the metric value of a utility: the inverse of `to_utility`."""
        return utility if self is Direction.MAXIMIZE else -utility
