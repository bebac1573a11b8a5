"""What tells one train row from another: row keys, long texts, numbers of many digits. An index, never the values.

Scripts that carry such values have memorised rows (`mlmaster.engine.literals`), and lines of a log that hold them are not
shown to engineers (`mlmaster.engine.excerpts`). Only hashes are kept, at most `MOST` of each sort: of a larger table an
even sample. A value that more than `SHARING` rows have in common tells nothing and is not in the index; nor are short
integers, plain dates, column names and classes, which any script may name.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.task import Profile, Task
from mlmaster.tasks import table

MOST = 2_000_000
SHARING = 3
KEY_CHARACTERS, KEY_DIGITS = 5, 7
"""A key tells a row from so many characters on; one that is only digits from so many digits on."""
TEXT_CHARACTERS = 32
"""The start of a text that is compared, white space and case levelled."""
NUMBER_DIGITS = 5
"""Significant digits from which a number tells a row."""
PAIR_DIGITS = 3
"""Digits that a row's number or its label must have, so that the two together tell the row."""
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_PLAIN = re.compile(r"[+-]?\d*\.?\d*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.I)
_FIELDS = re.compile(r"[\n\r,;|\t'\"\[\](){}]+")
_WORDS = re.compile(r"[\s,;|'\"\[\](){}<>=/\\]+|:(?=\s|$)|\.\w{1,5}(?=[\s,;|'\"\[\](){}]|$)")


class TellingValues:
    """The index of one task's train table; read when it is first asked for something.

    Args:
        task: The task.
        profile: Of its data.

    Attributes:
        columns: Of the train table.
        classes: The task's.
        known: Words that any script may name.
    """

    def __init__(self, task: Task, profile: Profile) -> None:
        self._task = task
        self._rows = profile.train_rows
        self._lock = Lock()
        self.columns = frozenset([*(column.name for column in profile.columns), *task.targets])
        self.classes = frozenset(task.classes)
        self.known = frozenset(
            [*self.columns, *self.classes, *task.submission_columns, *(side.key for side in task.side_tables)]
        )

    def read(self) -> None:
        """Read the train table now, about 10 s for a million rows of 20 columns; later calls do nothing."""
        with self._lock:
            _ = self._index

    def keys(self, text: str) -> set[str]:
        """Return the train keys that stand in a text."""
        found = {word for word in words(text) if is_key(word) and word not in self.known}
        return {word for word in found if hash(word) in self._index.keys} if found else found

    def texts(self, text: str) -> set[str]:
        """Return the starts of long train texts that stand in a text."""
        if len(text) < TEXT_CHARACTERS:
            return set()
        level = _level(text)
        starts = [0, *(place.end() for place in re.finditer(r"[\s'\"\[({,;|]", level))]
        found = {level[start : start + TEXT_CHARACTERS] for start in starts}
        return {each for each in found if len(each) == TEXT_CHARACTERS and hash(each) in self._index.texts}

    def numbers(self, cells: Iterable[str]) -> set[float]:
        """Return the numbers among the cells that few train rows have, of many digits each."""
        found = {float(cell) for cell in cells if _digits(cell) >= NUMBER_DIGITS}
        return {number for number in found if hash(number) in self._index.numbers} if found else found

    def labelled(self, cells: Sequence[str]) -> set[tuple[str, str]]:
        """Return the neighbours among the cells that are a train row's number and its label."""
        found = {pair for left, right in pairwise(cells) if (pair := _pair(left, right)) is not None}
        return {pair for pair in found if hash(pair) in self._index.pairs} if found else found

    @cached_property
    def _index(self) -> _Index:
        return _Index(self._task, self._rows)


def words(text: str) -> Iterator[str]:
    """Yield what may be a key in a text: itself, its fields, its words, parts and stems of paths."""
    yield text.strip()
    for field in _FIELDS.split(text):
        yield field.strip()
    yield from _WORDS.split(text)


def is_key(cell: str | None) -> bool:
    """Return True for what looks like the key of one row: long enough, with a digit, no date and no short number."""
    if cell is None or len(cell) < KEY_CHARACTERS or not any(map(str.isdigit, cell)) or _DATE.fullmatch(cell):
        return False
    return (cell.isdecimal() and len(cell) >= KEY_DIGITS) or not _PLAIN.fullmatch(cell)


class _Index:
    """Sorted hashes of a train table's telling values."""

    def __init__(self, task: Task, rows: int) -> None:
        self.keys = self.texts = self.numbers = self.pairs = _Hashes(np.empty(0, dtype=np.int64))
        if not task.train:
            return  # nothing is hidden of what has no table, and scripts report their own score
        path = task.directory / task.train
        header = table.read_header(path, task.delimiter)
        named = (task.id_column, *(rule.key for rule in task.file_rules), *(side.column for side in task.side_tables))
        places = [header.index(name) for name in dict.fromkeys(named) if name in header]
        targets = [header.index(name) for name in task.targets if name in header]
        others = [place for place in range(len(header)) if place not in {*places, *targets}]
        step = 1 + rows * len(others) // MOST
        keys, texts, numbers, pairs = _Gathered(), _Gathered(), _Gathered(), _Gathered()
        for number, cells in enumerate(table.iterate_rows(path, task.delimiter)):
            for place in places:
                if is_key(cells[place]):
                    keys.add(hash(cells[place]))
                elif (pair := _pair(cells[place], cells[targets[0]] if targets else "")) is not None:
                    pairs.add(hash(pair))
            for place in (*targets, *others) if number % step == 0 else targets:
                if _digits(cells[place]) >= NUMBER_DIGITS:
                    numbers.add(hash(float(cells[place])))
            for cell in cells:
                if (
                    len(cell) >= TEXT_CHARACTERS
                    and len(level := _level(cell[: 8 * TEXT_CHARACTERS])) >= TEXT_CHARACTERS
                ):
                    texts.add(hash(level[:TEXT_CHARACTERS]))
        self.keys, self.texts, self.numbers, self.pairs = keys.index(), texts.index(), numbers.index(), pairs.index()


class _Gathered:
    """Hashes while they are gathered; when they become too many, every other one is let go, the same for all."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._step = 1

    def add(self, value: int) -> None:
        if value % self._step == 0:
            self._hashes.append(value)
            if len(self._hashes) > MOST:
                self._step *= 2
                self._hashes = array("q", (each for each in self._hashes if each % self._step == 0))

    def index(self) -> _Hashes:
        values, counts = np.unique(np.array(self._hashes, dtype=np.int64), return_counts=True)
        return _Hashes(values[counts <= SHARING])


class _Hashes:
    def __init__(self, values: NDArray[np.int64]) -> None:
        self._values = values

    def __contains__(self, value: int) -> bool:
        place = int(np.searchsorted(self._values, value))
        return place < len(self._values) and int(self._values[place]) == value


def _level(text: str) -> str:
    return " ".join(text.casefold().split())


def _pair(number: str, label: str) -> tuple[str, str] | None:
    """Return a row's number with its label, as both are compared; None where that is likely by chance."""
    if not number.isdecimal() or not label or max(len(number.lstrip("0")), _digits(label)) < PAIR_DIGITS:
        return None
    return number.lstrip("0"), repr(float(label)) if _NUMBER.fullmatch(label) else label


def _digits(cell: str) -> int:
    """Return the number of significant digits, 0 for what is no plain number."""
    if not _NUMBER.fullmatch(cell):
        return 0
    mantissa = cell.casefold().partition("e")[0].lstrip("+-")
    digits = mantissa.replace(".", "").lstrip("0")
    return len(digits if "." in mantissa else digits.rstrip("0"))
