"""Whether a submission is valid, and why not, in words that anybody may read: what a validation server answers.

The verdict is the official one: valid is what the grader gives a score for, NaN included. The score itself is never kept.
Unlike the official validator this one reads answers that are no CSV too, so that every competition has a verdict. What its
messages may hold is the business of `disclosure.py`.
"""

from __future__ import annotations

import csv
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.disclosure import LONGEST, Known, told
from mlmaster.mlebench.graders.pairing import require_length
from mlmaster.mlebench.grading import absence, score_of
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.tables import EXACT_FLOATS, Answers, read_answers, read_submission, with_plain_text

VALID = "Submission is valid."
INVALID = "Submission invalid!"
"""How the messages begin that clients of MLE-bench's protocol look for."""

_LONG_BYTES = 16 * 2**20
_LONG_TIMES_ANSWERS = 4
"""Smaller files, or smaller ones beside their answers, are always read whole."""
_MOST_ROWS_PER_ANSWER = 20
"""No grader asks for as many rows for one row of the answers."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The verdict on a submission.

    Attributes:
        is_valid: Whether it would get a score.
        message: For whoever handed it in; holds no label, no id and no number of the answers.
    """

    is_valid: bool
    message: str


def validate(submission: Path, place: Place) -> Validation:
    """Say whether a submission would get a score.

    Raises:
        DataError: The competition is not prepared, or its answers cannot be read.
    """
    if reason := absence(submission):
        return _invalid(reason)
    path = place.require_answers()
    answers = read_answers(path)
    if _is_refused_by_its_length(submission, answers, place):
        return _invalid("the submission has far more rows than the test set; write one row for each of its rows")
    try:
        table = read_submission(submission, path)
    except SubmissionError as error:  # raised before any grader saw the answers: its words are about the file alone
        return _invalid(_bounded(str(error)))
    except MemoryError:
        return _invalid("reading the submission takes more memory than there is; is it far too large?")
    columns, rows = [str(column) for column in table.columns], len(table)
    try:
        score_of(table, answers, place.competition)
    except SubmissionError as error:
        reason = str(error)
        del table, answers
        shown_columns, shown_rows = _sample_of(place)
        counts = (rows, len(columns), shown_rows, len(shown_columns))
        known = Known(submission, list(dict.fromkeys([*columns, *shown_columns])), counts)
        return _invalid(told(reason, known))
    return Validation(True, VALID)


def _is_refused_by_its_length(submission: Path, answers: Answers, place: Place) -> bool:
    """Return True for a submission so long that its grader refuses it whatever else it holds; most of it is not read.

    That is seen on a piece of it which is itself far too long: a grader that refuses the piece for its length refuses what
    is longer still. Where it does not, or anything else is wrong, there is no shorter way than to grade the whole.
    """
    if submission.stat().st_size < max(_LONG_BYTES, _LONG_TIMES_ANSWERS * place.answers.stat().st_size):
        return False
    rows = _MOST_ROWS_PER_ANSWER * (len(answers) + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns whose cells are of several kinds
            piece = with_plain_text(pd.read_csv(submission, nrows=rows, **EXACT_FLOATS))
        if len(piece) < rows:
            return False
        score_of(piece, answers.copy() if isinstance(answers, pd.DataFrame) else list(answers), place.competition)
    except SubmissionError as error:
        return any(frame.name == require_length.__name__ for frame in traceback.extract_tb(error.__traceback__))
    except (ValueError, OverflowError, MemoryError):
        return False
    return False


def _invalid(reason: str) -> Validation:
    return Validation(False, f"{INVALID} {reason}")


def _bounded(reason: str) -> str:
    text = " ".join(reason.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _sample_of(place: Place) -> tuple[list[str], int]:
    """Return columns and number of rows of the sample submission, which are public even where its file is not."""
    try:
        with place.sample.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            return header, sum(1 for row in rows if row)
    except (OSError, UnicodeDecodeError, csv.Error):
        return [], 0
