"""The two intervals: order, mirror images, small tables, and how often they hold the truth when it is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.score import Direction
from mlmaster.engine.hidden import Hidden
from mlmaster.engine.intervals import Belief, correct_few, optimism_of_choice, out_of_bag, widening
from mlmaster.engine.noise import standard_error
from mlmaster.metrics.registry import Registry
from mlmaster.ports import Array


def belief(
    value: float = 0.8,
    error: float = 0.02,
    *,
    direction: Direction = Direction.MAXIMIZE,
    perfect: float | None = 1.0,
    clusters: float = 200.0,
    wrong: float = 0.0,
    is_floored: bool = False,
) -> Belief:
    return Belief(direction, perfect, value, error, clusters, wrong, is_floored)


@given(
    loss=st.floats(0, 5),
    error=st.floats(0, 3),
    clusters=st.floats(1.01, 1e6),
    wrong=st.floats(0, 1),
    is_floored=st.booleans(),
    test_rows=st.integers(1, 5000),
    auc=st.none() | st.floats(0.4, 1.0),
)
def test_intervals_are_ordered_nested_bounded_and_mirrored(
    loss: float, error: float, clusters: float, wrong: float, is_floored: bool, test_rows: int, auc: float | None
) -> None:
    deviations = np.random.default_rng(1).normal(0, error, 200)
    found = []
    for direction in Direction:
        sign = direction.to_utility(1.0)
        each = Belief(direction, 0.0, -sign * loss, error, clusters, wrong, is_floored)
        low, high = each.expected()
        test_low, test_high = each.predicted(sign * deviations, 100, test_rows, auc, seed=3)
        assert test_low <= low <= each.value <= high <= test_high
        found.append([direction.to_utility(bound) for bound in (test_low, low, high, test_high)])
        assert max(found[-1]) <= 0.0
    assert found[0] == pytest.approx(found[1][::-1])


@given(error=st.floats(1e-6, 3), auc=st.floats(0.5, 1.0))
def test_more_noise_fewer_clusters_a_smaller_test_and_more_shift_never_narrow(error: float, auc: float) -> None:
    def width(pair: tuple[float, float]) -> float:
        return pair[1] - pair[0]

    plain = belief(error=error)
    assert width(belief(error=error * 1.1).expected()) >= width(plain.expected())
    assert width(belief(error=error, clusters=5).expected()) >= width(plain.expected())
    assert width(belief(error=error, wrong=0.2, is_floored=True).expected()) >= width(plain.expected())
    noise = np.random.default_rng(2).normal(0, 0.1, 200)
    at_home = plain.predicted(noise, 100, 100, None, seed=1)
    assert width(plain.predicted(noise, 100, 100, auc, seed=1)) >= width(at_home) - 1e-12
    assert width(plain.predicted(noise * 2, 100, 100, None, seed=1)) >= width(at_home) - 0.02


def test_many_rows_far_from_perfect_give_the_plain_interval() -> None:
    low, high = belief(0.5, 0.01, clusters=1e6).expected()
    assert (low, high) == pytest.approx((0.5 - 0.01645, 0.5 + 0.01645), abs=5e-4)
    assert belief(5.0, 1.0, perfect=None, clusters=1e6).expected() == pytest.approx((3.355, 6.645), abs=1e-3)


@pytest.mark.parametrize(
    ("errors", "least", "most"),
    [(1, 0.05, 4.74), (2, 0.36, 6.30), (3, 0.82, 7.75), (10, 5.43, 16.96)],  # exact limits of a Poisson count
)
def test_few_errors_have_about_the_limits_of_a_poisson_count(errors: int, least: float, most: float) -> None:
    rows = 1_000.0
    found = belief(1 - errors / rows, errors**0.5 / rows, clusters=rows, wrong=1 / rows, is_floored=True).expected()
    low, high = (1 - found[1]) * rows, (1 - found[0]) * rows
    assert high == pytest.approx(most, rel=0.15)
    assert low == pytest.approx(least, rel=0.15, abs=0.35)


def test_thirteen_right_of_thirteen_may_still_be_wrong_three_times() -> None:
    low, high = belief(1.0, 0.0, clusters=13, wrong=1 / 14, is_floored=True).expected()
    assert (low, high) == pytest.approx((1 - 3 / 14, 1.0), abs=0.002)
    test_low, test_high = belief(1.0, 0.0, clusters=13, wrong=1 / 14, is_floored=True).predicted(
        np.zeros(100), 13, 13, None, seed=1
    )
    assert test_low < low
    assert test_high == 1.0


def test_no_spread_is_no_certainty_for_numbers_either() -> None:
    low, high = belief(2.0, 0.0, direction=Direction.MINIMIZE, perfect=0.0, clusters=30, wrong=0.1).expected()
    assert low < 2.0 < high


def test_shift_widens_in_proportion() -> None:
    assert [widening(auc) for auc in (None, 0.4, 0.55, 0.65, 1.0)] == pytest.approx([1, 1, 1, 1.2, 1.9])


def test_choosing_among_equals_flatters_and_among_one_does_not() -> None:
    rng = np.random.default_rng(4)
    whole, utilities = np.zeros(3), rng.normal(0, 1, (3, 4000))
    assert optimism_of_choice(utilities.argmax(axis=0), utilities, whole) == pytest.approx(0.846, abs=0.05)
    assert optimism_of_choice(np.zeros(4000, dtype=np.int64), utilities, whole) < 0.05


def test_the_best_in_the_bag_is_looked_at_outside_of_it() -> None:
    inside = np.array([[1.0, 0.0, np.nan, np.nan], [0.0, 2.0, 1.0, np.nan]])
    outside = np.array([[5.0, 6.0, 7.0, 8.0], [1.0, 2.0, np.nan, 4.0]])
    assert out_of_bag(inside, outside).tolist() == [5.0, 2.0]


# ---- how often the truth lies within


def hidden_rows(metric: str, truth: Array, clusters: Array) -> Hidden:
    rows = np.arange(len(truth))
    guide = np.zeros(len(truth), dtype=bool)
    return Hidden(Registry().get(metric), truth, rows, rows * 0, clusters, guide, 1, seed=7)


def draw_rows(metric: str, rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    """Return truth and predictions of a model that is as good everywhere."""
    signal = rng.normal(size=rows)
    if metric == "rmse":
        return (signal + rng.standard_t(8, rows)).reshape(-1, 1), signal.reshape(-1, 1)
    chance = 1 / (1 + np.exp(-2 * signal))
    truth = (rng.random(rows) < chance).astype(float)
    if metric == "accuracy":
        return truth.astype(int).astype(str).reshape(-1, 1), (chance > 0.5).astype(int).astype(str).reshape(-1, 1)
    return truth.reshape(-1, 1), chance.reshape(-1, 1)


@pytest.mark.parametrize("metric", ["rmse", "accuracy", "roc_auc"])
@pytest.mark.parametrize(("judge", "test"), [(30, 20), (120, 400)])
def test_ninety_percent_intervals_hold_the_truth_about_that_often(metric: str, judge: int, test: int) -> None:
    """Seeded; at 120 draws the share has a standard error of 3 points."""
    rng = np.random.default_rng(11)
    the_metric = Registry().get(metric)
    score = the_metric.score(*draw_rows(metric, rng, 200_000))
    expected = predicted = 0
    draws = 120
    for _ in range(draws):
        truth, answers = draw_rows(metric, rng, judge)
        hidden = hidden_rows(metric, truth, np.arange(judge))
        part = hidden.everything
        error = standard_error([hidden.resample(answers, part, 200)])
        each = Belief(
            the_metric.direction,
            the_metric.perfect,
            hidden.score(answers, part),
            correct_few(error, judge),
            hidden.count_clusters(answers, part),
            hidden.cost_of_a_wrong_cluster(answers, part),
            metric != "rmse",
        )
        low, high = each.expected()
        expected += low <= score <= high
        test_low, test_high = each.predicted(hidden.resample_tests(answers, test), judge, test, None, seed=1)
        predicted += test_low <= the_metric.score(*draw_rows(metric, rng, test)) <= test_high
    assert 0.82 <= expected / draws <= 0.99
    assert 0.82 <= predicted / draws <= 0.99


def test_rows_of_a_cluster_are_one_witness() -> None:
    rng = np.random.default_rng(5)
    truth, answers = draw_rows("rmse", rng, 40)
    alone = hidden_rows("rmse", truth, np.arange(40))
    repeated = hidden_rows("rmse", np.repeat(truth, 5, axis=0), np.repeat(np.arange(40), 5))
    again = np.repeat(answers, 5, axis=0)
    ours = standard_error([alone.resample(answers, alone.everything)])
    theirs = standard_error([repeated.resample(again, repeated.everything)])
    assert theirs == pytest.approx(ours)
    counts = [each.count_clusters(given, each.everything) for each, given in ((alone, answers), (repeated, again))]
    assert counts[0] == pytest.approx(counts[1])
    assert 2 < counts[0] < 40  # squared errors: a few large ones decide
    spread = repeated.resample_tests(again, 200).std()
    assert spread == pytest.approx(alone.resample_tests(answers, 40).std(), rel=0.15)
