"""What an evaluation took, beside how much there was to do: all that forecasts rest on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows a view has.

    Attributes:
        trained: Rows whose labels a script may learn from; 0 where nobody has counted them.
        predicted: Rows it must answer, real test rows included.
    """

    trained: int = 0
    predicted: int = 0

    @property
    def rows(self) -> int:
        """Return all rows together; 0 for a size that is not known."""
        return self.trained + self.predicted


@dataclass(frozen=True, slots=True)
class Cost:
    """What an evaluation that ran through has taken.

    Attributes:
        size: Rows of its view; not known in journals written before sizes were.
        wall_s: Seconds.
        peak_bytes: Peak memory of the process tree.
    """

    size: Size
    wall_s: float
    peak_bytes: int
