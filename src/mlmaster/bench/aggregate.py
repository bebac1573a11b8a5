"""From outcomes to the numbers of a leaderboard: percentages of a split for each seed, their mean, and its standard error.

Source: openai/mle-bench, `experiments/aggregate_grading_reports.py`. Without padding there are as many seeds as the
competition tried least often has attempts; with padding as many as the one tried most often, and what is missing counts
as no submission.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlmaster.bench.outcomes import Outcome, Outcomes
from mlmaster.errors import DataError

_NORMAL_95 = 1.96

MEASURES: Mapping[str, Callable[[Outcome], bool]] = {
    "submission_exists_percentage": lambda each: each.is_there,
    "valid_submissions_percentage": lambda each: each.is_valid,
    "above_median_percentage": lambda each: each.is_above_median,
    "gold_medal_percentage": lambda each: each.gold,
    "silver_medal_percentage": lambda each: each.silver,
    "bronze_medal_percentage": lambda each: each.bronze,
    "any_medal_percentage": lambda each: each.any_medal,
}
"""The percentages MLE-bench reports, under its names."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over seeds, in percent, with its standard error; 0 for a single seed, of which none can be had."""

    mean: float
    standard_error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval by the normal law, as MLE-bench gives it."""
        return self.mean - _NORMAL_95 * self.standard_error, self.mean + _NORMAL_95 * self.standard_error


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The numbers of one agent on one split.

    Attributes:
        seeds: How many were averaged.
        competitions: How many each holds.
        padded: Attempts that were missing and counted as no submission.
        means: By the names of `MEASURES`.
    """

    seeds: int
    competitions: int
    padded: int
    means: Mapping[str, Mean]

    def to_dict(self) -> dict[str, Any]:
        """Return it as MLE-bench prints it."""
        metrics = {"total_competitions": Mean(float(self.competitions), 0.0), **self.means}
        return {
            "num_seeds_averaged": self.seeds,
            "num_competitions_per_seed": self.competitions,
            "metrics": {
                name: {
                    "mean": each.mean,
                    "ci_lower": each.interval[0],
                    "ci_upper": each.interval[1],
                    "standard_error": each.standard_error,
                }
                for name, each in metrics.items()
            },
        }


def seeds_of(outcomes: Outcomes, competitions: Sequence[str], *, pad: bool = False) -> list[list[Outcome]]:
    """Return whole seeds: one outcome for each competition, in their order.

    Args:
        outcomes: Of an agent.
        competitions: Ids of the split.
        pad: Fill what is missing with no submission, rather than leave incomplete seeds out.

    Raises:
        DataError: No whole seed can be had; the competitions that lack attempts are named.
    """
    counts = [len(outcomes.get(each, ())) for each in competitions]
    available = (max if pad else min)(counts, default=0)
    if available == 0:
        if pad or not any(counts):
            raise DataError(
                f"none of the {len(counts)} competitions has a report; name reports of them, or another --split"
            )
        lacking = [name for name, count in zip(competitions, counts, strict=True) if not count]
        raise DataError(
            f"no whole seed: {len(lacking)} of {len(competitions)} competitions have no report ({', '.join(lacking[:5])}"
            f"{', …' if len(lacking) > 5 else ''}); grade them, or count them as no submission with --pad-missing"
        )
    return [
        [outcomes[each][seed] if seed < len(outcomes.get(each, ())) else Outcome() for each in competitions]
        for seed in range(available)
    ]


def aggregate(outcomes: Outcomes, competitions: Sequence[str], *, pad: bool = False) -> Aggregate:
    """Return the numbers of an agent on a split. Arguments and errors as `seeds_of`."""
    seeds = seeds_of(outcomes, competitions, pad=pad)
    there = sum(min(len(outcomes.get(each, ())), len(seeds)) for each in competitions)
    return Aggregate(
        seeds=len(seeds),
        competitions=len(competitions),
        padded=len(seeds) * len(competitions) - there,
        means={
            name: mean_of([100 * sum(map(holds, seed)) / len(seed) for seed in seeds])
            for name, holds in MEASURES.items()
        },
    )


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean with its standard error: the sample's standard deviation (n - 1) over the root of n."""
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Mean(mean, 0.0)
    variance = math.fsum((each - mean) ** 2 for each in values) / (n - 1)
    return Mean(mean, math.sqrt(variance / n))
