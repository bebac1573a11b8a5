"""The targets of the train table as an array, and which rows have one at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.encoding import encode_truth
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.ports import Array

_BLANK = frozenset({"", "na", "nan", "null", "none", "n/a"})


def read_truth(task: Task, columns: Mapping[str, Sequence[str]]) -> tuple[Array, NDArray[np.bool_]]:
    """Return the encoded targets and which rows have one; the others hold NaN, -1 or an empty string.

    An empty cell is a label where it may be one: no labels at all in a multilabel task, free text.

    Raises:
        TaskError: A cell is no label or number, or a target column is not there.
    """
    rows = len(next(iter(columns.values()))) if columns else 0
    labelled = np.ones(rows, dtype=bool)
    if task.kind is not TaskKind.MULTILABEL and task.prediction_kind is not PredictionKind.TEXT:
        blank = _BLANK - set(task.classes)
        for cells in columns.values():
            labelled &= [cell.strip().lower() not in blank for cell in cells]
    if labelled.all():
        return encode_truth(task, columns), labelled
    kept = np.flatnonzero(labelled)
    encoded = encode_truth(task, {name: [cells[row] for row in kept.tolist()] for name, cells in columns.items()})
    missing = {"f": np.nan, "i": -1}.get(encoded.dtype.kind, "")
    truth = np.full((rows, *encoded.shape[1:]), missing, dtype=encoded.dtype)
    truth[kept] = encoded
    return truth, labelled
