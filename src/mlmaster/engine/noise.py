"""How far a difference between two nodes can be believed: a paired bootstrap within folds, for any metric.

The resamples of a fold are fixed for the whole run (they depend on its rows and the run's seed alone), so the metric's
values under them are computed once for each node and fold; the standard error of any paired difference is then a
subtraction of two stored vectors. A resample on which the metric is undefined (one class only) is NaN and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.ports import Array, Metric

RESAMPLES = 100

Vector = NDArray[np.float64]


def draw(clusters: NDArray[np.int64], seed: Sequence[int], count: int = RESAMPLES) -> NDArray[np.int64]:
    """Return how often each row is drawn in each resample, shape (count, rows); rows of a cluster are drawn together."""
    rng = np.random.default_rng(seed)
    names, number = np.unique(clusters, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
    rows: NDArray[np.int64] = drawn[:, number]
    return rows


def resample(
    metric: Metric,
    truth: Array,
    predictions: Array,
    clusters: NDArray[np.int64],
    seed: Sequence[int],
    count: int = RESAMPLES,
) -> Vector:
    """Return the metric under `count` bootstrap resamples of the clusters of rows, shape (count,)."""
    return metric.resampled(truth, predictions, draw(clusters, seed, count))


def paired_difference(
    mine: Mapping[int, tuple[float, Vector]], theirs: Mapping[int, tuple[float, Vector]], direction: Direction
) -> tuple[float, float]:
    """Return (difference, standard error) in utility over the folds both nodes have; a positive difference is mine.

    Args:
        mine: By fold: the metric value and its resampled values.
        theirs: The same of the other node.
        direction: Of the metric.

    Raises:
        ValueError: No fold is shared.
    """
    shared = sorted(mine.keys() & theirs.keys())
    if not shared:
        raise ValueError("the two nodes share no fold")
    difference = sum(direction.to_utility(mine[f][0] - theirs[f][0]) for f in shared) / len(shared)
    spread = np.mean([mine[f][1] - theirs[f][1] for f in shared], axis=0)
    spread = spread[~np.isnan(spread)]
    return difference, float(spread.std(ddof=1)) if len(spread) > 1 else 0.0
