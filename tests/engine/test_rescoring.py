"""Once more under a fresh key: what holds, what falls, and what is no proof."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.answers import Answers, make_task

from mlmaster.core.blend import BlendKind
from mlmaster.core.events import Rescored
from mlmaster.engine.blending import Members
from mlmaster.engine.rescoring import Rescorer
from mlmaster.engine.selection import Finalist
from mlmaster.testing.fake_views import FakeViews

ROWS = 3000


def answers_of(fresh_errors: dict[int, float], *, repeats: int = 1, seed: int = 1) -> Answers:
    """Return nodes with errors of 1, and of other sizes under the fresh key."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 2, (ROWS, 1))
    nodes = {i: truth + rng.normal(0, 1, (ROWS, 1)) for i in (1, 2, 3)}
    fresh = {i: truth + rng.normal(0, error, (ROWS, 1)) for i, error in fresh_errors.items()}
    return Answers(make_task("rmse"), FakeViews(truth, folds=5, repeats=repeats), nodes, fresh=fresh)


def rescore(answers: Answers, members: Members, failing: frozenset[int] = frozenset()) -> Rescored | None:
    blender = answers.blender()
    alone = len(members) == 1
    whole = blender.answers(members[0][0]) if alone else blender.combined(BlendKind.MEAN, members)
    finalist = Finalist("it", members, BlendKind.MEAN, whole)
    rescorer = Rescorer(answers.task, blender, answers.load)
    return rescorer.rescore(finalist, [node for node, _ in members], lambda node: node not in failing)


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize(("error", "holds"), [(0.5, True), (1.0, True), (1.03, True), (1.4, False), (5.0, False)])
def test_only_what_noise_does_not_explain_falls(error: float, holds: bool, repeats: int) -> None:
    found = rescore(answers_of({1: error}, repeats=repeats), ((1, 1.0),))
    assert found is not None
    assert (found.choice, found.holds) == ("it", holds)
    assert found.value == pytest.approx(error, rel=0.2)
    assert found.reference == pytest.approx(1.0, rel=0.2)
    assert found.error > 0


def test_the_same_answers_hold() -> None:
    found = rescore(answers_of({}), ((1, 1.0),))
    assert found is not None
    assert found.value == found.reference
    assert found.holds


def test_one_member_that_falls_takes_the_blend_with_it() -> None:
    """In the blend its weight is small and hides it; the real test would suffer all the same."""
    answers = answers_of({3: 2.5})
    found = rescore(answers, ((1, 0.45), (2, 0.45), (3, 0.1)))
    assert found is not None
    assert not found.holds
    assert rescore(answers_of({}), ((1, 0.45), (2, 0.45), (3, 0.1))) is not None


def test_what_cannot_be_run_again_proves_nothing() -> None:
    answers = answers_of({1: 5.0})
    assert rescore(answers, ((1, 1.0),), frozenset({1})) is None
    found = rescore(answers, ((1, 0.5), (2, 0.5)), frozenset({1}))
    assert found is not None
    assert found.holds
