"""Weighted area under the ROC curve: what lies below a true positive rate of 0.4 counts twice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.predictions import Floats, finite, paired_rows

BEND = 0.4
LOW_WEIGHT, HIGH_WEIGHT = 2, 1


def alaska(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the weighted area, 1 for a perfect order."""
    require_length(submission, answers)
    require_columns(submission, ("Id", "Label"))
    scores = finite(submission, "Label")
    ours, theirs = paired_rows(submission, answers, "Id")
    return weighted_area(answers["Label"].to_numpy()[theirs], scores[ours])


def weighted_area(truth: Floats, scores: Floats) -> float:
    """Return the area under the curve, split at the bend, each part by its weight and the whole by the most it can be."""
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(truth, scores, pos_label=1)
    at = int(np.searchsorted(true_rate, BEND, side="right"))
    share = (BEND - true_rate[at - 1]) / (true_rate[at] - true_rate[at - 1])
    corner = false_rate[at - 1] + share * (false_rate[at] - false_rate[at - 1])
    x, y = np.insert(false_rate, at, corner), np.insert(true_rate, at, BEND)
    low, high = np.trapezoid(np.minimum(y, BEND), x), np.trapezoid(np.maximum(y - BEND, 0), x)
    return float((LOW_WEIGHT * low + HIGH_WEIGHT * high) / (LOW_WEIGHT * BEND + HIGH_WEIGHT * (1 - BEND)))


GRADERS: Mapping[str, Grader] = {"alaska2-image-steganalysis": alaska}
