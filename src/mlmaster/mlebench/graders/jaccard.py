"""Mean Jaccard index of the words of two texts, whatever their case and order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.texts import filled_texts, require_text


def mean_jaccard(id_column: str, target: str, *, takes_text_only: bool, both_empty: float | None) -> Grader:
    """Return the grader of a competition scored by the words two texts share.

    Args:
        id_column: Column of ids.
        target: Column of texts; an empty cell is a text without words.
        takes_text_only: Whether a column of numbers is invalid, rather than read as words.
        both_empty: Score of a row without words on either side; None where that makes the submission invalid.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (id_column, target))
        if takes_text_only:
            require_text(submission, target)
        submission, answers = pair_by_id(submission, answers, id_column)
        pairs = zip(filled_texts(submission[target]), filled_texts(answers[target]), strict=True)
        return float(np.mean([_jaccard(found, expected, both_empty) for found, expected in pairs]))

    return grade


def _jaccard(found: str, expected: str, both_empty: float | None) -> float:
    words, truth = set(found.lower().split()), set(expected.lower().split())
    either = len(words | truth)
    if either:
        return len(words & truth) / either
    if both_empty is None:
        raise SubmissionError("the score is undefined where a text has no words; write at least one in every row")
    return both_empty


GRADERS: Mapping[str, Grader] = {
    "chaii-hindi-and-tamil-question-answering": mean_jaccard(
        "id", "PredictionString", takes_text_only=True, both_empty=0.0
    ),
    "tweet-sentiment-extraction": mean_jaccard("textID", "selected_text", takes_text_only=False, both_empty=None),
}
