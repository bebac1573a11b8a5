"""What the strings of a column mean: missing, number, date, truth value, text; and the kind of the column as a whole.

Missing values are the ones pandas takes for missing, because the scripts that use the tables read them with pandas.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from mlmaster.core.task import ColumnKind

MISSING = frozenset(
    (
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    )
)
TRUTH_PAIRS = (
    ("0", "1"),
    ("0.0", "1.0"),
    ("false", "true"),
    ("f", "t"),
    ("no", "yes"),
    ("n", "y"),
    ("-1", "1"),
    ("-1.0", "1.0"),
    ("off", "on"),
    ("negative", "positive"),
    ("absent", "present"),
    ("ham", "spam"),
    ("benign", "malignant"),
    ("bad", "good"),
    ("normal", "anomaly"),
    ("none", "any"),
)
"""Two-valued columns whose second value is the one that is asked about; lower case."""

FEWEST_WORDS = 4.0
"""Mean words from which a column of many distinct values is text rather than names."""

_BOOLEANS = TRUTH_PAIRS[:6]
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$", re.ASCII)
_INTEGER = re.compile(r"\s*[+-]?\d+(\.0*)?\s*$", re.ASCII)
_DATE = re.compile(
    r"(19|20)\d\d[-/.](0?[1-9]|1[0-2])[-/.]([0-2]?\d|3[01])([T ].*)?$"
    r"|([0-2]?\d|3[01])[-/.]([0-2]?\d|3[01])[-/.](\d\d|(19|20)\d\d)([T ].*)?$"
    r"|(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])(T?\d{6})?Z?$",
    re.ASCII,
)
_ID_NAME = re.compile(
    r"(^|[_\W])(id|ids|uuid|guid|key|index|idx|filename|file|image|path)$|(Id|ID|Key)$|^(id|ID|Id)([_\W]|$|[A-Z])"
    r"|^Unnamed: 0$|^(filename|image_?name|imageid|fname)$"
)


def is_missing(cell: str) -> bool:
    """Return True for what pandas reads as missing."""
    return cell in MISSING


def is_number(cell: str) -> bool:
    """Return True for a decimal number; infinities and thousands separators are none."""
    return _NUMBER.match(cell) is not None


def is_integer(cell: str) -> bool:
    """Return True for a whole number, also written as `3.0`."""
    return _INTEGER.match(cell) is not None


def is_date(cell: str) -> bool:
    """Return True for the usual ways to write a day, with or without a time."""
    return _DATE.match(cell.strip()) is not None


def is_id_name(name: str) -> bool:
    """Return True for a column name that usually names rows."""
    return _ID_NAME.search(name) is not None


def count_words(cell: str) -> int:
    """Return the number of words, separated by white space."""
    return len(cell.split())


def find_kind(name: str, cells: Sequence[str]) -> ColumnKind:
    """Return what a column holds, from a sample of its cells (missing ones included)."""
    present = [cell for cell in cells if cell not in MISSING]
    distinct = set(present)
    if len(distinct) < 2:
        return ColumnKind.CONSTANT
    if is_boolean(distinct):
        return ColumnKind.BOOLEAN
    is_unique = len(distinct) == len(present)
    if all(map(is_date, distinct)) and (not all(map(is_number, distinct)) or "date" in name.lower()):
        return ColumnKind.DATE
    if all(map(is_number, distinct)):
        is_id = is_unique and is_id_name(name) and all(map(is_integer, distinct))
        return ColumnKind.IDENTIFIER if is_id else ColumnKind.NUMBER
    share = len(distinct) / len(present)
    if share > 0.5 and sum(map(count_words, present)) / len(present) >= FEWEST_WORDS:
        return ColumnKind.TEXT
    if share > 0.95 and len(present) >= 20:
        return ColumnKind.IDENTIFIER
    return ColumnKind.CATEGORY


def is_boolean(distinct: Collection[str]) -> bool:
    """Return True when the distinct present values are a pair of truth values."""
    return {cell.strip().lower() for cell in distinct} in [set(pair) for pair in _BOOLEANS]
