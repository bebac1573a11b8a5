"""Root mean squared error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.predictions import Floats, finite, numeric, paired_rows, require_between

SCORED = ("reactivity", "deg_Mg_pH10", "deg_Mg_50C")
UNSCORED = ("deg_pH10", "deg_50C")


def denoising(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the error over all pixels."""
    require_columns(submission, ("id", "value"))
    predicted = finite(submission, "value")
    ours, theirs = paired_rows(submission, answers, "id")
    return rmse(answers["value"].to_numpy()[theirs], predicted[ours])


def petfinder(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the error of scores between 1 and 100."""
    require_columns(submission, ("Id", "Pawpularity"))
    predicted = numeric(submission, "Pawpularity")
    require_between(predicted, 1, 100, "Pawpularity")
    ours, theirs = paired_rows(submission, answers, "Id")
    return rmse(answers["Pawpularity"].to_numpy()[theirs], predicted[ours])


def taxi(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the error of rows that are paired once each table is sorted by key; the keys are not compared."""
    require_columns(submission, ("fare_amount", "key"))
    require_length(submission, answers)
    predicted = finite(submission, "fare_amount")
    try:
        ours = submission[["key"]].reset_index(drop=True).sort_values("key").index
    except TypeError:
        raise SubmissionError("key mixes numbers and words; write the keys as the sample submission has them") from None
    return rmse(answers.sort_values("key")["fare_amount"].to_numpy(), predicted[ours.to_numpy()])


def stanford(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean error of three targets over the scored positions.

    Ids are compared once each table is sorted, but which rows of the submission are scored goes by their number in the file.
    """
    require_length(submission, answers)
    require_columns(submission, ("id_seqpos", *SCORED, *UNSCORED))
    ours, theirs = paired_rows(submission, answers, "id_seqpos")
    by_id = np.argsort(answers["id_seqpos"].to_numpy()[theirs])
    ours, theirs = ours[by_id], theirs[by_id]
    is_kept = answers["keep"].to_numpy(dtype=bool)
    numbers = answers.index.get_indexer_for(submission.index)
    if (numbers < 0).any():
        raise SubmissionError("the rows have more cells than the header; write the submission with to_csv(index=False)")
    ours, theirs = ours[is_kept[numbers[ours]]], theirs[is_kept[theirs]]
    if len(ours) != len(theirs):
        raise SubmissionError("the rows have more cells than the header; write the submission with to_csv(index=False)")
    errors = [rmse(answers[target].to_numpy()[theirs], finite(submission, target, ours)) for target in SCORED]
    return float(np.mean(errors))


def rmse(truth: Floats, predicted: Floats) -> float:
    """Return the root of the mean of squared differences."""
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


GRADERS: Mapping[str, Grader] = {
    "denoising-dirty-documents": denoising,
    "new-york-city-taxi-fare-prediction": taxi,
    "petfinder-pawpularity-score": petfinder,
    "stanford-covid-vaccine": stanford,
}

FAULTS: Mapping[str, str] = {
    "new-york-city-taxi-fare-prediction": "The official grader sorts both tables by key and never compares the keys: wrong "
    "keys are not noticed, and rows are paired by the rank of their key.",
    "stanford-covid-vaccine": "The official grader picks the scored rows of a submission by their number in the file: in any "
    "other order than the sample submission's, predictions are held against other positions.",
}
