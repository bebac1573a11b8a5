"""Grading a submission against answers: what `mlmaster grade` and every benchmark number come from.

Never used during a search: answers are opened here and nowhere else.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from mlmaster.core.encoding import encode_truth
from mlmaster.core.score import Direction
from mlmaster.core.task import Task
from mlmaster.errors import DataError
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.submission import read_submission

_FOLDERS = ("prepared/private", "private")
_NAMES = ("test.csv", "answers.csv")


@dataclass(frozen=True, slots=True)
class Grade:
    """A score and what it is.

    Attributes:
        score: The metric's value, not rounded.
        metric: Its standard name.
        direction: Which way is better.
        rows: Number of rows it is over.
    """

    score: float
    metric: str
    direction: Direction
    rows: int


def grade(submission: Path, answers: Path, task: Task, registry: Registry | None = None) -> Grade:
    """Return the score of a submission.

    Rows are paired by id where ids are unique in the answers, by position where they repeat or the task reads order.

    Args:
        submission: The file to grade.
        answers: A CSV file with the targets under their own names or the submission's, or one column of 0 and 1 for each
            class; other columns are ignored.
        task: The task.
        registry: Where the metric comes from; the built-in ones by default.

    Raises:
        SubmissionError: The submission breaks the format.
        DataError: The answers cannot be read.
        TaskError: The answers do not hold the task's targets, or the metric cannot be computed on them.
    """
    metric = (registry or Registry()).for_task(task)
    columns = _read_answers(answers)
    rows = len(next(iter(columns.values())))
    truth = encode_truth(task, columns)
    keys = columns.get(task.id_column) if task.id_column is not None else None
    predictions = read_submission(submission, task, keys, rows)
    return Grade(metric.score(truth, predictions), metric.name, metric.direction, rows)


def find_answers(task_dir: Path) -> Path:
    """Return the answers file of a task's folder, in `prepared/private` or `private`.

    It is `test.csv` or `answers.csv`, or else the only CSV file there that is no submission.

    Raises:
        DataError: There is none, or several could be meant.
    """
    for folder in (task_dir / each for each in _FOLDERS):
        for name in _NAMES:
            if (folder / name).is_file():
                return folder / name
        others = [each for each in sorted(folder.glob("*.csv")) if "submission" not in each.name.lower()]
        if len(others) == 1:
            return others[0]
        if others:
            raise DataError(f"{folder} holds {', '.join(each.name for each in others)}: name the answers file")
    raise DataError(
        f"{task_dir} has no answers: looked for {' and '.join(_NAMES)} in {' and '.join(_FOLDERS)}; name the answers file"
    )


def _read_answers(path: Path) -> dict[str, list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, None)
            records = [record for record in reader if record]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"answers {path} cannot be read: {error}") from error
    if not header or not records:
        raise DataError(f"answers {path} hold no rows")
    for row, record in enumerate(records, start=1):
        if len(record) != len(header):
            raise DataError(f"answers {path}, row {row}: {len(record)} cells, the header has {len(header)}")
    return {name: list(cells) for name, cells in zip(header, zip(*records, strict=True), strict=True)}
