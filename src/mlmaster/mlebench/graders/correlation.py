"""Correlations: Pearson's, and the mean of Spearman's over columns. A constant column has none, and the score is then NaN."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.predictions import numeric, paired_rows, require_exactly


def patent(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return Pearson's correlation."""
    from scipy.stats import pearsonr

    require_columns(submission, ("id", "score"))
    if submission["score"].dtype == object:
        numeric(submission, "score")
        raise SubmissionError("score mixes flags and empty cells; write numbers alone")
    ours, theirs = paired_rows(submission, answers, "id")
    return float(pearsonr(answers["score"].to_numpy()[theirs], submission["score"].to_numpy()[ours]).statistic)


def quest(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean of 30 correlations of ranks, over rows paired once each table is sorted by id; ids are not compared."""
    from scipy.stats import spearmanr

    require_exactly(submission, list(answers.columns))
    require_length(submission, answers)
    try:
        submission = submission.sort_values("qa_id")
    except TypeError:
        raise SubmissionError(
            "qa_id mixes numbers and words; write the ids as the sample submission has them"
        ) from None
    answers = answers.sort_values("qa_id")
    targets = [name for name in answers.columns if name != "qa_id"]
    return float(np.mean([spearmanr(submission[name], answers[name]).statistic for name in targets]))


GRADERS: Mapping[str, Grader] = {
    "google-quest-challenge": quest,
    "us-patent-phrase-to-phrase-matching": patent,
}

FAULTS: Mapping[str, str] = {
    "google-quest-challenge": "The official grader sorts both tables by qa_id and never compares the ids; a column of text "
    "is ranked by the alphabet, and one constant column, or one empty cell, leaves the whole score undefined.",
    "us-patent-phrase-to-phrase-matching": "An empty or infinite cell, or one and the same score in every row, leaves the "
    "official score undefined: such a submission is valid, and earns nothing.",
}
