"""Averaging: a node's folds into one answer, and several nodes into a blend.

Sums run in a fixed order (folds, then members as listed), one element at a time, so that `reproduce.py`, which has no NumPy,
gets the same bits. Hard labels are blended through their probabilities; answers that cannot be averaged (rankings, text)
are never blended. Weights come from greedy ensemble selection with replacement, bagged (Caruana et al. 2004, "Ensemble
Selection from Libraries of Models").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import numpy as np

from mlmaster.core.task import PredictionKind, Task
from mlmaster.metrics.submission import labels_from_probabilities
from mlmaster.ports import Array

ROUNDS = 25
BAGS = 5
BAG_SHARE = 0.6

AVERAGED = frozenset({PredictionKind.NUMBER, PredictionKind.PROBABILITY, PredictionKind.CLASS_PROBABILITIES})


def mean(arrays: Sequence[Array]) -> Array:
    """Return the mean of equally shaped numeric arrays, summed in order."""
    total = np.zeros_like(arrays[0], dtype=np.float64)
    for array in arrays:
        total = total + array
    return total / len(arrays)


def vote(arrays: Sequence[Array]) -> Array:
    """Return the most frequent cell over arrays of strings; on a tie the one that comes first among the arrays."""
    stacked = np.stack([array.ravel() for array in arrays])
    winners = [Counter(stacked[:, i].tolist()).most_common(1)[0][0] for i in range(stacked.shape[1])]
    return np.array(winners, dtype=np.str_).reshape(arrays[0].shape)


def over_folds(task: Task, arrays: Sequence[Array]) -> Array:
    """Return one answer from the answers of a node's folds for the same rows."""
    return mean(arrays) if task.prediction_kind in AVERAGED else vote(arrays)


def weighted(parts: Sequence[tuple[float, Array]]) -> Array:
    """Return the weighted sum of numeric arrays, summed in order."""
    total = np.zeros_like(parts[0][1], dtype=np.float64)
    for weight, array in parts:
        total = total + weight * array
    return total


def answer_from(task: Task, blended: Array) -> Array:
    """Return a submission's answer from blended numbers: labels for hard-label tasks, else the numbers themselves."""
    return labels_from_probabilities(task, blended) if task.prediction_kind is PredictionKind.LABEL else blended


def greedy_weights(
    candidates: Sequence[Array],
    utility: Callable[[Array], float],
    seed: int,
    out_of_time: Callable[[], bool],
) -> list[float]:
    """Return weights that sum to 1, one for each candidate (0 for most).

    Args:
        candidates: Numeric predictions, equally shaped, best candidate first.
        utility: Of a blend; higher is better.
        seed: Of the bags.
        out_of_time: Asked between steps; True ends with what there is.
    """
    rng = Random(seed)
    totals = [0.0] * len(candidates)
    for bag in range(BAGS):
        size = max(1, round(BAG_SHARE * len(candidates)))
        members = list(range(len(candidates))) if bag == 0 else sorted(rng.sample(range(len(candidates)), size))
        counts = _select([candidates[i] for i in members], utility, out_of_time)
        for i, count in zip(members, counts, strict=True):
            totals[i] += count / sum(counts)
        if out_of_time():
            break
    return [total / sum(totals) for total in totals]


def _select(
    candidates: Sequence[Array], utility: Callable[[Array], float], out_of_time: Callable[[], bool]
) -> list[int]:
    """Return how often each candidate was added: the counts at the best step of one greedy pass."""
    counts = [0] * len(candidates)
    best_counts, best = counts, float("-inf")
    total = np.zeros_like(candidates[0], dtype=np.float64)
    for step in range(1, ROUNDS + 1):
        gains = [utility((total + candidate) / step) for candidate in candidates]
        chosen = int(np.argmax(gains))
        total = total + candidates[chosen]
        counts = [count + (i == chosen) for i, count in enumerate(counts)]
        if gains[chosen] > best:
            best_counts, best = counts, gains[chosen]
        if out_of_time():
            break
    return best_counts
