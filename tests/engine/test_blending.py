"""Which nodes are blended, with which weights, averaged how; and what is never blended."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.answers import Answers, make_task

from mlmaster.core.blend import BlendKind
from mlmaster.engine.blending import Blend, greedy_weights
from mlmaster.ports import Array
from mlmaster.testing.fake_views import FakeViews

ROWS = 300


def never() -> bool:
    return False


def in_time(answers: Answers) -> Blend:
    blend = answers.blender().fit(list(answers.whole), never)
    assert blend is not None
    return blend


def flags(rng: np.random.Generator, rows: int = ROWS) -> Array:
    return (rng.random((rows, 1)) < 0.5).astype(float)


def as_labels(chances: Array) -> Array:
    return np.where(chances > 0.5, "yes", "no")


def as_columns(chances: Array) -> Array:
    return np.hstack([1 - chances, chances])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 8))
def test_weights_sum_to_one_and_never_make_it_worse_than_the_best_by_guide(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(60, 1))
    candidates = [truth + rng.normal(0, rng.uniform(0.1, 3), (60, 1)) for _ in range(count)]

    def utility(mean: Array) -> float:
        return -float(((mean - truth) ** 2).mean())

    weights = greedy_weights(candidates, utility, seed, never)
    assert len(weights) == count
    assert all(weight >= 0 for weight in weights)
    assert sum(weights) == pytest.approx(1.0)


def test_independent_errors_are_averaged_out() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(ROWS, 1))
    nodes = {i: truth + rng.normal(0, 1, (ROWS, 1)) for i in (1, 2, 3, 4)}
    answers = Answers(make_task("rmse"), FakeViews(truth), nodes)
    blend = in_time(answers)
    hidden = answers.hidden
    assert blend.kind is BlendKind.MEAN
    assert sum(weight for _, weight in blend.members) == pytest.approx(1.0)
    best = min(hidden.score(answers.blender().answers(node), hidden.judge) for node in nodes)
    assert hidden.score(blend.answers, hidden.judge) < 0.75 * best


def test_relative_errors_are_averaged_geometrically_where_every_number_allows() -> None:
    rng = np.random.default_rng(2)
    truth = rng.lognormal(2, 1, (ROWS, 1))
    # the same factor up and down: the geometric mean undoes it, the arithmetic one does not
    factor = rng.lognormal(0, 1.5, (ROWS, 1))
    nodes = {1: truth * factor, 2: truth / factor}
    task = make_task("rmse")
    assert in_time(Answers(task, FakeViews(truth), nodes)).kind is BlendKind.GEOMETRIC
    not_in_the_test = {1: np.array([[1.0], [0.0]])}
    assert in_time(Answers(task, FakeViews(truth), nodes, test=not_in_the_test)).kind is BlendKind.MEAN


def test_opposite_certainties_are_averaged_geometrically() -> None:
    rng = np.random.default_rng(3)
    logit, lean = rng.normal(0, 2, (ROWS, 1)), rng.normal(0, 4, (ROWS, 1))
    truth = (rng.random((ROWS, 1)) < 1 / (1 + np.exp(-logit))).astype(float)
    nodes = {1: 1 / (1 + np.exp(-logit - lean)), 2: 1 / (1 + np.exp(-logit + lean))}
    assert in_time(Answers(make_task("log_loss"), FakeViews(truth), nodes)).kind is BlendKind.GEOMETRIC


@pytest.mark.parametrize(
    ("metric", "has_test", "expected"),
    [("spearman", True, BlendKind.RANK), ("spearman", False, BlendKind.MEAN), ("rmse", True, BlendKind.MEAN)],
)
def test_scales_without_a_meaning_are_averaged_by_rank(metric: str, has_test: bool, expected: BlendKind) -> None:
    """One node's numbers are of another scale; only a metric of order forgives that, and rows answered at once."""
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(ROWS, 1))
    nodes = {1: truth + rng.normal(0, 1, (ROWS, 1)), 2: np.exp(4 * (truth + rng.normal(0, 1, (ROWS, 1)))) - 5.0}
    answers = Answers(make_task(metric, has_test=has_test), FakeViews(truth), nodes)
    blend = answers.blender().fit(list(nodes), never)
    assert (BlendKind.MEAN if blend is None else blend.kind) is expected


def test_labels_are_blended_through_probabilities_or_else_voted_on() -> None:
    rng = np.random.default_rng(5)
    truth = flags(rng)
    chances = {i: np.clip(truth * 0.3 + 0.35 + rng.normal(0, 0.3, (ROWS, 1)), 0.0, 1.0) for i in (1, 2, 3, 4, 5)}
    nodes = {i: as_labels(each) for i, each in chances.items()}
    behind = {i: as_columns(each) for i, each in chances.items()}
    task, views = make_task("accuracy"), FakeViews(as_labels(truth))
    assert in_time(Answers(task, views, nodes, chances=behind)).kind is BlendKind.MEAN
    voted = Answers(task, views, nodes)
    blend = in_time(voted)
    assert blend.kind is BlendKind.VOTE
    hidden = voted.hidden
    alone = [hidden.score(voted.blender().answers(node), hidden.judge) for node in nodes]
    assert hidden.score(blend.answers, hidden.judge) > sum(alone) / len(alone)


@pytest.mark.parametrize("cheat", ["constant", "opposite", "only in the test"])
def test_probabilities_that_do_not_stand_behind_the_labels_are_not_used(cheat: str) -> None:
    rng = np.random.default_rng(6)
    truth = flags(rng)
    chances = {i: np.clip(truth * 0.4 + 0.3 + rng.normal(0, 0.25, (ROWS, 1)), 0.0, 1.0) for i in (1, 2, 3)}
    nodes = {i: as_labels(each) for i, each in chances.items()}
    behind = {i: as_columns(each) for i, each in chances.items()}
    test_chances = {}
    if cheat == "constant":
        behind[3] = np.tile([0.001, 0.999], (ROWS, 1))
    elif cheat == "opposite":
        behind[3] = behind[3][:, ::-1]
    else:
        test_chances[3] = np.tile([0.001, 0.999], (5, 1))
    answers = Answers(make_task("accuracy"), FakeViews(as_labels(truth)), nodes, {}, {}, behind, test_chances)
    space = answers.blender().space(BlendKind.MEAN, [1, 2, 3])
    assert set(space.parts) == {1, 2}


def test_a_blend_of_one_is_none() -> None:
    truth = np.random.default_rng(7).normal(size=(ROWS, 1))
    nodes = {1: truth + 0.01, 2: truth * 0.0 + np.arange(ROWS).reshape(-1, 1) * 100.0}
    answers = Answers(make_task("rmse"), FakeViews(truth), nodes)
    assert answers.blender().fit([1], never) is None
    assert answers.blender().fit([1, 2], never) is None
