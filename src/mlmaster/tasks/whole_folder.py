"""Lay out a whole task folder as a view, with nothing hidden. Standard library only, and imports nothing of ML-Master.

The counterpart of `rebuild` for tasks in which nothing can be hidden (`is_self_reported`): the same functions under the same
names, so that a finished run's `best/` folder holds this file as its `rebuild.py`, beside the same `reproduce.py`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TypedDict

WRITTEN_AT = 946_684_800
"""Every file and folder of a view bears this time (2000-01-01)."""


class PlanError(ValueError):
    """The plan and the files it names do not fit together."""


class WholePlan(TypedDict):
    """Exactly how the view is made.

    `files` are copied as they stand. `test_path` is the table a submission answers row by row: `test_rows` rows, with
    `test_columns`, delimited by `delimiter`.
    """

    name: str
    files: list[str]
    test_path: str
    test_columns: list[str]
    test_rows: int
    delimiter: str


def materialise(plan: WholePlan, source: Path, destination: Path) -> list[int]:
    """Copy the files into a new folder `destination` and return the view's rows as `row_numbers` does.

    Raises:
        PlanError: A file is not there any more, or a path leads outside.
        OSError: A file cannot be read or written.
    """
    destination.mkdir(parents=True)
    for path in plan["files"]:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise PlanError(f"{path!r} leads outside of the task's folder")
        target = destination / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source / path, target)
        except FileNotFoundError as error:
            raise PlanError(f"{source / path}: no such file; the task needs it, put it back") from error
    for folder, _, names in os.walk(destination, topdown=False):
        for name in names:
            os.utime(Path(folder, name), (WRITTEN_AT, WRITTEN_AT))
        os.utime(folder, (WRITTEN_AT, WRITTEN_AT))
    return row_numbers(plan)


def row_numbers(plan: WholePlan) -> list[int]:
    """Return -1 - k for every row k of the table that is answered: they all are real test rows."""
    return [-1 - row for row in range(plan["test_rows"])]
