"""Kullback-Leibler divergence of predicted vote shares from the experts', as Kaggle's own metric notebook has it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.predictions import Floats, ids_of_rows, numeric
from mlmaster.mlebench.graders.probability_rows import require_sums

ID = "eeg_id"
VOTES = ("seizure_vote", "lpd_vote", "gpd_vote", "lrda_vote", "grda_vote", "other_vote")
EPSILON = 1e-15


def harmful_activity(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean divergence over rows; an empty cell adds nothing to it."""
    require_columns(submission, (ID, *VOTES))
    require_length(submission, answers)
    _require_shares(submission)
    ours, theirs = _rows_by_id(submission, answers)
    divergence = np.zeros(len(answers))
    votes = answers[list(VOTES)].to_numpy(dtype=np.float64)
    truth = (votes / votes.sum(axis=1, keepdims=True))[theirs]
    for position, name in enumerate(VOTES):
        predicted = submission[name].to_numpy()
        # pandas 2 turns a clipped column of whole numbers back into whole numbers, so that 0 stays 0
        if predicted.dtype.kind == "f":
            predicted = np.clip(predicted, EPSILON, 1 - EPSILON)
        share = truth[:, position]
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(share != 0, share * np.log(share / predicted[ours]), 0)
        divergence += np.where(np.isnan(part), 0, part)
    return float(divergence.mean())


def _require_shares(submission: pd.DataFrame) -> None:
    require_sums(np.nansum([numeric(submission, name) for name in VOTES], axis=0), _rounds_to_one)
    columns = [name for name in submission.columns if name != ID]
    for name in columns:
        if submission[name].dtype.kind not in "iuf":
            raise SubmissionError(f"{name} holds something else than numbers; leave it out or write numbers alone")
        values = submission[name].to_numpy()
        outside = (values < 0) | (values > 1)
        if outside.any():
            row = int(np.argmax(outside))
            raise SubmissionError(f"{name}, row {row + 1}: {values[row]:.10g} is not between 0 and 1")
    # columns that nobody asked for count here, as in the original
    sums = np.nansum([submission[name].to_numpy(dtype=np.float64) for name in columns], axis=0)
    require_sums(sums, lambda sums: np.isclose(sums, 1))


def _rounds_to_one(sums: Floats) -> NDArray[np.bool_]:
    # Python rounds the decimal value and NumPy a product, and they differ half-way
    return np.array([round(each, 5) == 1 for each in sums.tolist()], dtype=bool)


def _rows_by_id(submission: pd.DataFrame, answers: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    ids_of_rows(submission, answers.drop_duplicates(ID), ID)
    ours, theirs = (
        table[[ID]].reset_index(drop=True).sort_values(ID).index.to_numpy() for table in (submission, answers)
    )
    return ours, theirs


GRADERS: Mapping[str, Grader] = {"hms-harmful-brain-activity-classification": harmful_activity}

FAULTS: Mapping[str, str] = {
    "hms-harmful-brain-activity-classification": "An eeg_id has many rows, and the official grader pairs them in the order "
    "of an unstable sort: keep the order of the sample submission. Empty cells count as no divergence, and a column of whole "
    "numbers, 0 and 1 alone, is not clipped, so that a 0 there can make the score infinite.",
}
