"""Tables with a planted relation between train and test: groups, time, stretches, twins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.tasks.scheme import Layout, lay_out
from mlmaster.tasks.table import read_columns, write_rows
from mlmaster.tasks.truth import read_truth

Row = tuple[str, ...]


def write(directory: Path, columns: Sequence[str], train: Sequence[Row], test: Sequence[Row], **changes: Any) -> Task:
    """Write a task: the given columns and noise in both tables, a label in train; without test rows no test file."""
    directory.mkdir(parents=True, exist_ok=True)
    random = Random(0)
    header = [*columns, "a", "b", "c"]

    def noise() -> list[str]:
        return [f"{random.random():.4f}" for _ in range(3)]

    labelled = [[*row, *noise(), str(int(random.random() < 0.4))] for row in train]
    write_rows(directory / "train.csv", [*header, "y"], labelled)
    if test:
        write_rows(directory / "test.csv", header, [[*row, *noise()] for row in test])
    fields: dict[str, Any] = {
        "name": "planted",
        "directory": directory,
        "train": "train.csv",
        "test": "test.csv" if test else None,
        "submission_columns": ("id", "y"),
        "prediction_columns": ("y",),
        "targets": ("y",),
        "kind": TaskKind.BINARY,
        "prediction_kind": PredictionKind.LABEL,
        "classes": ("0", "1"),
        "metric": "accuracy",
        "direction": Direction.MAXIMIZE,
    }
    return Task(**{**fields, **changes})


def decide(task: Task, seed: int = 0, **asked: Any) -> Layout:
    """Lay out a planted task."""
    from mlmaster.tasks.scheme import Asked

    truth, labelled = read_truth(task, read_columns(task.directory / task.train, list(task.targets)))
    return lay_out(task, truth, labelled, seed, Asked(**asked))


def hidden(layout: Layout) -> np.ndarray[Any, Any]:
    """Return shape (folds over all repeats, rows): which rows each fold hides."""
    return np.stack([layout.hiding.hidden_in(fold) for fold in range(layout.hiding.folds * layout.hiding.repeats)])


def groups(rows: int, count: int, prefix: str, seed: int = 0) -> list[str]:
    """Return a group for each row."""
    random = Random(seed)
    return [f"{prefix}{random.randrange(count)}" for _ in range(rows)]


def day(number: int) -> str:
    """Return the date so many days after the first of 2020."""
    return str(np.datetime64("2020-01-01") + number)
