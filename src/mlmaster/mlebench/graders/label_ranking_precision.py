"""Label-weighted label-ranking average precision: the mean precision over all true labels of all rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import numbers, pair_by_id
from mlmaster.mlebench.graders.texts import named


def label_ranking_precision(id_column: str) -> Grader:
    """Return the grader of a competition whose first column is the id, and all others are scores of classes.

    Rows without a true label do not count, whatever is in them.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        from sklearn.metrics import label_ranking_average_precision_score

        _require_order(submission, list(answers.columns))
        classes = list(answers.columns[1:])
        for name in classes:
            submission[name] = numbers(submission, name)
        submission, answers = pair_by_id(submission, answers, id_column)
        truth = answers[classes].to_numpy() > 0
        weights = truth.sum(axis=1)
        some = weights > 0
        scored = submission[some]
        _require_finite(scored, id_column, classes)
        scores = scored[classes].to_numpy()
        return float(label_ranking_average_precision_score(truth[some], scores, sample_weight=weights[some]))

    return grade


def _require_order(submission: pd.DataFrame, columns: list[str]) -> None:
    found = list(submission.columns)
    if found == columns:
        return
    if len(found) != len(columns):
        raise SubmissionError(
            f"the submission has {len(found)} columns, and must have the {len(columns)} of the sample submission"
        )
    place = next(place for place, (one, other) in enumerate(zip(found, columns, strict=True)) if one != other)
    raise SubmissionError(
        f"column {place + 1} is {shown(str(found[place]))}, and another one in the sample submission; write its columns in "
        "its order"
    )


def _require_finite(scored: pd.DataFrame, id_column: str, classes: list[str]) -> None:
    wrong = ~np.isfinite(scored[classes].to_numpy(dtype=float))
    if wrong.any():
        row, column = (int(each) for each in np.argwhere(wrong)[0])
        name, cell = shown(str(scored[id_column].iloc[row])), named(scored[classes[column]].iloc[row])
        raise SubmissionError(
            f"{classes[column]} of {id_column} {name}: {cell} is no finite number; write a score in every cell"
        )


GRADERS: Mapping[str, Grader] = {
    "freesound-audio-tagging-2019": label_ranking_precision("fname"),
}
