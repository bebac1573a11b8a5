"""Log loss: the mean of -ln of the probability given to the true class, as scikit-learn clips it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.predictions import Floats, numeric, paired_rows, require_between, require_exactly
from mlmaster.mlebench.graders.probability_rows import is_close_to_one, probabilities, rounds_to_one

EPSILON = np.finfo(np.float64).eps
"""Probabilities are clipped to this and to one less it (scikit-learn from 1.5 on, for doubles)."""


def binary(target: str) -> Grader:
    """Return the grader of a competition with the probability of one class."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, ("id", target))
        chance = numeric(submission, target)
        require_between(chance, 0, 1, target)
        ours, theirs = paired_rows(submission, answers, "id")
        chance = chance[ours]
        return mean_log_loss(np.where(answers[target].to_numpy()[theirs] == 1, chance, 1 - chance))

    return grade


def multiclass(
    check_columns: Callable[[pd.DataFrame, list[str]], None],
    is_one: Callable[[Floats], NDArray[np.bool_]] = is_close_to_one,
    classes: tuple[str, ...] = (),
) -> Grader:
    """Return the grader of a competition with a column for each class, whose answers are one-hot.

    Args:
        check_columns: Raises SubmissionError unless the columns are what the competition asks for.
        is_one: Says which sums of rows count as 1.
        classes: Columns of the classes; all of the answers' but the id by default.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        names = list(classes) or [name for name in answers.columns if name != "id"]
        check_columns(submission, ["id", *names])
        require_length(submission, answers)
        rows = probabilities(submission, names, is_one)
        ours, theirs = paired_rows(submission, answers, "id")
        truth = answers[names].to_numpy().argmax(axis=1)
        return mean_log_loss(rows[ours, truth[theirs]])

    return grade


def mean_log_loss(chances: Floats) -> float:
    """Return the loss of the probabilities given to what was true, shape (n,)."""
    return float(-np.log(np.clip(chances, EPSILON, 1 - EPSILON)).mean())


def _require_id_first(submission: pd.DataFrame, columns: list[str]) -> None:
    require_exactly(submission, columns)
    if submission.columns[0] != "id":
        raise SubmissionError(f"the first column is {str(submission.columns[0])!r}; it must be 'id'")


GRADERS: Mapping[str, Grader] = {
    "dog-breed-identification": multiclass(require_columns),
    "dogs-vs-cats-redux-kernels-edition": binary("label"),
    "leaf-classification": multiclass(require_exactly),
    "lmsys-chatbot-arena": multiclass(
        require_columns, rounds_to_one, ("winner_model_a", "winner_model_b", "winner_tie")
    ),
    "spooky-author-identification": multiclass(_require_id_first),
    "statoil-iceberg-classifier-challenge": binary("is_iceberg"),
}
