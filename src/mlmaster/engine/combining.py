"""Several answers for the same rows become one: a node's folds, then the members of a blend.

Sums run in a fixed order (folds, then members as listed), one element at a time, and logarithms and powers are those of
`math`, so that `reproduce.py`, which has no NumPy, gets the same bits. How members and weights are found is in `blending`.

A *form* says what numbers are: `number`; `probability` (each cell on its own, of p against 1 - p); `classes` (a row is a
distribution); `cells` for answers that are no numbers. Hard labels are blended through their probabilities, or voted on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from mlmaster.core.blend import BlendKind
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.metrics.submission import labels_from_probabilities
from mlmaster.ports import Array

Form = Literal["number", "probability", "classes", "cells"]
Part = tuple[float, Array]
"""A weight, and the answers it is given."""
Members = Sequence[tuple[float, Sequence[Array]]]
"""For each member its weight, and its answers from each of its fits."""

AVERAGED = frozenset({PredictionKind.NUMBER, PredictionKind.PROBABILITY, PredictionKind.CLASS_PROBABILITIES})
LEAST = 1e-15
"""Probabilities are at least this before their logarithm is taken."""

_LOG, _EXP = np.frompyfunc(math.log, 1, 1), np.frompyfunc(math.exp, 1, 1)


def form_of(task: Task, *, is_by_probabilities: bool = False) -> Form:
    """Return the form of a task's answers, or of the probabilities that come with its hard labels."""
    match task.prediction_kind:
        case PredictionKind.NUMBER:
            return "number"
        case PredictionKind.PROBABILITY:
            return "probability"
        case PredictionKind.CLASS_PROBABILITIES:
            return "classes"
        case PredictionKind.LABEL if is_by_probabilities:
            return "probability" if task.kind is TaskKind.MULTILABEL else "classes"
        case _:
            return "cells"


def takes_probabilities(task: Task, kind: BlendKind, members: int) -> bool:
    """Return True when hard labels are blended through probabilities; one member alone keeps its own labels."""
    return task.prediction_kind is PredictionKind.LABEL and members > 1 and kind is not BlendKind.VOTE


def combine(task: Task, kind: BlendKind, members: Members) -> Array:
    """Return one answer for the rows that all members answered.

    Args:
        task: The task.
        kind: How members are averaged; of no matter with a single one.
        members: Each with its answers, or with its probabilities where `takes_probabilities`.
    """
    if len(members) == 1:
        return over_folds(task, members[0][1])
    if kind is BlendKind.VOTE:
        return vote([(weight / len(answers), answer) for weight, answers in members for answer in answers])
    form = form_of(task, is_by_probabilities=True)
    return answer_from(task, average(form, kind, [(weight, mean(answers)) for weight, answers in members]))


def over_folds(task: Task, arrays: Sequence[Array]) -> Array:
    """Return one answer from the answers of a node's folds for the same rows."""
    return mean(arrays) if task.prediction_kind in AVERAGED else vote([(1.0, array) for array in arrays])


def answer_from(task: Task, blended: Array) -> Array:
    """Return a submission's answer from blended numbers: labels for hard-label tasks, else the numbers themselves."""
    return labels_from_probabilities(task, blended) if task.prediction_kind is PredictionKind.LABEL else blended


def mean(arrays: Sequence[Array]) -> Array:
    """Return the mean of equally shaped numeric arrays, summed in order."""
    total = np.zeros_like(arrays[0], dtype=np.float64)
    for array in arrays:
        total = total + array
    return total / len(arrays)


def vote(parts: Sequence[Part]) -> Array:
    """Return the cell with the most weight behind it; on a tie the one that comes first among the arrays."""
    columns = [array.ravel().tolist() for _, array in parts]
    winners = []
    for cells in zip(*columns, strict=True):
        weight_of: dict[str, float] = {}
        for (weight, _), cell in zip(parts, cells, strict=True):
            weight_of[cell] = weight_of.get(cell, 0.0) + weight
        winners.append(max(weight_of, key=weight_of.__getitem__))
    return np.array(winners, dtype=np.str_).reshape(parts[0][1].shape)


def average(form: Form, kind: BlendKind, parts: Sequence[Part]) -> Array:
    """Return the weighted average of numbers by kind: MEAN, GEOMETRIC, or RANK within these very rows."""
    match kind:
        case BlendKind.RANK:
            return weighted([(weight, ranks(array)) for weight, array in parts])
        case BlendKind.GEOMETRIC if form == "number":
            positive = np.all([array > 0 for _, array in parts], axis=0)
            powers = _powers([(weight, np.where(positive, array, 1.0)) for weight, array in parts])
            # a cell without a logarithm (a new row, unlike any seen when the kind was chosen) has its plain mean
            return np.where(positive, powers, weighted(parts))
        case BlendKind.GEOMETRIC if form == "probability":
            given = _powers([(weight, np.maximum(array, LEAST)) for weight, array in parts])
            other = _powers([(weight, np.maximum(1.0 - array, LEAST)) for weight, array in parts])
            return np.asarray(given / (given + other))
        case BlendKind.GEOMETRIC:
            powers = _powers([(weight, np.maximum(array, LEAST)) for weight, array in parts])
            total = np.zeros(len(powers))
            for column in powers.T:
                total = total + column
            return np.asarray(powers / total[:, None])
        case _:
            total = weighted(parts)
            # the weights' sum may pass 1 in the last digit, and a probability may not
            return total if form == "number" else np.minimum(total, 1.0)


def weighted(parts: Sequence[Part]) -> Array:
    """Return the weighted sum of numeric arrays, summed in order."""
    total = np.zeros_like(parts[0][1], dtype=np.float64)
    for weight, array in parts:
        total = total + weight * array
    return total


def ranks(array: Array) -> Array:
    """Return each number's rank in its column, between 0 and 1; equal numbers share the middle of their ranks."""
    found = np.empty(array.shape)
    for column in range(array.shape[1]):
        _, places, counts = np.unique(array[:, column], return_inverse=True, return_counts=True)
        found[:, column] = ((np.cumsum(counts) - counts / 2.0) / len(array))[places]
    return found


def _powers(parts: Sequence[Part]) -> Array:
    """Return the product of the arrays, each raised to its weight."""
    logs = weighted([(weight, np.asarray(_LOG(array), dtype=np.float64)) for weight, array in parts])
    return np.asarray(_EXP(logs), dtype=np.float64)
