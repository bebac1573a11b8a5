"""Mean absolute error, and the mean of its logarithm over groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns
from mlmaster.mlebench.graders.predictions import finite, ids_of_rows, paired_rows


def ventilator(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the error while the patient breathes in; what stands in the other rows does not matter."""
    require_columns(submission, ("id", "pressure"))
    ours, theirs = paired_rows(submission, answers, "id")
    scored = (answers["u_out"] == 0).to_numpy()[theirs]
    predicted = finite(submission, "pressure", ours[scored])
    return float(np.mean(np.abs(answers["pressure"].to_numpy()[theirs[scored]] - predicted)))


def volcano(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the error, rounded to a whole number; an id that stands twice counts twice."""
    require_columns(submission, ("time_to_eruption", "segment_id"))
    rows = ids_of_rows(submission, answers, "segment_id")
    truth = answers["time_to_eruption"].to_numpy()[rows]
    return round(float(np.mean(np.abs(truth - finite(submission, "time_to_eruption")))))


def champs(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean over types of coupling of the logarithm of the error; a type without any error gives -inf."""
    require_columns(submission, ("scalar_coupling_constant", "id"))
    rows = ids_of_rows(submission, answers, "id")
    truth = answers["scalar_coupling_constant"].to_numpy()[rows]
    errors = np.abs(truth - finite(submission, "scalar_coupling_constant"))
    _, types = np.unique(answers["type"].to_numpy(dtype=str)[rows], return_inverse=True)
    return float(np.mean(np.log(np.bincount(types, errors) / np.bincount(types))))


GRADERS: Mapping[str, Grader] = {
    "champs-scalar-coupling": champs,
    "predict-volcanic-eruptions-ingv-oe": volcano,
    "ventilator-pressure-prediction": ventilator,
}

FAULTS: Mapping[str, str] = {
    "champs-scalar-coupling": "The official grader takes an id more than once, and each of its rows counts.",
    "predict-volcanic-eruptions-ingv-oe": "The official grader rounds the error to a whole number, and takes a segment_id "
    "more than once: each of its rows counts.",
}
