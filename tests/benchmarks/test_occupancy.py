from __future__ import annotations

import pytest

from occupancy import Interval, Watch, mean_running, share_with

TWO = [(0.0, 4.0), (1.0, 3.0), (6.0, 8.0)]


@pytest.mark.parametrize(
    ("at_least", "intervals", "start", "end", "share"),
    [
        (1, TWO, 0.0, 10.0, 0.6),
        (2, TWO, 0.0, 10.0, 0.2),
        (3, TWO, 0.0, 10.0, 0.0),
        (1, TWO, 2.0, 7.0, 0.6),
        (2, TWO, 2.0, 7.0, 0.2),
        (2, [(0.0, 1.0), (1.0, 2.0)], 0.0, 2.0, 0.0),
        (1, [(0.0, 1.0), (1.0, 2.0)], 0.0, 2.0, 1.0),
        (1, [], 0.0, 1.0, 0.0),
        (1, [(5.0, 6.0)], 0.0, 1.0, 0.0),
    ],
    ids=["any", "both", "never three", "cut", "both, cut", "end to end, both", "end to end", "nothing", "later"],
)
def test_a_share_of_time(at_least: int, intervals: list[Interval], start: float, end: float, share: float) -> None:
    assert share_with(at_least, intervals, start, end) == pytest.approx(share)


def test_a_mean_counts_what_is_inside() -> None:
    assert mean_running(TWO, 0.0, 10.0) == pytest.approx(0.8)
    assert mean_running(TWO, 2.0, 7.0) == pytest.approx(0.8)


def test_what_is_watched_is_noted_though_it_fails() -> None:
    watch = Watch()

    def work(number: int) -> int:
        return 10 // number

    assert watch.timed(work)(5) == 2
    with pytest.raises(ZeroDivisionError):
        watch.timed(work)(0)
    assert len(watch.intervals) == 2
    assert all(began <= ended for began, ended in watch.intervals)
