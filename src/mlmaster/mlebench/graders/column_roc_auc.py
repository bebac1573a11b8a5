"""The area under the ROC curve of each column, averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.predictions import (
    Floats,
    finite,
    numeric,
    paired_rows,
    require_between,
    require_exactly,
)

LEAVES = ("healthy", "multiple_diseases", "rust", "scab")
TOXICITIES = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
CATHETERS = (
    "ETT - Abnormal",
    "ETT - Borderline",
    "ETT - Normal",
    "NGT - Abnormal",
    "NGT - Borderline",
    "NGT - Incompletely Imaged",
    "NGT - Normal",
    "CVC - Abnormal",
    "CVC - Borderline",
)
"""What is scored; the official list lacks two of Kaggle's columns, CVC - Normal and Swan Ganz Catheter Present."""


def column_roc_auc(
    id_column: str,
    targets: Sequence[str],
    check_columns: Callable[[pd.DataFrame, Sequence[str]], None] = require_columns,
    read: Callable[[pd.DataFrame, str], Floats] = finite,
) -> Grader:
    """Return the grader of a competition whose rows are matched by id.

    Args:
        id_column: Name of the id.
        targets: Columns to score.
        check_columns: Raises SubmissionError unless the columns are what the competition asks for.
        read: Gives the scores of a column, or raises SubmissionError.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        check_columns(submission, (id_column, *targets))
        scores = [read(submission, target) for target in targets]
        ours, theirs = paired_rows(submission, answers, id_column)
        truths = [answers[target].to_numpy()[theirs] for target in targets]
        return _mean_roc_auc(truths, [each[ours] for each in scores])

    return grade


def toxic_comments(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean over the columns in the order they stand in; comments Kaggle never scored are left out.

    A submission may hold the same ids another number of times, as long as the scored rows come to the same count.
    """
    require_exactly(submission, ("id", *TOXICITIES))
    require_length(submission, answers)
    try:
        submission = submission.set_index("id").sort_index()
    except TypeError:
        raise SubmissionError("id mixes numbers and words; write the ids as the sample submission has them") from None
    answers = answers.set_index("id").sort_index()
    is_scored = answers[list(TOXICITIES)].sum(axis=1).to_numpy() >= 0
    rows = answers.index.get_indexer_for(submission.index)
    if (rows < 0).any():
        foreign = submission.index[rows < 0]
        raise SubmissionError(f"id {shown(str(foreign[0]))} is no id of the test set ({len(foreign)} such rows)")
    predicted = submission[is_scored[rows]]
    truth = answers[is_scored].drop(columns=[name for name in answers.columns if name not in TOXICITIES])
    if len(predicted) != len(truth):
        twice = submission.index[submission.index.duplicated()]
        raise SubmissionError(f"id {shown(str(twice[0]))} stands twice ({len(twice)} such rows); write each id once")
    return _mean_roc_auc(
        [truth[name].to_numpy() for name in truth.columns], [finite(predicted, name) for name in predicted.columns]
    )


def _probabilities(submission: pd.DataFrame, column: str) -> Floats:
    values = numeric(submission, column)
    require_between(values, 0, 1, column)
    return values


def _mean_roc_auc(truths: Sequence[Floats], scores: Sequence[Floats]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(np.mean([roc_auc_score(truth, score) for truth, score in zip(truths, scores, strict=True)]))


GRADERS: Mapping[str, Grader] = {
    "jigsaw-toxic-comment-classification-challenge": toxic_comments,
    "plant-pathology-2020-fgvc7": column_roc_auc("image_id", LEAVES, require_exactly),
    "playground-series-s3e18": column_roc_auc("id", ("EC1", "EC2")),
    "ranzcr-clip-catheter-line-classification": column_roc_auc("StudyInstanceUID", CATHETERS, read=_probabilities),
}

FAULTS: Mapping[str, str] = {
    "jigsaw-toxic-comment-classification-challenge": "The official grader pairs columns by position, not by name: the six "
    "must stand in the order of the sample submission.",
    "ranzcr-clip-catheter-line-classification": "The official grader scores nine of Kaggle's eleven columns: CVC - Normal "
    "and Swan Ganz Catheter Present do not count.",
}
