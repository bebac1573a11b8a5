"""pass@k: the share of competitions with a medal in at least one of k attempts.

Two estimators. *Unbiased* averages over every choice of k of the n seeds (Chen et al. 2021, "Evaluating Large Language
Models Trained on Code", section 2.1): 1 - C(n - c, k) / C(n, k) for a competition with c medals. *Plain* takes the
first k seeds as they came, as the MLE-bench paper has it (Chan et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from mlmaster.bench.aggregate import seeds_of
from mlmaster.bench.outcomes import Outcomes


@dataclass(frozen=True, slots=True)
class PassAt:
    """pass@k for one k, in percent."""

    k: int
    unbiased: float
    plain: float


def pass_at(outcomes: Outcomes, competitions: Sequence[str], *, pad: bool = False) -> list[PassAt]:
    """Return pass@k for every k from 1 to the number of seeds.

    Raises:
        DataError: As `seeds_of`.
    """
    seeds = seeds_of(outcomes, competitions, pad=pad)
    by_competition = [[seed[i].any_medal for seed in seeds] for i in range(len(competitions))]
    return [
        PassAt(
            k,
            100 * sum(unbiased(len(seeds), sum(each), k) for each in by_competition) / len(competitions),
            100 * sum(any(each[:k]) for each in by_competition) / len(competitions),
        )
        for k in range(1, len(seeds) + 1)
    ]


def unbiased(attempts: int, successes: int, k: int) -> float:
    """Return the chance that k of some attempts, drawn without replacement, hold a success. `k` is from 1 to `attempts`."""
    if not 1 <= k <= attempts or not 0 <= successes <= attempts:
        raise ValueError(f"k is {k} and successes {successes}, of {attempts} attempts")
    return 1.0 - comb(attempts - successes, k) / comb(attempts, k)
