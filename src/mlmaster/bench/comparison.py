"""One agent against another on the same competitions: the difference in medals, and how sure it is.

A paired bootstrap in two levels: competitions are drawn with replacement, the same for both, and within each
competition each agent's seeds. So a difference carried by a few competitions, or by one lucky seed, shows as a wide
interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmaster.bench.outcomes import Outcomes
from mlmaster.errors import DataError

RESAMPLES = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Comparison:
    """First agent less second, in percentage points.

    Attributes:
        first, second: Percentages of each, over the competitions both tried.
        difference: First less second.
        low, high: The 95 % interval of the difference.
        chance: Share of resamples in which the first is ahead, ties counted half.
        won, tied, lost: Competitions in which the first has a medal more often, as often, less often.
        competitions: How many both tried.
        left_out: Competitions only one of them tried.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    chance: float
    won: int
    tied: int
    lost: int
    competitions: tuple[str, ...]
    left_out: tuple[str, ...]


def compare(
    first: Outcomes,
    second: Outcomes,
    competitions: Sequence[str],
    seed: int = 0,
) -> Comparison:
    """Compare two agents by their medals of any kind, on the competitions of a split that both tried.

    Args:
        first: Of one agent.
        second: Of the other.
        competitions: Ids of the split.
        seed: Of the bootstrap.

    Raises:
        DataError: They have no competition in common.
    """
    shared = [each for each in competitions if first.get(each) and second.get(each)]
    if not shared:
        raise DataError(
            f"of the {len(competitions)} competitions of the split the two have none in common; grade the same for both, or "
            "name another --split"
        )
    rates = [
        np.array([np.mean([each.any_medal for each in side[name]]) for name in shared]) for side in (first, second)
    ]
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(shared), (RESAMPLES, len(shared)))
    resampled = [_resample(rng, side, shared, drawn) for side in (first, second)]
    differences = 100 * (resampled[0] - resampled[1])
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    gaps = rates[0] - rates[1]
    return Comparison(
        first=float(100 * rates[0].mean()),
        second=float(100 * rates[1].mean()),
        difference=float(100 * gaps.mean()),
        low=float(low),
        high=float(high),
        chance=float(np.mean(differences > 0) + np.mean(differences == 0) / 2),
        won=int((gaps > 0).sum()),
        tied=int((gaps == 0).sum()),
        lost=int((gaps < 0).sum()),
        competitions=tuple(shared),
        left_out=tuple(each for each in competitions if bool(first.get(each)) != bool(second.get(each))),
    )


def _resample(
    rng: np.random.Generator,
    outcomes: Outcomes,
    names: Sequence[str],
    drawn: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean rate of each resample, shape (RESAMPLES,): the drawn competitions with seeds drawn anew for each."""
    flags = [np.array([each.any_medal for each in outcomes[name]], dtype=float) for name in names]
    counts = np.array([len(each) for each in flags])
    # the mean of n seeds drawn with replacement from n flags is a binomial share
    successes = np.array([each.mean() for each in flags])
    return np.asarray((rng.binomial(counts[drawn], successes[drawn]) / counts[drawn]).mean(axis=1))
