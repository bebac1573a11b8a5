"""Weighted log loss: the whole neck counts seven times a vertebra, and a fracture twice its absence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns
from mlmaster.mlebench.graders.predictions import numeric, paired_rows, require_between

EPSILON = 1e-15
OVERALL = "patient_overall"
OVERALL_WEIGHT = 7
POSITIVE_WEIGHT = 2


def cervical_spine(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean over patients of the weighted mean over their eight rows."""
    require_columns(submission, ("row_id", "fractured"))
    chance = numeric(submission, "fractured")
    require_between(chance, 0, 1, "fractured")
    ours, theirs = paired_rows(submission, answers, "row_id")
    chance = np.clip(chance[ours], EPSILON, 1 - EPSILON)
    parts = answers["row_id"].str.split("_", n=1, expand=True).iloc[theirs]
    truth = answers["fractured"].to_numpy()[theirs]
    loss = -np.log(np.where(truth == 1, chance, 1 - chance))
    weight = np.where(parts[1] == OVERALL, OVERALL_WEIGHT, 1) * np.where(truth == 1, POSITIVE_WEIGHT, 1)
    _, patients = np.unique(parts[0].to_numpy(dtype=str), return_inverse=True)
    return float(np.mean(np.bincount(patients, loss * weight) / np.bincount(patients, weight)))


GRADERS: Mapping[str, Grader] = {"rsna-2022-cervical-spine-fracture-detection": cervical_spine}
