"""Target columns as arrays, in the encoding that `mlmaster.ports.Array` documents.

Truth comes as the text of a table's columns: targets, or columns named like the predictions, or one column of 0 and 1 for
each class. No file is read here; what a single cell may be is in `mlmaster.core.cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cells import CellError, Labels, listed, shown, to_flags, to_numbers, to_texts
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import TaskError

_T = TypeVar("_T")


def canonical_label(task: Task, text: str) -> str:
    """Return the label as it stands in `Task.classes`.

    An exact match first; then True and False in any case; then equality as numbers ("1.0" is "1"; True counts as 1 and
    False as 0, as every table reader has it). A task without classes takes any text as it is.

    Raises:
        TaskError: The text names no class.
    """
    label = Labels(task.classes).canonical(text)
    if label is None:
        raise TaskError(f"{shown(text)} is not one of the task's classes: {listed(task.classes)}")
    return label


def to_labels(task: Task, texts: Sequence[str]) -> list[str]:
    """Return canonical labels. In a multilabel task each cell holds labels separated by spaces, put in class order.

    Raises:
        CellError: A cell names no class.
    """
    labels = Labels(task.classes)
    known: dict[str, str] = {}
    for index, text in enumerate(texts):
        if text in known:
            continue
        parts = text.split() if task.kind is TaskKind.MULTILABEL else [text]
        found = [labels.canonical(part) for part in parts]
        wrong = [part for part, label in zip(parts, found, strict=True) if label is None]
        if wrong:
            raise CellError(index, wrong[0], f"is not one of the classes {listed(task.classes)}")
        named = [label for label in found if label is not None]
        if task.kind is TaskKind.MULTILABEL and task.classes:
            named = sorted(set(named), key=labels.index)
        known[text] = " ".join(named)
    return [known[text] for text in texts]


def encode_truth(task: Task, columns: Mapping[str, Sequence[str]]) -> NDArray[Any]:
    """Return the targets in the encoding of `mlmaster.ports.Array`.

    Args:
        task: The task.
        columns: Text of the columns by name, as it stands in the file: the targets, or columns named like the
            prediction columns, or one column of 0 and 1 for each class. Other columns are ignored.

    Raises:
        TaskError: No such columns, or a cell that is no label or number; names column, row (from 1) and value.
    """
    if task.kind in (TaskKind.BINARY, TaskKind.MULTICLASS):
        hot = _one_hot_columns(task, columns)
        if hot:
            return _encode_indices(task, _one_hot(columns, hot))
    if task.kind is TaskKind.MULTILABEL and task.classes and all(label in columns for label in task.classes):
        return _encode_flags(task, columns, task.classes)
    names = _target_columns(task, columns)
    match task.prediction_kind:
        case PredictionKind.NUMBER:
            return np.column_stack([_read(name, to_numbers, columns[name]) for name in names])
        case PredictionKind.RANKING | PredictionKind.TEXT:
            return _texts(names, [columns[name] for name in names])
    if task.kind is TaskKind.MULTILABEL:
        if len(names) > 1 or not task.classes:
            return _encode_flags(task, columns, names)
        cells = _read(names[0], lambda texts: to_labels(task, texts), columns[names[0]])
        if task.prediction_kind is PredictionKind.LABEL:
            return _texts(names, [cells])
        held = [frozenset(cell.split()) for cell in cells]
        return np.array([[float(label in each) for label in task.classes] for each in held]).reshape(len(held), -1)
    read = [_read(name, lambda texts: to_labels(task, texts), columns[name]) for name in names]
    if task.prediction_kind is PredictionKind.LABEL:
        return _texts(names, read)
    index = {label: position for position, label in enumerate(task.classes)}
    indices = np.array([[index[label] for label in column] for column in read], dtype=np.int64)
    return indices[0] if task.prediction_kind is PredictionKind.CLASS_PROBABILITIES else indices.T.astype(np.float64)


def _read(column: str, reader: Callable[[Sequence[str]], _T], texts: Sequence[str]) -> _T:
    """Read the cells of a column; a bad cell is the user's to correct."""
    try:
        return reader(texts)
    except CellError as error:
        raise TaskError(
            f"column {column!r}, row {error.index + 1}: {shown(error.value)} {error.reason}; "
            "correct the cell or remove the row"
        ) from None


def _texts(names: Sequence[str], columns: Sequence[Sequence[str]]) -> NDArray[np.str_]:
    return _read(", ".join(names), lambda _: to_texts(columns), ())


def _target_columns(task: Task, columns: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    candidates = [task.targets]
    if len(task.prediction_columns) == len(task.targets):
        candidates.append(task.prediction_columns)
    for names in candidates:
        if all(name in columns for name in names):
            return names
    missing = next(name for name in task.targets if name not in columns)
    raise TaskError(
        f"target column {missing!r} is not in the table, which has {listed(list(columns))}; name the target"
    )


def _one_hot_columns(task: Task, columns: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the columns, in class order, that hold 0 and 1 for each class; none when the targets hold labels."""
    if task.prediction_kind not in (
        PredictionKind.CLASS_PROBABILITIES,
        PredictionKind.PROBABILITY,
        PredictionKind.LABEL,
    ):
        return ()
    has_targets = all(name in columns for name in task.targets)
    if has_targets and len(task.targets) == 1:
        return ()
    candidates = [task.classes]
    if task.prediction_kind is PredictionKind.CLASS_PROBABILITIES:
        candidates += [task.targets, task.prediction_columns]
    elif has_targets:
        return ()
    for names in candidates:
        if len(names) == len(task.classes) > 1 and all(name in columns for name in names):
            return names
    return ()


def _one_hot(columns: Mapping[str, Sequence[str]], names: Sequence[str]) -> NDArray[np.int64]:
    flags = np.column_stack([_read(name, to_flags, columns[name]) for name in names])
    wrong = flags.sum(axis=1) != 1
    if wrong.any():
        row = int(wrong.argmax())
        raise TaskError(
            f"columns {listed(names)}, row {row + 1}: {int(flags[row].sum())} classes are marked 1; exactly one must be"
        )
    indices: NDArray[np.int64] = flags.argmax(axis=1).astype(np.int64)
    return indices


def _encode_indices(task: Task, indices: NDArray[np.int64]) -> NDArray[Any]:
    if task.prediction_kind is PredictionKind.CLASS_PROBABILITIES:
        return indices
    if task.prediction_kind is PredictionKind.PROBABILITY:
        return indices.astype(np.float64).reshape(-1, 1)
    return np.array(task.classes, dtype=np.str_)[indices].reshape(-1, 1)


def _encode_flags(task: Task, columns: Mapping[str, Sequence[str]], names: Sequence[str]) -> NDArray[Any]:
    flags = np.column_stack([_read(name, to_flags, columns[name]) for name in names])
    if task.prediction_kind is not PredictionKind.LABEL:
        return flags
    if len(task.prediction_columns) > 1:
        return np.where(flags == 1, "1", "0")
    rows = [" ".join(name for name, flag in zip(names, row, strict=True) if flag) for row in flags.tolist()]
    return np.array(rows, dtype=np.str_).reshape(-1, 1)
