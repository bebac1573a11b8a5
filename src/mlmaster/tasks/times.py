"""Times in tables: which columns tell when a row came about, and their cells as numbers.

Dates become seconds, so that gaps can be said in days; other times stay in their own unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from mlmaster.tasks.cells import is_date, is_integer, is_missing, is_number

NO_TIME = float("nan")
DAY = 86_400.0
_CLOCK = r"(?:[T ]+(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?.*)?"
_YEAR_FIRST = re.compile(rf"\s*((?:19|20)\d\d)[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_CLOCK}\s*$", re.ASCII)
_YEAR_LAST = re.compile(rf"\s*(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}|\d\d){_CLOCK}\s*$", re.ASCII)
_COMPACT = re.compile(r"\s*((?:19|20)\d\d)(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d))?Z?\s*$", re.ASCII)
_CLOCK_NAME = re.compile(
    r"time|timestamp|datetime|date|epoch|unix|unix_?time|ts|(time|date|day|week)_id|date_block_num|transactiondt|event_time"
    r"|created_at|.*(timestamp|datetime|_ts)"
)
_YEARS, _MONTHS, _DAYS, _HOURS = ("year", "yr"), ("month", "mo", "mnth"), ("day", "dom", "mday"), ("hour", "hr")
MOST_KNOWN = 50_000
"""So many dates are remembered while a column is read."""
FEWEST_TIMES = 20
"""A numeric column with fewer different values in its sample is no clock."""


def is_clock(name: str, cells: Sequence[str]) -> bool:
    """Return True for a numeric column that plainly is a time, by its name and a sample of its present cells."""
    if not _CLOCK_NAME.fullmatch(name.strip().lower()):
        return False
    return len(set(cells)) >= FEWEST_TIMES and all(map(is_number, cells))


def is_all_dates(cells: Sequence[str]) -> bool:
    """Return True when all present cells of a sample are dates."""
    return bool(cells) and all(map(is_date, cells))


def find_calendar(header: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that make a date together, coarse to fine: a year and at least a month; () where there are none."""
    by_name = {name.strip().lower(): name for name in header}
    found = []
    for names in (_YEARS, _MONTHS, _DAYS, _HOURS):
        name = next((by_name[each] for each in names if each in by_name), None)
        if name is None:
            break
        found.append(name)
    return tuple(found) if len(found) > 1 else ()


def read_calendar(*cells: str) -> float:
    """Return the seconds of a year, month, day and hour, as far as they are given; NaN where one is missing or absurd."""
    try:
        year, month, day, hour = (*(int(float(cell)) for cell in cells), *(1, 1, 0)[len(cells) - 1 :])
        return date(year, month, day).toordinal() * DAY + hour * 3600.0
    except (ValueError, OverflowError):
        return NO_TIME


def read_number(cell: str) -> float:
    """Return a number; NaN where there is none."""
    return float(cell) if is_number(cell) else NO_TIME


def date_reader(cells: Sequence[str]) -> Callable[[str], float]:
    """Return what reads dates written like these cells as seconds; NaN for other cells.

    Whether 03/04 is in March or in April is settled by the sample: the day comes first if any first number is above 12.
    """
    known: dict[str, float] = {}
    is_day_first = any((match := _YEAR_LAST.match(cell)) is not None and int(match.group(1)) > 12 for cell in cells)

    def read(cell: str) -> float:
        # Long tables repeat their dates: a panel has all its stores on each.
        if (seconds := known.get(cell)) is None:
            seconds = parse(cell)
            if len(known) < MOST_KNOWN:
                known[cell] = seconds
        return seconds

    def parse(cell: str) -> float:
        if is_missing(cell):
            return NO_TIME
        if (match := _YEAR_FIRST.match(cell) or _COMPACT.match(cell)) is not None:
            year, month, day = match.group(1, 2, 3)
        elif (match := _YEAR_LAST.match(cell)) is not None:
            first, second, year = match.group(1, 2, 3)
            day, month = (first, second) if is_day_first else (second, first)
        else:
            return NO_TIME
        years = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
        hour, minute, second = match.group(4, 5, 6)
        try:
            seconds = date(years, int(month), int(day)).toordinal() * DAY
        except ValueError:
            return NO_TIME
        return seconds + 3600 * int(hour or 0) + 60 * int(minute or 0) + float(second or 0)

    return read


def say_span(span: float, *, is_seconds: bool) -> str:
    """Return a length of time in words."""
    if not is_seconds:
        return f"{span:g}" if is_integer(f"{span:g}") else f"{span:.4g}"
    for unit, length in (("day", DAY), ("hour", 3600.0), ("minute", 60.0)):
        if span >= length:
            amount = f"{span / length:.3g}"
            return f"{amount} {unit}{'s' * (amount != '1')}"
    return f"{span:.3g} s"
