"""Numbers as a model is told them: rounded so that they mislead nobody, and so that a prompt does not change needlessly."""

from __future__ import annotations

from math import floor, inf, isfinite, log10

DIGITS = 4


def significant(value: float, digits: int = DIGITS) -> str:
    """Return a number rounded to so many significant digits, written out where that is readable."""
    if value == 0 or not isfinite(value):
        return f"{value:g}"
    magnitude = floor(log10(abs(value)))
    if not -6 <= magnitude < 9:
        return f"{value:.{digits - 1}e}"
    places = digits - 1 - magnitude
    return f"{round(value, places):.{max(0, places)}f}"


def plain(value: float) -> str:
    """Return a number without trailing zeros."""
    text = significant(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(share: float) -> str:
    """Return `0 %`, `<1 %`, `12 %` or `100 %`; 0 and 100 only where that is exact."""
    if share <= 0 or share >= 1:
        return "0 %" if share <= 0 else "100 %"
    if share < 0.01 or share > 0.99:
        return "<1 %" if share < 0.01 else ">99 %"
    return f"{round(100 * share)} %"


def seconds(value: float) -> str:
    """Return `0.4 s`, `12 s`, `15 min` or `2.5 h`."""
    if value < 9.5:
        return f"{value:.2g} s"
    if value < 600:
        return f"{value:,.0f} s"
    return f"{plain(round(value / 60))} min" if value < 2 * 3600 else f"{value / 3600:.1f} h"


def gigabytes(size: float) -> str:
    """Return `350 MB` or `12.3 GB`."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


_STEPS = ((10.0, 1.0), (60.0, 5.0), (360.0, 30.0), (inf, 60.0))
"""Below so many minutes, so many minutes are one step."""


def time_left(value: float) -> str:
    """Return the time left, rounded down to a step that grows with it."""
    minutes = value / 60
    step = next(step for bound, step in _STEPS if minutes < bound)
    whole = floor(minutes / step) * step
    if whole < 1:
        return "less than a minute"
    return f"about {whole:.0f} min" if whole < 120 else f"about {whole / 60:g} h"


def left(count: int) -> str:
    """Return a count of solutions left: exact below ten, else rounded down to tens."""
    if count < 10:
        return str(count)
    return f"about {count // 10 * 10:,}"
