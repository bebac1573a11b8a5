"""Submissions: read from a candidate's file with every check, and aligned to the test rows.

Reading is the boundary between a script and its score: after it, predictions are an array in the encoding of
`mlmaster.ports.Array`, in the order of the test rows, finite and in range. Nothing is repaired on the way: no value is
clipped, no row renormalised. `table` opens the file, `alignment` pairs the rows, `probabilities` says what a distribution
is; `writing` is the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cells import CellError, shown, to_flags, to_numbers, to_texts
from mlmaster.core.encoding import to_labels
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import InfrastructureError, SubmissionError
from mlmaster.metrics.alignment import are_unique, order_by_key, require_order
from mlmaster.metrics.definition import ANYWHERE, Domain
from mlmaster.metrics.probabilities import wrong_probability, wrong_sum
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.table import exists, read_blocks
from mlmaster.metrics.writing import write_submission
from mlmaster.ports import Array

__all__ = ["labels_from_probabilities", "read_probabilities", "read_submission", "write_submission"]

_T = TypeVar("_T")
_NUMERIC = (PredictionKind.NUMBER, PredictionKind.PROBABILITY, PredictionKind.CLASS_PROBABILITIES)


def read_submission(path: Path, task: Task, keys: Sequence[str] | None, rows: int) -> Array:
    """Return the predictions of a submission, one row for every test row, in the test table's order.

    Rows are paired by id where ids are unique, in any order of the file; else by position, where repeated ids must agree
    row by row. A task that reads order is paired by position alone, whatever the ids say, because its grader does so.

    Args:
        path: The file; anything may lie there.
        task: The task.
        keys: The id column of the test table, in order, or None.
        rows: Number of test rows.

    Raises:
        SubmissionError: The file breaks the format; names file, column, data row (from 1) and value.
    """
    id_column = task.id_column if keys is not None and task.id_column in task.submission_columns else None
    numbers: list[Array] = []
    texts: dict[str, list[str]] = {name: [] for name in task.prediction_columns}
    ids: list[str] = []
    domain = _domain(task)
    for start, block in _counted(read_blocks(path, task.submission_columns, rows)):
        if id_column is not None:
            ids += block[id_column]
        columns = {name: block[name] for name in task.prediction_columns}
        if task.prediction_kind in _NUMERIC:
            numbers.append(_numbers(path.name, task.prediction_kind, columns, start, domain))
        else:
            for name, cells in columns.items():
                texts[name] += _read(path.name, name, start, _cell_reader(task), cells)
    if task.prediction_kind in _NUMERIC:
        predictions = np.concatenate(numbers) if numbers else np.empty((0, len(task.prediction_columns)))
    else:
        names = ", ".join(texts)
        predictions = _read(path.name, names, 0, lambda _: to_texts(list(texts.values())), ())
    return _aligned(path.name, task, predictions, ids if id_column is not None else None, keys, rows)


def read_probabilities(path: Path, task: Task, keys: Sequence[str] | None, rows: int) -> Array | None:
    """Return the class probabilities a script wrote beside its hard labels, shape (n, classes); None when it wrote none.

    The file has the id column, if the task has one, and one column for each of `Task.classes`; it is paired
    like the submission.

    Raises:
        SubmissionError: The file is there and breaks the format.
    """
    if not exists(path):
        return None
    id_column = task.id_column if keys is not None and task.id_column in task.submission_columns else None
    kind = PredictionKind.PROBABILITY if task.kind is TaskKind.MULTILABEL else PredictionKind.CLASS_PROBABILITIES
    numbers, ids = [np.empty((0, len(task.classes)))], list[str]()
    for start, block in _counted(read_blocks(path, (*([id_column] if id_column else []), *task.classes), rows)):
        ids += block[id_column] if id_column else []
        numbers.append(_numbers(path.name, kind, {name: block[name] for name in task.classes}, start, ANYWHERE))
    return _aligned(path.name, task, np.concatenate(numbers), ids if id_column else None, keys, rows)


def labels_from_probabilities(task: Task, probabilities: Array) -> Array:
    """Return the likeliest label of each row, shape (n, m), as a LABEL submission of the task holds it.

    The first of equals wins. In a multilabel task every label of at least 0.5 is given: as columns of 1 and 0, or, where
    the submission has one column, as labels separated by spaces.
    """
    if task.kind is not TaskKind.MULTILABEL:
        labels: Array = np.array(task.classes, dtype=np.str_)[probabilities.argmax(axis=1)].reshape(-1, 1)
        return labels
    given = probabilities >= 0.5
    if len(task.prediction_columns) > 1:
        return np.where(given, "1", "0")
    rows = [" ".join(name for name, flag in zip(task.classes, row, strict=True) if flag) for row in given.tolist()]
    return np.array(rows, dtype=np.str_).reshape(-1, 1)


def _counted(blocks: Iterator[dict[str, list[str]]]) -> Iterator[tuple[int, dict[str, list[str]]]]:
    start = 0
    for block in blocks:
        yield start, block
        start += len(next(iter(block.values())))


def _domain(task: Task) -> Domain:
    """Return where the task's metric is defined: rows that are not scored here will be elsewhere."""
    definition = Registry().definition(task.metric) if task.metric_file is None else None
    return ANYWHERE if definition is None else definition.domain


def _cell_reader(task: Task) -> Callable[[Sequence[str]], list[str]]:
    if task.prediction_kind is not PredictionKind.LABEL:
        return list
    if task.kind is TaskKind.MULTILABEL and len(task.prediction_columns) > 1:
        return lambda cells: ["1" if flag else "0" for flag in to_flags(cells).tolist()]
    return lambda cells: to_labels(task, cells)


def _read(file: str, column: str, start: int, reader: Callable[[Sequence[str]], _T], cells: Sequence[str]) -> _T:
    try:
        return reader(cells)
    except CellError as error:
        raise SubmissionError(
            f"{file}, column {column!r}, row {start + error.index + 1}: {shown(error.value)} {error.reason}"
        ) from None


def _numbers(
    file: str, kind: PredictionKind, columns: Mapping[str, Sequence[str]], start: int, domain: Domain
) -> NDArray[np.float64]:
    names = list(columns)
    numbers = np.column_stack([_read(file, name, start, to_numbers, cells) for name, cells in columns.items()])
    if kind is PredictionKind.NUMBER:
        outside, expected = domain.wrong(numbers), str(domain)
    else:
        outside, expected = wrong_probability(numbers), "in [0, 1]"
    if outside is not None:
        row, column = outside
        value = columns[names[column]][row]
        raise SubmissionError(
            f"{file}, column {names[column]!r}, row {start + row + 1}: {shown(value)} must be {expected}"
        )
    if kind is PredictionKind.CLASS_PROBABILITIES:
        wrong = wrong_sum(numbers)
        if wrong is not None:
            raise SubmissionError(
                f"{file}, row {start + wrong + 1}: the class probabilities sum to {numbers[wrong].sum():.6g}, "
                "and must sum to 1; none is rescaled"
            )
    return numbers


def _aligned(
    file: str, task: Task, predictions: Array, ids: list[str] | None, keys: Sequence[str] | None, rows: int
) -> Array:
    if keys is not None and len(keys) != rows:
        raise InfrastructureError(f"{len(keys)} keys for {rows} test rows")
    if ids is not None and keys is not None and not task.reads_order and are_unique(keys):
        return predictions[order_by_key(ids, keys, f"{file}, column {task.id_column!r}")]
    if len(predictions) != rows:
        found = f"more than {rows}" if len(predictions) > rows else str(len(predictions))
        raise SubmissionError(f"{file} has {found} data rows, and must have {rows}: one for every row of the test file")
    if ids is not None and keys is not None and not task.reads_order:
        require_order(ids, keys, f"{file}, column {task.id_column!r}")
    return predictions
