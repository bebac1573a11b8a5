"""A last fit on all rows, where the search had one fold and so left a fifth of the rows out of every model.

More rows make a better model, but nobody has scored it. So the refit's answers for the real test are taken only where they
agree with those of the fit that was scored: they may differ by no more than that fit is off on hidden rows. Two fits that
share four fifths of their rows differ by less than either errs; a refit that went astray (another seed that diverged, a
feature that only full data break) differs by more.
"""

from __future__ import annotations

import numpy as np

from mlmaster.core.task import PredictionKind, Task
from mlmaster.engine.combining import AVERAGED
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.ports import Array

LEAST_ERROR_ROWS = 3.0
"""A fit that errs nowhere in n rows may still err in 3 / n (the rule of three)."""


def agrees(task: Task, scored: FoldPredictions, refit: FoldPredictions, truth: Array) -> bool:
    """Return True when a refit may stand for the fit that was scored.

    Args:
        task: The task.
        scored: Of the one fold.
        refit: Of the fit on all rows.
        truth: Of the fold's hidden rows.
    """
    if scored.test is None or refit.test is None or len(scored.test) == 0:
        return False
    if (scored.test_probabilities is None) != (refit.test_probabilities is None):
        return False
    if task.prediction_kind in AVERAGED:
        error = _distance(scored.hidden, _as_predictions(truth, scored.hidden))
        return _distance(scored.test, refit.test) <= error
    if task.prediction_kind is PredictionKind.LABEL:
        error = max(float((scored.hidden != truth).mean()), LEAST_ERROR_ROWS / len(truth))
        return float((scored.test != refit.test).mean()) <= error
    return False


def _distance(ours: Array, theirs: Array) -> float:
    """Return the mean absolute difference: few rows that are far off, in heavy tails, do not decide."""
    return float(np.abs(ours - theirs).mean())


def _as_predictions(truth: Array, predictions: Array) -> Array:
    """Return the truth as perfect predictions: class numbers become one column a class."""
    return np.eye(predictions.shape[1])[truth] if truth.ndim == 1 else truth
