"""A fit on all rows is taken where it agrees with the fit that was scored."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.answers import make_task

from mlmaster.engine.predictions import FoldPredictions
from mlmaster.engine.refitting import agrees
from mlmaster.ports import Array


def stored(hidden: Array, test: Array, chances: Array | None = None) -> FoldPredictions:
    return FoldPredictions(np.arange(len(hidden)), hidden, test, None, chances, np.empty(0))


@pytest.mark.parametrize(("difference", "expected"), [(0.0, True), (0.5, True), (0.9, True), (2.0, False)])
def test_numbers_may_differ_by_what_the_scored_fit_is_off(difference: float, expected: bool) -> None:
    rng = np.random.default_rng(1)
    truth, test = rng.normal(size=(500, 1)), rng.normal(size=(200, 1))
    scored = stored(truth + rng.normal(0, 1.25, truth.shape), test)  # mean absolute error 1
    refit = stored(truth[:0], test + rng.choice([-difference, difference], test.shape))
    assert agrees(make_task("rmse"), scored, refit, truth) == expected


@pytest.mark.parametrize(("flipped", "expected"), [(0.0, True), (0.15, True), (0.4, False)])
def test_labels_may_differ_as_often_as_the_scored_fit_is_wrong(flipped: float, expected: bool) -> None:
    rng = np.random.default_rng(2)

    def flip(labels: Array, share: float) -> Array:
        return np.where(rng.random(labels.shape) < share, np.where(labels == "no", "yes", "no"), labels)

    truth, test = rng.choice(["no", "yes"], (800, 1)), rng.choice(["no", "yes"], (800, 1))
    scored, refit = stored(flip(truth, 0.2), test), stored(truth[:0], flip(test, flipped))
    assert agrees(make_task("accuracy"), scored, refit, truth) == expected


def test_distributions_and_what_is_missing() -> None:
    truth, test = np.array([0, 1, 1, 0]), np.array([[0.7, 0.3], [0.2, 0.8]])
    task = make_task("rmse").model_copy(update={"prediction_kind": "class_probabilities"})
    scored = stored(np.array([[0.8, 0.2], [0.3, 0.7], [0.1, 0.9], [0.6, 0.4]]), test)
    assert agrees(task, scored, stored(truth[:0], test + np.array([0.1, -0.1])), truth)
    assert not agrees(task, scored, stored(truth[:0], test[:, ::-1]), truth)
    assert not agrees(make_task("accuracy"), stored(truth, test), stored(truth[:0], test, test), truth)
