"""Macro F1: the mean F1 over every class that is true of a row or predicted for one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.texts import named


def macro_f1(id_column: str, target: str) -> Grader:
    """Return the grader of a competition with a class for each id, a whole number; digits after the point are cut off."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        from sklearn.metrics import f1_score

        require_columns(submission, (id_column, target))
        _require_whole(submission, target)
        submission, answers = pair_by_id(submission, answers, id_column)
        expected, found = ([int(cell) for cell in table[target].tolist()] for table in (answers, submission))
        try:
            return float(f1_score(expected, found, average="macro"))
        except ValueError as error:
            raise SubmissionError(
                f"{target} holds numbers too large for a class; the greatest is {max(found):.4g}"
            ) from error

    return grade


def _require_whole(submission: pd.DataFrame, column: str) -> None:
    for row, cell in enumerate(submission[column].tolist(), start=1):
        try:
            int(cell)
        except (ValueError, OverflowError):
            raise SubmissionError(
                f"{column}, row {row}: {named(cell)} is no class; write a whole number in every row"
            ) from None


GRADERS: Mapping[str, Grader] = {
    "herbarium-2020-fgvc7": macro_f1("Id", "Predicted"),
    "herbarium-2021-fgvc8": macro_f1("Id", "Predicted"),
    "herbarium-2022-fgvc9": macro_f1("Id", "Predicted"),
    "iwildcam-2019-fgvc6": macro_f1("Id", "Category"),
}

_CUT = "Classes with digits after the point are cut to whole numbers (1.9 counts as 1)."

FAULTS: Mapping[str, str] = dict.fromkeys(GRADERS, _CUT)
