"""What the cells of the grid are called, what varies between them, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results" / "honesty"
NODES = 16
"""Solutions each search makes: a budget of nodes, so that a busy machine changes nothing."""

VARIANTS: Mapping[str, Sequence[str]] = {"default": (), "no-racing": ("engine.racing_se=0",)}
"""Settings of each variant, beside those that all cells share."""


@dataclass(frozen=True, slots=True)
class Place:
    """One cell of the grid."""

    task: str
    seed: int
    variant: str

    @property
    def path(self) -> Path:
        """Return the file of the cell."""
        return RESULTS / "cells" / f"{self.task}-{self.seed}-{self.variant}.json"


def parse_seeds(text: str) -> list[int]:
    """Return the seeds written as `0-6` or `0,3,5-7`."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
