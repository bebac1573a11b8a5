"""Areas under the ROC curve over all comments and over those about each of nine groups of people, joined by power means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns
from mlmaster.mlebench.graders.predictions import numeric, paired_rows

Flags = NDArray[np.bool_]

GROUPS = (
    "male",
    "female",
    "homosexual_gay_or_lesbian",
    "christian",
    "jewish",
    "muslim",
    "black",
    "white",
    "psychiatric_or_mental_illness",
)
POWER = -5
WEIGHT = 0.25


def toxicity(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the weighted sum of the overall area and three power means; everything is cut at 0.5 beforehand."""
    require_columns(submission, ("id",))
    column = _column_of_predictions(submission)
    said = numeric(submission, column) >= 0.5
    ours, theirs = paired_rows(submission, answers, "id")
    said, is_toxic = said[ours], (answers["toxicity"] >= 0.5).to_numpy()[theirs]
    areas = []
    for group in GROUPS:
        is_member = (answers[group] >= 0.5).to_numpy()[theirs]
        for kept in (is_member, is_member != is_toxic, is_member == is_toxic):
            areas.append(hard_roc_auc(is_toxic[kept], said[kept]))
    if 0.0 in areas:
        raise SubmissionError(
            "the submission orders the comments about a group of people all wrongly, which the metric cannot take; does a "
            "higher prediction mean toxic?"
        )
    means = np.mean(np.reshape(areas, (len(GROUPS), 3)) ** float(POWER), axis=0) ** (1 / POWER)
    return float(WEIGHT * (hard_roc_auc(is_toxic, said) + means.sum()))


def hard_roc_auc(truth: Flags, said: Flags) -> float:
    """Return the area for predictions of yes and no: the mean of sensitivity and specificity, NaN where one has no rows."""
    with np.errstate(invalid="ignore"):
        sensitivity = np.divide(np.count_nonzero(truth & said), np.count_nonzero(truth))
        specificity = np.divide(np.count_nonzero(~truth & ~said), np.count_nonzero(~truth))
    return float((sensitivity + specificity) / 2)


def _column_of_predictions(submission: pd.DataFrame) -> str:
    found = [name for name in ("prediction", "toxicity") if name in submission.columns]
    if len(found) == 2:
        raise SubmissionError("the submission has both a column 'prediction' and a column 'toxicity'; leave one out")
    if not found:
        require_columns(submission, ("prediction",))
    return found[0]


GRADERS: Mapping[str, Grader] = {"jigsaw-unintended-bias-in-toxicity-classification": toxicity}

FAULTS: Mapping[str, str] = {
    "jigsaw-unintended-bias-in-toxicity-classification": "The official grader turns predictions into yes and no at 0.5 (an "
    "empty cell is a no), so every area is one of hard labels: only the side of 0.5 counts, and scores lie below Kaggle's.",
}
