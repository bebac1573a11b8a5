"""What engineers may see of a script's output: progress, metrics and tracebacks, but no train rows and no labels.

A script reads the labels of the rows its view shows, and those are other views' hidden rows. So lines that print rows are
left out: those with a train key or a long train text, rows under a header of column names, a printed target, long lists of
numbers or classes, what looks encoded. The stored log stays whole, for the user. Rows in a form of their own, two or three
numbers a line, pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from mlmaster.engine.telling import TellingValues

MOST_VALUES = 19
"""So many numbers or classes may stand in one line, or in lines of nothing else."""
MOST_NUMBERS = 4
"""So many numbers of many digits that are cells of the train table may stand in one line."""
LONGEST_RUN, LONGEST_DIGITS = 200, 60
"""Characters, and digits, without a space from which a line says more than a person would read: encoded data."""
MASK = "[…]"
_SPLIT = re.compile(r"[\s,;|\[\](){}'\"]+")
_VALUE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|none|null|true|false|inf|\.\.\.", re.I)
_RAISED = re.compile(r"(\w+\.)*\w*(Error|Exception|Warning|Interrupt)\b")
_SERIES = re.compile(r"Name: (.+?), (Length: \d+, )?dtype: ")
_ENCODED = re.compile(rf"\S{{{LONGEST_RUN},}}|\d{{{LONGEST_DIGITS},}}")
_INDEXED = re.compile(r"\s*(\d+|\.\.+)\s+\S")


def excerpt(log: str, values: TellingValues) -> str:
    """Return a log with runs of lines that show train rows replaced by `[n lines with training rows left out]`."""
    lines = log.splitlines()
    shown = [mask(line, values) if _RAISED.match(line) else line for line in lines]
    tokens = [[token for token in _SPLIT.split(line) if token] for line in shown]
    is_out = [_shows_rows(line, cells, values) for line, cells in zip(shown, tokens, strict=True)]
    _mark_lists(tokens, values, is_out)
    _mark_tables(shown, tokens, values, is_out)
    _mark_series(shown, values, is_out)
    kept: list[str] = []
    for is_left_out, run in groupby(zip(is_out, shown, strict=True), key=lambda pair: pair[0]):
        found = [line for _, line in run]
        kept += [f"[{len(found)} lines with training rows left out]"] if is_left_out else found
    return "\n".join(kept) + ("\n" if log.endswith("\n") else "")


def mask(line: str, values: TellingValues) -> str:
    """Return one line, of an exception, with train keys and texts in it replaced by `[…]`."""
    for key in sorted(values.keys(line), key=len, reverse=True):
        line = line.replace(key, MASK)
    if values.texts(line) or _shows_rows(line, [token for token in _SPLIT.split(line) if token], values):
        return f"{line.partition(':')[0][:200]}: {MASK}"
    return line


def _shows_rows(line: str, tokens: Sequence[str], values: TellingValues) -> bool:
    return (
        sum(_is_value(token, values) for token in tokens) > MOST_VALUES
        or _ENCODED.search(line) is not None
        or bool(values.keys(line))
        or bool(values.texts(line))
        or len(values.numbers(tokens)) > MOST_NUMBERS
    )


def _is_value(token: str, values: TellingValues) -> bool:
    return _VALUE.fullmatch(token) is not None or token in values.classes


def _mark_lists(tokens: Sequence[Sequence[str]], values: TellingValues, is_out: list[bool]) -> None:
    """Mark lines of nothing but numbers and classes that are many together: arrays, one label a line."""
    bare = [bool(cells) and sum(_is_value(each, values) for each in cells) > 0.8 * len(cells) for cells in tokens]
    for is_bare, run in groupby(range(len(tokens)), key=lambda place: bare[place]):
        places = list(run)
        if is_bare and sum(len(tokens[place]) for place in places) > MOST_VALUES:
            for place in places:
                is_out[place] = True


def _mark_tables(
    lines: Sequence[str], tokens: Sequence[Sequence[str]], values: TellingValues, is_out: list[bool]
) -> None:
    """Mark the rows under a header of train columns, printed as pandas does or as delimited text; aggregates stay."""
    commas = -1
    is_inside = False
    for place, (line, cells) in enumerate(zip(lines, tokens, strict=True)):
        names = [cell for cell in cells if cell not in ("...", "\\")]
        if len(names) > 1 and all(name in values.columns for name in names):
            is_inside, commas = True, line.count(",")
        elif is_inside and (_INDEXED.match(line) or (commas > 0 and line.count(",") >= commas)):
            is_out[place] = True
        elif not cells:
            is_inside = False


def _mark_series(lines: Sequence[str], values: TellingValues, is_out: list[bool]) -> None:
    """Mark the rows above `Name: <column>, dtype: …`, as pandas ends a printed column."""
    for place, line in enumerate(lines):
        footer = _SERIES.match(line)
        if footer and footer[1] in values.columns:
            above = place - 1
            while above >= 0 and _INDEXED.match(lines[above]):
                is_out[above] = True
                above -= 1
