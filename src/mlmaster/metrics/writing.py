"""Writing submissions: the whole file or nothing, and numbers so that they read back to the same bits."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mlmaster.core.task import Task
from mlmaster.errors import SubmissionError
from mlmaster.ports import Array

_BLOCK_ROWS = 2**16
_SPECIAL = re.compile('[,"\\r\\n]')


def write_submission(path: Path, task: Task, echo: Mapping[str, Sequence[str]], predictions: Array) -> None:
    """Write a submission in place of what was there, whole or not at all.

    Numbers are written so that reading gives the same bits.

    Args:
        path: The file.
        task: The task.
        echo: The columns copied from the test table, by name: every submission column that is no prediction.
        predictions: Shape (n, prediction columns).

    Raises:
        SubmissionError: The predictions are not finite, or do not fit the rows.
    """
    rows = len(predictions)
    if predictions.shape != (rows, len(task.prediction_columns)):
        raise SubmissionError(
            f"predictions have shape {predictions.shape}, the submission has {len(task.prediction_columns)} columns of them"
        )
    if predictions.dtype.kind == "f" and not np.isfinite(predictions).all():
        row = int(np.argwhere(~np.isfinite(predictions))[0][0])
        raise SubmissionError(f"{path.name}, row {row + 1}: the prediction is not finite")
    for name in task.submission_columns:
        if name not in task.prediction_columns and len(echo[name]) != rows:
            raise SubmissionError(f"column {name!r} has {len(echo[name])} rows, the predictions have {rows}")
    _replace(path, _csv_lines(task, echo, predictions))


def _csv_lines(task: Task, echo: Mapping[str, Sequence[str]], predictions: Array) -> Iterator[str]:
    # Not csv.writer: with "\n" as line end it leaves a lone "\r" unquoted before Python 3.13, and a reader
    # takes that for the end of the row.
    width = len(task.submission_columns)
    yield ",".join(_cell(name, width) for name in task.submission_columns) + "\n"
    for start in range(0, len(predictions), _BLOCK_ROWS):
        block = predictions[start : start + _BLOCK_ROWS]
        predicted = {name: block[:, j].tolist() for j, name in enumerate(task.prediction_columns)}
        columns = [
            [_cell(str(value), width) for value in predicted[name]]
            if name in predicted
            else [_cell(text, width) for text in echo[name][start : start + len(block)]]
            for name in task.submission_columns
        ]
        yield from (",".join(record) + "\n" for record in zip(*columns, strict=True))


def _cell(text: str, width: int) -> str:
    # A row that is one empty cell would be an empty line, which readers skip.
    if _SPECIAL.search(text) or (width == 1 and not text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _replace(path: Path, lines: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.writelines(lines)
            stream.flush()
            os.fsync(descriptor)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
