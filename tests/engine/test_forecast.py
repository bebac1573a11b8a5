"""What is foreseen of a script's cost: tables of cases, and the laws that hold for any measurements."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.cost import Cost, Size
from mlmaster.core.execution import Fault, Limits
from mlmaster.engine.forecast import Forecast, defer, forecast, memory, needs_second_size, refuse, seconds

LIMITS = Limits(wall_s=360.0, memory_bytes=8 * 10**9, disk_bytes=10**9)
SMOKE, DOUBLE, FOLD = Size(1000, 300), Size(2000, 600), Size(50_000, 15_000)
MB = 10**6


def cost(size: Size, wall_s: float, peak_bytes: int = 100 * MB) -> Cost:
    return Cost(size, wall_s, peak_bytes)


def foresee(costs: list[Cost], size: Size) -> Forecast:
    found = forecast(costs, size)
    assert found is not None
    return found


# ---- cases


def test_of_nothing_nothing_is_foreseen() -> None:
    assert forecast([], FOLD) is None
    assert refuse([], [FOLD], LIMITS) is None
    assert defer([], [FOLD], 0.0, is_measured=False, needs_all=True) is None


def test_from_one_size_nothing_need_grow() -> None:
    found = foresee([cost(SMOKE, 10.0)], FOLD)
    assert found.lower_s == pytest.approx(7.0)
    assert found.expected_s == pytest.approx(500.0)


def test_folds_of_one_size_foretell_each_other() -> None:
    folds = [cost(SMOKE, 3.0), *(cost(Size(50_000, 15_000 + i), 20.0 + i) for i in range(3))]
    found = foresee(folds, FOLD)
    assert (found.lower_s, found.expected_s) == pytest.approx((14.7, 21.0), rel=1e-3)
    assert (found.lower_bytes, found.expected_bytes) == pytest.approx((90 * MB, 100 * MB))


@pytest.mark.parametrize(
    ("first", "second", "true"),
    [
        (3.0 + 1.0, 3.0 + 2.0, 3.0 + 50.0),  # a fixed start and a linear part
        (5.0, 5.0, 5.0),  # nothing but a start
        (1.0, 2.0, 50.0),  # linear
        (1.0, 2.0 * 1.1, 50.0 * math.log2(50_000) / math.log2(1000)),  # a little more than linear
        (2.0, 8.0, 5000.0),  # quadratic
        (10.0, 10.0 * 2**0.5, 10.0 * 50**0.5),  # less than linear
    ],
)
def test_from_two_sizes_the_growth_is_measured(first: float, second: float, true: float) -> None:
    found = foresee([cost(SMOKE, first), cost(DOUBLE, second)], FOLD)
    assert found.lower_s <= true
    assert found.expected_s >= true * 0.6


def test_growth_between_two_sizes_raises_the_lower_bound() -> None:
    alone = foresee([cost(DOUBLE, 95.0)], FOLD)
    both = foresee([cost(SMOKE, 40.0), cost(DOUBLE, 95.0)], FOLD)
    assert both.lower_s > 5 * alone.lower_s


def test_a_script_that_fits_on_a_sample_is_not_refused_for_its_growth_below_it() -> None:
    """Quadratic up to 4,000 rows, flat from there on: no two sizes can tell."""
    found = foresee([cost(SMOKE, 1.0), cost(DOUBLE, 4.0)], FOLD)
    assert found.lower_s <= 4.0 * 25.0
    assert refuse([cost(SMOKE, 1.0), cost(DOUBLE, 4.0)], [FOLD], LIMITS) is None


def test_a_cold_first_run_is_not_taken_for_cost() -> None:
    found = foresee([cost(SMOKE, 12.0), cost(DOUBLE, 3.0)], FOLD)
    assert found.lower_s == pytest.approx(2.1)
    assert found.expected_s == pytest.approx(3.0)


def test_rows_that_only_ride_along_raise_no_lower_bound() -> None:
    """A view of twice the train rows and 70 times the rows to answer may take no more than twice as long."""
    found = foresee([cost(SMOKE, 10.0), cost(DOUBLE, 20.0)], Size(4000, 40_000))
    assert found.lower_s < 20.0 * 2


def test_a_view_of_fewer_rows_costs_less() -> None:
    found = foresee([cost(FOLD, 100.0)], SMOKE)
    assert found.lower_s < 1.0
    assert found.expected_s == pytest.approx(2.0)


def test_costs_of_journals_without_sizes_are_taken_as_they_are() -> None:
    found = foresee([cost(Size(), 10.0), cost(Size(), 12.0)], FOLD)
    assert found.expected_s == pytest.approx(11.0)


def test_memory_that_grows_is_foreseen_too() -> None:
    costs = [cost(SMOKE, 1.0, 1000 * MB), cost(DOUBLE, 1.0, 2000 * MB)]
    found = foresee(costs, FOLD)
    assert 15e9 < found.lower_bytes < 50e9
    assert found.expected_bytes == pytest.approx(50e9)


def test_what_cannot_finish_is_refused_with_the_reason() -> None:
    slow = [cost(SMOKE, 40.0), cost(DOUBLE, 95.0)]
    assert refuse(slow, [FOLD, FOLD], LIMITS) == (
        Fault.TIMEOUT,
        "it took 40 s on 1,000 rows and 95 s on 2,000 rows: a fold of 50,000 rows would take at least 705 s, and 360 s "
        "are allowed",
    )
    large = [cost(SMOKE, 1.0, 500 * MB), cost(DOUBLE, 1.0, 1000 * MB)]
    assert refuse(large, [FOLD], LIMITS) == (
        Fault.OUT_OF_MEMORY,
        "it held 500 MB on 1,000 rows and 1.0 GB on 2,000 rows: a fold of 50,000 rows would need at least 13.8 GB, and "
        "8.0 GB are allowed",
    )
    assert refuse(slow, [FOLD], replace(LIMITS, wall_s=1000.0)) is None
    assert refuse(slow, [], LIMITS) is None


def test_one_fold_that_cannot_finish_is_enough() -> None:
    slow = [cost(SMOKE, 40.0), cost(DOUBLE, 95.0)]
    assert refuse(slow, [DOUBLE], LIMITS) is None
    assert refuse(slow, [DOUBLE, FOLD], LIMITS) is not None


def test_no_single_size_is_reason_enough() -> None:
    assert refuse([cost(SMOKE, 350.0, 7 * 10**9)], [FOLD], LIMITS) is None


def test_what_the_rest_of_the_run_does_not_hold() -> None:
    smoke, folds = [cost(SMOKE, 10.0)], [FOLD] * 3
    assert defer(smoke, folds, 22.0, is_measured=False, needs_all=True) is None
    assert defer(smoke, folds, 20.0, is_measured=False, needs_all=False) is None
    said = defer(smoke, folds, 20.0, is_measured=False, needs_all=True)
    assert said == "the 3 folds it lacks would take at least 21 s; the search has 20 s left"
    measured = [*smoke, cost(FOLD, 10.0)]
    assert defer(measured, [FOLD], 8.0, is_measured=False, needs_all=True) is None
    said = defer(measured, [FOLD], 8.0, is_measured=True, needs_all=True)
    assert said == "the next fold would take about 10 s; the search has 8 s left"
    assert defer(measured, folds, math.inf, is_measured=True, needs_all=True) is None


@pytest.mark.parametrize(
    ("wall_s", "peak_bytes", "is_needed"),
    [(0.5, MB, False), (3.5, MB, False), (3.7, MB, True), (0.5, 700 * MB, False), (0.5, 900 * MB, True)],
)
def test_cheap_scripts_pay_no_second_size(wall_s: float, peak_bytes: int, is_needed: bool) -> None:
    assert needs_second_size(cost(SMOKE, wall_s, peak_bytes), DOUBLE, FOLD, LIMITS) is is_needed


def test_no_second_size_where_a_fold_is_no_larger() -> None:
    dear = cost(SMOKE, 300.0)
    assert not needs_second_size(dear, DOUBLE, Size(1800, 600), LIMITS)
    assert not needs_second_size(dear, SMOKE, FOLD, LIMITS)


@pytest.mark.parametrize(("value", "said"), [(0.42, "0.42 s"), (3.0, "3 s"), (9.8, "10 s"), (1900.4, "1,900 s")])
def test_seconds_in_words(value: float, said: str) -> None:
    assert seconds(value) == said


@pytest.mark.parametrize(("value", "said"), [(35e6, "35 MB"), (1.25e9, "1.2 GB"), (3e12, "3,000.0 GB")])
def test_memory_in_words(value: float, said: str) -> None:
    assert memory(value) == said


# ---- laws

SIZES = st.builds(Size, st.integers(1, 10**6), st.integers(1, 10**6))
COSTS = st.lists(st.builds(Cost, SIZES, st.floats(0.01, 1e5), st.integers(1, 10**11)), min_size=1, max_size=6)
CLOSE = 1 + 1e-9
LAW = settings(deadline=None, max_examples=300)


@LAW
@given(COSTS, SIZES)
def test_what_is_expected_is_no_less_than_the_bound(costs: list[Cost], size: Size) -> None:
    found = foresee(costs, size)
    assert 0.0 <= found.lower_s <= found.expected_s < math.inf
    assert 0.0 <= found.lower_bytes <= found.expected_bytes < math.inf


@LAW
@given(COSTS, SIZES, st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_rows_never_cost_less(costs: list[Cost], size: Size, trained: int, predicted: int) -> None:
    fewer = foresee(costs, size)
    more = foresee(costs, Size(size.trained + trained, size.predicted + predicted))
    assert all(less <= greater * CLOSE for less, greater in zip(astuple(fewer), astuple(more), strict=True))


@LAW
@given(COSTS, SIZES, st.integers(2, 1000))
def test_only_ratios_of_rows_count(costs: list[Cost], size: Size, factor: int) -> None:
    def scaled(each: Size) -> Size:
        return Size(factor * each.trained, factor * each.predicted)

    before = foresee(costs, size)
    after = foresee([replace(each, size=scaled(each.size)) for each in costs], scaled(size))
    assert astuple(after) == pytest.approx(astuple(before), rel=1e-6)


@LAW
@given(COSTS, SIZES, st.integers(2, 1000))
def test_a_machine_so_many_times_slower_takes_so_many_times_as_long(costs: list[Cost], size: Size, factor: int) -> None:
    slower = [Cost(each.size, each.wall_s * factor, each.peak_bytes * factor) for each in costs]
    wanted = [factor * each for each in astuple(foresee(costs, size))]
    assert astuple(foresee(slower, size)) == pytest.approx(wanted, rel=1e-6)


@LAW
@given(COSTS, SIZES, st.randoms(use_true_random=False))
def test_the_order_of_measurements_does_not_matter(costs: list[Cost], size: Size, random: object) -> None:
    shuffled = sorted(costs, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert astuple(foresee(shuffled, size)) == pytest.approx(astuple(foresee(costs, size)), rel=1e-6)


@LAW
@given(st.floats(0.0, 100.0), st.floats(1e-6, 1.0), st.floats(0.0, 1.0), SIZES)
def test_a_start_and_a_part_that_grows_keep_to_the_bound(start: float, each: float, power: float, size: Size) -> None:
    """Any script of the model's own form, up to linear growth, measured without noise, keeps to its bound."""

    def take(of: Size) -> float:
        return start + each * math.pow(of.rows, power)

    uniform = Size(size.trained, size.trained)
    small = [Size(rows, rows) for rows in (100, 200)]
    found = foresee([cost(of, take(of)) for of in small], uniform)
    assert found.lower_s <= take(uniform) * CLOSE
