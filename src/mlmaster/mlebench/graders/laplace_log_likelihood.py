"""Laplace log likelihood of a forecast with its confidence, as in OSIC's lung function competition."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns
from mlmaster.mlebench.graders.predictions import Floats

LEAST_SIGMA = 70
MOST_ERROR = 1000
SCORED_VISITS = 3
"""The last measured weeks of each patient are scored."""


def osic(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean likelihood over the scored weeks that stand in the submission."""
    require_columns(submission, ("Patient_Week", "FVC", "Confidence"))
    _require_known(submission["Patient_Week"], answers["Patient_Week"])
    for column in ("FVC", "Confidence"):
        if not pd.api.types.is_numeric_dtype(submission[column]):
            raise SubmissionError(f"{column} has a cell that is no number; write numbers alone")
    scored = _last_visits(answers).sort_values("Patient_Week")
    rows = submission[submission["Patient_Week"].isin(scored["Patient_Week"])].sort_values("Patient_Week")
    truth = scored.loc[scored["Patient_Week"].isin(rows["Patient_Week"]), "FVC"].to_numpy(dtype=np.float64)
    if len(truth) not in (1, len(rows)):
        raise SubmissionError("a Patient_Week stands twice; write each of them once")
    sigma = rows["Confidence"].to_numpy(dtype=np.float64)
    return float(
        np.mean(log_likelihood(truth, rows["FVC"].to_numpy(dtype=np.float64), np.nan_to_num(sigma, posinf=np.inf)))
    )


def log_likelihood(truth: Floats, predicted: Floats, sigma: Floats) -> Floats:
    """Return the likelihood of each forecast; errors and confidences are bounded."""
    sigma = np.maximum(sigma, LEAST_SIGMA)
    error = np.minimum(np.abs(truth - predicted), MOST_ERROR)
    likelihood: Floats = -np.sqrt(2) * error / sigma - np.log(np.sqrt(2) * sigma)
    return likelihood


def _last_visits(answers: pd.DataFrame) -> pd.DataFrame:
    # a week without a measurement stands among the answers only so that nobody can tell which weeks count
    measured = answers.dropna(subset=["FVC"])
    weeks = measured["Patient_Week"].map(lambda name: int(name.rsplit("_", 1)[-1]))
    return measured.assign(week=weeks).sort_values("week").groupby("Patient").tail(SCORED_VISITS)


def _require_known(ids: pd.Series[str], known: pd.Series[str]) -> None:
    foreign = np.flatnonzero(~ids.isin(set(known)).to_numpy())
    if len(foreign):
        raise SubmissionError(
            f"Patient_Week, row {foreign[0] + 1}: {shown(str(ids.iloc[foreign[0]]))} is none of the test set's "
            f"({len(foreign)} such rows)"
        )


GRADERS: Mapping[str, Grader] = {"osic-pulmonary-fibrosis-progression": osic}

FAULTS: Mapping[str, str] = {
    "osic-pulmonary-fibrosis-progression": "The official grader does not ask for every row: weeks left out of a submission "
    "are left out of the mean, and without any scored week the score is undefined.",
}
