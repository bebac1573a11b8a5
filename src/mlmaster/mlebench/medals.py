"""Medals as MLE-bench gives them: four thresholds taken from a leaderboard by position, and how a score compares with them.

Source: openai/mle-bench, `mlebench/grade_helpers.py`, after kaggle.com/progression. The leaderboard counts as it stands, best
row first; Kaggle's own word on whether a competition gave medals does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlmaster.errors import DataError
from mlmaster.mlebench.competition import Competition


@dataclass(frozen=True, slots=True)
class Standard:
    """What a score is held against: three medals, the median, and the direction."""

    gold: float
    silver: float
    bronze: float
    median: float
    is_lower_better: bool


@dataclass(frozen=True, slots=True)
class Rank:
    """How a score compares; at most one medal is True."""

    gold: bool = False
    silver: bool = False
    bronze: bool = False
    is_above_median: bool = False

    @property
    def any(self) -> bool:
        """Return True with a medal of any kind."""
        return self.gold or self.silver or self.bronze


def standard_of(competition: Competition) -> Standard:
    """Return the thresholds the registry holds for a competition."""
    known = competition.thresholds
    return Standard(known.gold, known.silver, known.bronze, known.median, competition.is_lower_better)


def standard_from(scores: Sequence[float]) -> Standard:
    """Return the thresholds of a leaderboard.

    Args:
        scores: Of all teams, the best first; never sorted here. Lower is better when the first is below the last.

    Raises:
        DataError: There are no scores.
    """
    n = len(scores)
    if n == 0:
        raise DataError("the leaderboard has no rows; it needs one for every team")
    gold, silver, bronze = (float(scores[position - 1]) for position in medal_positions(n))
    known = [each for each in scores if not math.isnan(each)]
    median = float(np.median(known)) if known else math.nan
    return Standard(gold, silver, bronze, median, bool(scores[0] < scores[-1]))


def medal_positions(teams: int) -> tuple[int, int, int]:
    """Return the last positions, from 1, that earn gold, silver and bronze among so many teams."""
    if teams < 100:
        return max(1, int(teams * 0.1)), max(1, int(teams * 0.2)), max(1, int(teams * 0.4))
    if teams < 250:
        return 10, int(teams * 0.2), int(teams * 0.4)
    if teams < 1000:
        return 10 + int(teams * 0.002), 50, 100
    return 10 + int(teams * 0.002), int(teams * 0.05), int(teams * 0.1)


def read_leaderboard(path: Path) -> list[float]:
    """Return the scores of a leaderboard file, in its order: CSV with a column `score`, the best first.

    Raises:
        DataError: It cannot be read, has no such column or no rows, or holds something else than numbers there.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"leaderboard {path} cannot be read: {why}; it is a CSV file with a column score") from error
    if "score" not in table.columns:
        raise DataError(f"leaderboard {path} has no column score; it has {', '.join(map(str, table.columns[:8]))}")
    if not len(table):
        raise DataError(f"leaderboard {path} has no rows; it needs one for every team")
    if not pd.api.types.is_numeric_dtype(table["score"]):
        raise DataError(f"leaderboard {path}: its column score holds something else than numbers; correct it")
    return [float(score) for score in table["score"]]


def leaderboard_notes(scores: Sequence[float], competition: Competition) -> list[str]:
    """Return what looks wrong with a leaderboard of a competition, which counts as it stands all the same."""
    notes = []
    if (first := _first_out_of_order(scores)) is not None:
        notes.append(
            f"the leaderboard is out of order: row {first + 1} has {scores[first]:g} after {scores[first - 1]:g}; medals are "
            "taken by position as it stands, as MLE-bench takes them; sort it, best first, for those of its teams"
        )
    if scores[0] != scores[-1] and (scores[0] < scores[-1]) != competition.is_lower_better:
        given, known = ("lower", "higher") if scores[0] < scores[-1] else ("higher", "lower")
        notes.append(
            f"by the leaderboard's first score, {scores[0]:g}, and its last, {scores[-1]:g}, {given} is better, and by the "
            f"registry {known} is; medals are given by the leaderboard, as MLE-bench gives them; turn it round, best first"
        )
    return notes


def _first_out_of_order(scores: Sequence[float]) -> int | None:
    """Return the first index at which scores turn, by the direction of first and last, or are missing."""
    steps = np.diff(np.asarray(scores, dtype=float))
    is_right = steps >= 0 if scores[0] < scores[-1] else steps <= 0
    return None if is_right.all() else int(np.argmin(is_right)) + 1


def rank(score: float | None, standard: Standard) -> Rank:
    """Return how a score compares. Ties earn the medal; above the median means strictly better. None and NaN earn nothing."""
    if score is None:
        return Rank()
    sign = -1.0 if standard.is_lower_better else 1.0

    def reaches(threshold: float) -> bool:
        return sign * score >= sign * threshold

    gold = reaches(standard.gold)
    silver = not gold and reaches(standard.silver)
    bronze = not gold and not silver and reaches(standard.bronze)
    return Rank(gold, silver, bronze, sign * score > sign * standard.median)
