"""The rows of the final submission: in which order, and with which cells beside the predictions.

Predictions are kept by row number everywhere; only here they meet the order and the ids a grader expects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.task import Task
from mlmaster.errors import TaskError
from mlmaster.tasks import table


@dataclass(frozen=True, slots=True)
class Layout:
    """The frame of a submission.

    Attributes:
        order: Shape (n,): for each submission row, the number of the real test row (or train row, out of fold).
        echo: For every submission column that is no prediction, its cells in submission order.
    """

    order: NDArray[np.int64]
    echo: Mapping[str, list[str]]


def submission_layout(task: Task) -> Layout:
    """Return the layout of the final submission over the real test rows.

    The task's own sample decides where it can: by id where its ids are the test table's and unique, by position where it
    has as many rows and no id. Otherwise the rows stand in test order.

    Raises:
        TaskError: The task has no test file.
        DataError: A table cannot be read.
    """
    if task.test is None:
        raise TaskError(f"task {task.name} has no test file; its answers are out-of-fold predictions of the train rows")
    path = task.directory / task.test
    echo = [column for column in task.submission_columns if column not in task.prediction_columns]
    header = table.read_header(path, task.delimiter)
    test = table.read_columns(path, [column for column in echo if column in header], task.delimiter)
    rows = len(next(iter(test.values()))) if test else table.count_rows(path, task.delimiter)
    sample = _read_sample(task, echo)
    order = _match(task, test, sample, rows)
    if order is not None:
        return Layout(order, {column: list(sample[column]) for column in echo})
    return Layout(np.arange(rows, dtype=np.int64), {c: list(test.get(c) or _count(rows, sample.get(c))) for c in echo})


def out_of_fold_layout(task: Task) -> Layout:
    """Return the layout over all train rows, in file order, for a task without a test file.

    A submission column that train does not have holds the row's number, from 0.

    Raises:
        DataError: The train table cannot be read.
    """
    path = task.directory / task.train
    echo = [column for column in task.submission_columns if column not in task.prediction_columns]
    header = table.read_header(path, task.delimiter)
    train = table.read_columns(path, [column for column in echo if column in header], task.delimiter)
    rows = len(next(iter(train.values()))) if train else table.count_rows(path, task.delimiter)
    return Layout(np.arange(rows, dtype=np.int64), {c: list(train.get(c) or _count(rows, None)) for c in echo})


def _read_sample(task: Task, echo: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the sample's cells beside the predictions; where there are none, one prediction column gives the length."""
    if task.sample is None:
        return {}
    path = task.directory / task.sample
    return table.read_columns(path, [*echo] or [task.prediction_columns[0]])


def _match(
    task: Task, test: Mapping[str, list[str]], sample: Mapping[str, list[str]], rows: int
) -> NDArray[np.int64] | None:
    """Return the test row of each sample row, or None when the sample does not say."""
    if not sample or len(next(iter(sample.values()))) != rows:
        return None
    column = task.id_column
    if column is None or column not in test or column not in sample:
        return np.arange(rows, dtype=np.int64)
    number = {cell: row for row, cell in enumerate(test[column])}
    if len(number) == rows and set(sample[column]) == number.keys():
        return np.array([number[cell] for cell in sample[column]], dtype=np.int64)
    return np.arange(rows, dtype=np.int64) if sample[column] == test[column] else None


def _count(rows: int, sample: Sequence[str] | None) -> list[str]:
    """Return consecutive numbers, from the sample's first where it has one."""
    first = sample[0] if sample and sample[0].isdecimal() else "0"
    return [str(int(first) + row) for row in range(rows)]
