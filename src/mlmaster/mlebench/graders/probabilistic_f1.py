"""Probabilistic F1: F1 where a probability counts as so much of a positive.

Source: kaggle.com/code/sohier/probabilistic-f-score, as MLE-bench has it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import numbers, pair_by_id, require_columns


def probabilistic_f1(id_column: str, target: str) -> Grader:
    """Return the grader of a competition with a probability for each id; those outside 0 and 1 are cut to them.

    A missing probability, or none above 0, makes the score 0. Where all are below 0 there is no score.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (id_column, target))
        submission, answers = pair_by_id(submission, answers, id_column)
        found, expected = _probabilities(submission, target), answers[target].to_numpy().astype(bool)
        if (found < 0).all():
            raise SubmissionError(f"every {target} is below 0; write probabilities between 0 and 1")
        found = np.clip(found, 0, 1)
        true, total = found[expected].sum(), found.sum()
        if not true > 0 or np.isnan(total):
            return 0.0
        precision, recall = true / total, true / expected.sum()
        return float(2 * precision * recall / (precision + recall))

    return grade


def _probabilities(submission: pd.DataFrame, column: str) -> NDArray[np.float64]:
    found = numbers(submission, column)
    texts = submission[column].map(lambda cell: isinstance(cell, str)).to_numpy()
    if texts.any():
        cell = shown(submission[column].iloc[int(texts.argmax())])
        raise SubmissionError(f"{column}: {cell} was read as text; write probabilities between 0 and 1")
    return found.astype(np.float64)


GRADERS: Mapping[str, Grader] = {
    "rsna-breast-cancer-detection": probabilistic_f1("prediction_id", "cancer"),
}

FAULTS: Mapping[str, str] = {
    "rsna-breast-cancer-detection": "One empty cell makes the score 0, and not the submission invalid.",
}
