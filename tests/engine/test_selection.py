"""Finalists, the choice between them, and the honest answer with and without a judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.engine.answers import Answers, make_task

from mlmaster.core.blend import BlendKind
from mlmaster.core.events import Selected
from mlmaster.engine.selection import Finalist, Judgement
from mlmaster.ports import Array
from mlmaster.testing.fake_views import FakeViews

ROWS = 600


def regression(
    rows: int = ROWS, errors: tuple[float, ...] = (1.0, 1.0, 1.0), seed: int = 1, **views: object
) -> Answers:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 2, (rows, 1))
    nodes = {i: truth + rng.normal(0, error, (rows, 1)) for i, error in enumerate(errors, start=1)}
    return Answers(make_task("rmse"), FakeViews(truth, **views), nodes)  # type: ignore[arg-type]


def named(answers: Answers, name: str, whole: Array, members: int = 1) -> Finalist:
    """Return a finalist with the given answers for all train rows."""
    kept = tuple((i + 1, 1.0 / members) for i in range(members))
    return Finalist(name, kept, BlendKind.MEAN, whole[answers.hidden.rows])


def never() -> bool:
    return False


def choose(answers: Answers, *, test_rows: int = 200, is_reused: bool = False) -> Selected:
    selector, (tree, scores) = answers.selector(), answers.tree()
    candidates = list(tree.ranking())
    finalists = selector.finalists(tree, scores, candidates, never)
    judgement = Judgement(selector.rank_by_guide(finalists), {})
    if selector.has_judge:
        _, judgement = selector.open_judge(finalists)
    return selector.estimate(judgement.ranked[0], judgement, candidates, test_rows, never, is_reused=is_reused)


def test_the_cheapest_within_one_standard_error_is_a_finalist() -> None:
    answers = regression(errors=(1.0, 1.0, 4.0))
    tree, scores = answers.tree()
    best, second, _ = tree.ranking()
    tree, scores = answers.tree(seconds={best: 60.0, second: 1.0, 3: 0.5})
    found = answers.selector().finalists(tree, scores, list(tree.ranking()), never)
    assert [finalist.name.split(" (")[0] for finalist in found][::2] == [
        "best single",
        "simplest within one standard error",
    ]
    assert found[1].name.startswith("blend of")
    assert [found[i].members for i in (0, 2)] == [((best, 1.0),), ((second, 1.0),)]


def test_the_blend_is_preferred_unless_judge_puts_it_behind_by_one_standard_error() -> None:
    answers = regression()
    hidden, rng = answers.hidden, np.random.default_rng(2)
    truth, judge_rows = answers.views.truth, ~answers.views.guide
    good = truth + rng.normal(0, 1, truth.shape)
    single = named(answers, "best single", good)
    other = rng.normal(0, 1, truth.shape)
    other *= 1.02 * np.sqrt((good - truth)[judge_rows] ** 2).mean() / np.sqrt(other[judge_rows] ** 2).mean()
    blend = named(answers, "blend", truth + other, members=2)
    assert hidden.score(blend.answers, hidden.judge) > hidden.score(single.answers, hidden.judge)
    _, judgement = answers.selector().open_judge([single, blend])
    assert [finalist.name for finalist in judgement.ranked] == ["blend", "best single"]
    overfitted = np.where(judge_rows[:, None], truth + 1.5 * (good - truth), truth)
    assert hidden.score(overfitted[hidden.rows], hidden.guide) == 0.0
    _, judgement = answers.selector().open_judge([single, named(answers, "blend", overfitted, members=2)])
    assert [finalist.name for finalist in judgement.ranked] == ["best single", "blend"]


def test_single_nodes_are_compared_on_guide_and_judge_together() -> None:
    answers = regression()
    truth, judge_rows = answers.views.truth, ~answers.views.guide
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, truth.shape)
    first = named(answers, "best single", truth + np.where(judge_rows[:, None], 1.4, 0.95) * noise)
    second = named(answers, "simplest", truth + noise)
    _, judgement = answers.selector().open_judge([first, second])
    assert judgement.ranked[0].name == "simplest"


def test_choosing_among_equals_takes_something_off_the_estimate() -> None:
    answers = regression(seed=4)
    rng = np.random.default_rng(5)
    truth = answers.views.truth
    equals = [named(answers, str(i), truth + rng.normal(0, 1, truth.shape)) for i in range(3)]
    _, among_three = answers.selector().open_judge(equals)
    _, alone = answers.selector().open_judge(equals[:1])
    assert among_three.optimism > 0.0
    assert abs(alone.optimism) < among_three.optimism
    best = among_three.ranked[0]
    corrected, flattered = (
        answers.selector().estimate(best, judgement, [1], 100, never, is_reused=False)
        for judgement in (among_three, replace(among_three, optimism=0.0))
    )
    assert corrected.judge == flattered.judge
    assert corrected.expected_high is not None
    assert flattered.expected_high is not None
    assert corrected.expected_high > flattered.expected_high


def test_the_honest_answer_with_a_judge() -> None:
    answers = regression()
    selected = choose(answers)
    assert (selected.basis, selected.blend, selected.note) == ("judge", BlendKind.MEAN, "")
    assert sum(weight for _, weight in selected.members) == pytest.approx(1.0)
    bounds = (selected.predicted_low, selected.expected_low, selected.judge, selected.expected_high)
    assert None not in bounds
    assert list(bounds) == sorted(bound for bound in bounds if bound is not None)
    assert selected.predicted_high is not None
    assert selected.expected_high is not None
    assert selected.predicted_high > selected.expected_high
    # three independent errors of 1, averaged
    assert selected.expected_low is not None
    assert selected.expected_low < 3**-0.5 < selected.expected_high


def test_what_goes_on_after_the_judge_is_said() -> None:
    assert "judge reused" in choose(regression(), is_reused=True).note


def test_shift_widens_the_predicted_interval_alone() -> None:
    plain, shifted = choose(regression()), choose(regression(shift_auc=0.9))
    assert (plain.expected_low, plain.expected_high) == (shifted.expected_low, shifted.expected_high)
    assert plain.predicted_high is not None
    assert shifted.predicted_high is not None
    assert shifted.predicted_high > plain.predicted_high


def test_a_small_test_widens_the_predicted_interval() -> None:
    few, many = choose(regression(), test_rows=20), choose(regression(), test_rows=20_000)
    assert few.predicted_high is not None
    assert many.predicted_high is not None
    assert few.predicted_high > many.predicted_high


def test_a_judge_of_one_cluster_gives_no_interval() -> None:
    answers = regression(clusters=np.zeros(ROWS, dtype=np.int64), has_judge=False)
    answers.views.guide[: ROWS // 3] = False
    answers.views.scheme = answers.views.scheme.model_copy(update={"has_judge": True})
    selector = answers.selector()
    single = named(answers, "best single", answers.whole[1])
    _, judgement = selector.open_judge([single])
    selected = selector.estimate(single, judgement, [1], 100, never, is_reused=False)
    assert (selected.basis, selected.expected_low) == ("none", None)
    assert selected.judge is not None
    assert "stand for themselves" in selected.note


def test_a_judge_that_cannot_be_scored_says_so() -> None:
    rng = np.random.default_rng(6)
    truth = (rng.random((ROWS, 1)) < 0.5).astype(float)
    answers = Answers(make_task("roc_auc"), FakeViews(truth), {1: rng.random((ROWS, 1)), 2: rng.random((ROWS, 1))})
    truth[~answers.views.guide] = 1.0
    selected = choose(answers)
    assert (selected.basis, selected.judge, selected.expected_low) == ("none", None, None)
    assert "cannot be scored" in selected.note


# ---- without a judge


@pytest.mark.parametrize("repeats", [1, 2])
def test_the_best_of_thirty_that_know_nothing_is_seen_through(repeats: int) -> None:
    """Coins on 60 rows: the best by guide looks skilled, the corrected estimate is chance."""
    rng = np.random.default_rng(7)
    truth = (rng.random((60, 1)) < 0.5).astype(float)
    views = FakeViews(truth, folds=3, repeats=repeats, has_judge=False)
    answers = Answers(make_task("roc_auc"), views, {i: rng.random((60, 1)) for i in range(1, 31)})
    selector, (tree, _) = answers.selector(), answers.tree()
    candidates = list(tree.ranking())
    single = selector._single(candidates[0], "best single")
    selected = selector.estimate(single, Judgement((single,), {}), candidates, 60, never, is_reused=False)
    assert selected.basis == "repeats"
    assert selected.judge is None
    assert "too few rows" in selected.note
    assert selected.guide is not None
    assert selected.guide > 0.6
    assert selected.expected_low is not None
    assert selected.expected_high is not None
    middle = (selected.expected_low + selected.expected_high) / 2
    assert abs(middle - 0.5) < 0.08
    assert selected.expected_low < 0.5 < selected.expected_high


def test_a_blend_of_thirty_that_know_nothing_is_seen_through_too() -> None:
    rng = np.random.default_rng(8)
    truth = (rng.random((60, 1)) < 0.5).astype(float)
    views = FakeViews(truth, folds=3, repeats=2, has_judge=False)
    answers = Answers(make_task("log_loss"), views, {i: rng.uniform(0.2, 0.8, (60, 1)) for i in range(1, 31)})
    selected = choose(answers)
    assert "blend" in selected.choice
    assert selected.guide is not None
    assert selected.expected_low is not None
    assert selected.expected_high is not None
    given = answers.blender().combined(selected.blend, selected.members)
    against_new_coins = -float((np.log(given) + np.log(1 - given)).mean()) / 2
    assert selected.guide < 0.95 * against_new_coins
    assert selected.expected_low < against_new_coins < selected.expected_high


def test_what_is_really_good_stays_good_without_a_judge() -> None:
    answers = regression(rows=80, errors=(0.5, 2.0, 3.0, 3.0), folds=4, repeats=2, has_judge=False)
    selected = choose(answers, test_rows=50)
    assert selected.expected_low is not None
    assert selected.expected_high is not None
    assert selected.expected_low < 0.5 < selected.expected_high
    assert selected.expected_high < 1.0


def test_near_perfect_ranks_are_not_taken_for_rows_that_may_be_last_of_all() -> None:
    """Of 480 rows, nearly all in order: one positive at the very end of its fold would cost more than all that went wrong."""
    rng = np.random.default_rng(4)
    truth = (rng.random((480, 1)) < 0.4).astype(np.float64)
    nodes = {i: np.clip(truth * 0.5 + 0.25 + rng.normal(0, 0.2, truth.shape), 0, 1) for i in (1, 2)}
    selected = choose(Answers(make_task("roc_auc"), FakeViews(truth), nodes))
    assert selected.judge is not None
    assert selected.expected_low is not None
    assert 0.99 < selected.judge < 1
    assert selected.expected_low > 0.97
