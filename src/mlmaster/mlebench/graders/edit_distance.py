"""Levenshtein distance: of texts on average, or of sequences of numbers for each number of the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.extras import require
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.texts import as_texts, require_text


def mean_distance(id_column: str, target: str, *, takes_text_only: bool) -> Grader:
    """Return the grader of a competition scored by the mean distance between texts.

    Args:
        id_column: Column of ids.
        target: Column of texts.
        takes_text_only: Whether an empty cell and a column of numbers are invalid; otherwise they are read as words, an
            empty cell as `nan`.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (id_column, target))
        if takes_text_only:
            _require_full_text(submission, target)
        submission, answers = pair_by_id(submission, answers, id_column)
        distance = _distance()
        pairs = zip(as_texts(submission[target]), as_texts(answers[target]), strict=True)
        return float(np.mean([distance(found, expected) for found, expected in pairs]))

    return grade


def error_rate(id_column: str, target: str) -> Grader:
    """Return the grader of a competition whose target lists whole numbers: all distances over all numbers of the truth."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (id_column, target))
        found_rows = [_numbers(target, row, text) for row, text in enumerate(as_texts(submission[target]), start=1)]
        submission["found"] = pd.Series(found_rows, index=submission.index, dtype=object)
        submission, answers = pair_by_id(submission, answers, id_column)
        expected_rows = [list(map(int, text.split())) for text in as_texts(answers[target])]
        distance = _distance()
        distances = sum(map(distance, submission["found"], expected_rows))
        return distances / sum(map(len, expected_rows))

    return grade


def _distance() -> Callable[..., int]:
    return require("rapidfuzz.distance.Levenshtein").distance  # type: ignore[no-any-return]


def _numbers(column: str, row: int, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split()]
    except ValueError:
        cell = "an empty cell" if text == "nan" else shown(text)
        raise SubmissionError(
            f"{column}, row {row}: {cell} is no list of whole numbers with blanks between them"
        ) from None


def _require_full_text(submission: pd.DataFrame, column: str) -> None:
    require_text(submission, column)
    empty = submission[column].isna().to_numpy()
    if empty.any():
        raise SubmissionError(
            f"{column}, row {int(empty.argmax()) + 1}: the cell is empty ({int(empty.sum())} such rows); write a text in "
            "every row"
        )


GRADERS: Mapping[str, Grader] = {
    "billion-word-imputation": mean_distance("id", "sentence", takes_text_only=True),
    "bms-molecular-translation": mean_distance("image_id", "InChI", takes_text_only=False),
    "multi-modal-gesture-recognition": error_rate("Id", "Sequence"),
}

FAULTS: Mapping[str, str] = {
    "billion-word-imputation": "One empty sentence makes the whole submission invalid.",
    "bms-molecular-translation": "An empty cell is scored as the word nan.",
}
