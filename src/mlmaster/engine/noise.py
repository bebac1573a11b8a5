"""How far a difference between two nodes can be believed: a paired bootstrap by cluster, for any metric.

**One draw for the whole run.** How often a cluster of rows is drawn in a resample depends on the run's seed, the cluster's
number and the resample's number alone. Wherever rows meet again they are therefore drawn alike: in every node's fold (so
differences are paired), in the folds that share a cluster, and in the same rows hidden once more by another repeat. The
mean over folds of the values under resample r is then the run's whole evaluation under resample r, and its spread holds
every covariance between folds and repeats. Draws of each fold on its own would count repeats of the same rows as fresh
evidence: two repeats would seem to cut the standard error by 1.4.

**Poisson counts.** Each cluster is drawn Poisson(1) times, by itself (Hanley and MacGibbon 2006; Chamandy et al. 2012):
the multinomial draw of Efron's bootstrap, but for its fixed total. A fixed total would tie all clusters of the run to each
other, and need the draw of all rows at once (1 million rows and 400 resamples: 400 MB) or one draw for each fold. So a fold
draws its own rows only, the draw is a pure function, and nothing is kept. Metrics are normalised, so the total does not
matter. The counts are a hash: SplitMix64 (Steele, Lea and Flood 2014), started for each cluster, 16 bits a count.

**400 resamples** leave 3.5 % of noise in a standard error (1 / sqrt(2 x 399)); 100 leave 7 %, 1,000 2.2 %. A fold of 20,000
rows costs about 0.05 s with the common metrics, a task's own `metric.py` 400 calls. Resample r is the same whatever their
number, so vectors of different lengths are compared over those that both have. (Vectors stored before there was one draw
for the run are not paired with newer ones: the standard error of such a difference is too large, never too small.)

A resample on which the metric is undefined (one class only) is NaN and left out. Rows of one single cluster tell nothing
about their noise: all NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.ports import Array, Metric

RESAMPLES = 400
MAX_CELLS = 2**27
"""Counts held at a time, one byte each: 1,000 resamples of 100,000 rows at once, more in parts."""

Vector = NDArray[np.float64]

_LANES = 4
_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_BITS = 16
_STEPS = np.array(
    [round(2**_BITS * math.exp(-1) * sum(1 / math.factorial(j) for j in range(k + 1))) for k in range(8)],
    dtype=np.uint16,
)
"""A Poisson(1) variable from 16 random bits is the number of these that are no greater; no count passes 8."""


def draw(clusters: NDArray[np.int64], seed: int, count: int = RESAMPLES, first: int = 0) -> NDArray[np.uint8]:
    """Return how often each row is drawn in each resample; rows of a cluster are drawn together.

    Args:
        clusters: The number of each row's cluster, shape (rows,), the same number in every call for the same cluster.
        seed: Of the run.
        count: Number of resamples.
        first: Number of the first, a multiple of 4.

    Returns:
        Shape (count, rows).
    """
    key = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    streams = _mix(clusters.astype(np.uint64) * np.uint64(_GAMMA) + key)
    counts = np.zeros((-(-count // _LANES), _LANES, len(clusters)), dtype=np.uint8)
    for place, group in enumerate(counts, start=first // _LANES + 1):
        words = _mix(streams + np.uint64(place * _GAMMA % 2**64))
        for lane, row in enumerate(group):
            bits = (words >> np.uint64(_BITS * lane)).astype(np.uint16)
            for step in _STEPS:
                row += (bits >= step).view(np.uint8)
    return counts.reshape(-1, len(clusters))[:count]


def resample(
    metric: Metric,
    truth: Array,
    predictions: Array,
    clusters: NDArray[np.int64],
    seed: int,
    count: int = RESAMPLES,
) -> Vector:
    """Return the metric under `count` bootstrap resamples of the clusters of rows, shape (count,).

    Args:
        metric: The metric.
        truth: As for `Metric.score`, which accepts these rows.
        predictions: The same.
        clusters: The number of each row's cluster in the whole train table.
        seed: Of the run, the same for all folds; see the module's docstring.
        count: Number of resamples.
    """
    values = np.full(count, np.nan)
    if len(clusters) == 0 or (clusters == clusters[0]).all():
        return values
    step = max(1, MAX_CELLS // len(clusters) // _LANES) * _LANES
    for first in range(0, count, step):
        counts = draw(clusters, seed, min(step, count - first), first)
        values[first : first + step] = metric.resampled(truth, predictions, counts)
    return values


def standard_error(vectors: Sequence[Vector]) -> float:
    """Return the standard error of the mean over folds of what has these values under the resamples.

    Resamples that are NaN in any fold are left out; infinite where fewer than two are left: nothing is known then, and no
    difference passes for a sure one.

    Args:
        vectors: One for each fold, not empty; of different lengths, the first values count.
    """
    length = min(len(vector) for vector in vectors)
    means = np.mean([vector[:length] for vector in vectors], axis=0)
    means = means[~np.isnan(means)]
    return float(means.std(ddof=1)) if len(means) > 1 else math.inf


def paired_difference(
    mine: Mapping[int, tuple[float, Vector]], theirs: Mapping[int, tuple[float, Vector]], direction: Direction
) -> tuple[float, float]:
    """Return (difference, standard error) in utility over the folds both nodes have; a positive difference is mine.

    The standard error is infinite where no resample can be used, see `standard_error`.

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
    pairs = [(mine[f][1], theirs[f][1]) for f in shared]
    lengths = [min(len(own), len(other)) for own, other in pairs]
    return difference, standard_error([own[:n] - other[:n] for (own, other), n in zip(pairs, lengths, strict=True)])


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's output function of each word."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_FIRST)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_SECOND)
    mixed: NDArray[np.uint64] = words ^ (words >> np.uint64(31))
    return mixed
