"""Times as numbers: every usual way to write a date, calendars in columns, clocks by name."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.tasks.times import date_reader, find_calendar, is_clock, read_calendar, read_number, say_span

NOON = (datetime(2012, 3, 4, 12) - datetime(1, 1, 1) + timedelta(days=1)).total_seconds()


@pytest.mark.parametrize(
    "cell",
    [
        "2012-03-04 12:00:00",
        "2012-03-04T12:00:00Z",
        "2012/3/4 12:00",
        "20120304120000Z",
        "20120304T120000",
        "3/4/2012 12:00",
    ],
)
def test_dates_are_seconds(cell: str) -> None:
    assert date_reader([cell])(cell) == NOON


def test_whether_the_day_comes_first_is_told_by_the_column() -> None:
    assert date_reader(["04/03/2012", "25/03/2012"])("04/03/2012 12:00") == NOON
    assert date_reader(["03/04/12"])("03/04/12 12:00") == NOON


@pytest.mark.parametrize("cell", ["", "NA", "soon", "2012-13-04", "2012-02-30", "99/99/2012"])
def test_what_is_no_date_is_no_time(cell: str) -> None:
    assert isnan(date_reader(["2012-01-01"])(cell))


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))
)
def test_order_and_distance_are_kept(first: datetime, second: datetime) -> None:
    read = date_reader([])
    distance = read(first.isoformat(" ")) - read(second.isoformat(" "))
    assert distance == pytest.approx((first - second).total_seconds(), abs=1e-3)


def test_a_calendar_needs_a_year_and_a_month() -> None:
    assert find_calendar(["a", "Day", "Month", "Year"]) == ("Year", "Month", "Day")
    assert find_calendar(["year", "day"]) == ()
    assert find_calendar(["month", "day"]) == ()
    assert read_calendar("2012", "3", "4", "12") == NOON
    assert read_calendar("2012", "3") == NOON - 3.5 * 86_400
    assert isnan(read_calendar("2012", "14", "1"))
    assert isnan(read_calendar("", "1", "1"))


def test_a_clock_is_known_by_its_name_and_many_values() -> None:
    seconds = [str(1_600_000_000 + i) for i in range(30)]
    assert is_clock("timestamp", seconds)
    assert is_clock("Event_TS", seconds)
    assert not is_clock("timestamp", seconds[:10])
    assert not is_clock("time_in_hospital", seconds)
    assert not is_clock("timestamp", [*seconds, "late"])
    assert isnan(read_number("late"))


@pytest.mark.parametrize(
    ("span", "is_seconds", "words"),
    [
        (86_400, True, "1 day"),
        (950_400, True, "11 days"),
        (5_400, True, "1.5 hours"),
        (90, True, "1.5 minutes"),
        (3, True, "3 s"),
        (250, False, "250"),
        (0.123456, False, "0.1235"),
    ],
)
def test_spans_in_words(span: float, is_seconds: bool, words: str) -> None:
    assert say_span(span, is_seconds=is_seconds) == words
