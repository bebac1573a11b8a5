"""Micro F1 of sets of labels: hits of all rows over labels given and labels true."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.texts import filled_texts, require_text


def micro_f1(id_column: str, target: str) -> Grader:
    """Return the grader of a competition whose target lists labels with blanks between them.

    Labels that no answer has do not exist: giving one costs nothing.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (id_column, target))
        require_text(submission, target)
        submission, answers = pair_by_id(submission, answers, id_column)
        truth = [set(text.split()) for text in filled_texts(answers[target])]
        known = set().union(*truth)
        hits = given = 0
        for text, labels in zip(filled_texts(submission[target]), truth, strict=True):
            found = known.intersection(text.split())
            hits += len(found & labels)
            given += len(found)
        return 2 * hits / (given + sum(map(len, truth)))

    return grade


GRADERS: Mapping[str, Grader] = {
    "facebook-recruiting-iii-keyword-extraction": micro_f1("Id", "Tags"),
    "imet-2020-fgvc7": micro_f1("id", "attribute_ids"),
    "plant-pathology-2021-fgvc8": micro_f1("image", "labels"),
}

_UNKNOWN = "Labels that no row of the test set has are passed over; Kaggle counts them as wrong."
_POOLED = "F1 is of all rows together (micro); Kaggle's is the mean over rows."
_NUMBERS = (
    "A submission with no more than one number in every row is invalid: it reads as numbers, and text is asked for."
)

FAULTS: Mapping[str, str] = {
    "facebook-recruiting-iii-keyword-extraction": f"{_UNKNOWN} {_POOLED}",
    "imet-2020-fgvc7": f"{_UNKNOWN} {_NUMBERS}",
    "plant-pathology-2021-fgvc8": f"{_UNKNOWN} {_POOLED}",
}
