"""Single table cells as text: what a number, a flag and a label are, everywhere in the project.

A cell that cannot be read is a `CellError`, which knows its position only; who calls knows the file and whose fault it is.
Whole target columns are read in `mlmaster.core.encoding`, submissions in `mlmaster.metrics.submission`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_TEXT_BYTES = 2**30
"""Largest array of text that is built: fixed-width cells cost four bytes a character, so one long cell widens all."""

_TRUTH_WORDS = {"true": 1.0, "false": 0.0}
_SHOWN = 60


class CellError(ValueError):
    """A cell that cannot be read.

    Attributes:
        index: Position in the sequence, from 0.
        value: The text found.
        reason: What it should have been, as the end of a sentence.
    """

    def __init__(self, index: int, value: str, reason: str) -> None:
        super().__init__(f"row {index + 1}: {shown(value)} {reason}")
        self.index = index
        self.value = value
        self.reason = reason


def shown(value: str) -> str:
    """Return the value as it stands in messages: quoted, and cut where it is long."""
    return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")


def to_numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return finite numbers, shape (n,).

    Raises:
        CellError: A cell is empty, not a number, infinite or NaN. Python's own extensions (`1_000`, digits outside
            ASCII) are no numbers here, because no grader reads them.
    """
    try:
        numbers = np.array(texts, dtype=object).astype(np.float64)
    except ValueError:
        numbers = np.array([_number(text) for text in texts], dtype=np.float64)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        index = int(wrong.argmax())
        raise CellError(index, texts[index], "is not a finite number" if texts[index].strip() else "is empty")
    together = "".join(texts)
    if "_" in together or not together.isascii():
        for index, text in enumerate(texts):
            if "_" in text or not text.isascii():
                raise CellError(index, text, "is not a number")
    return numbers


def to_flags(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return 0.0 and 1.0, shape (n,), from 0 and 1 in any spelling of the number, or True and False in any case.

    Raises:
        CellError: A cell is neither.
    """
    known: dict[str, float] = {}
    flags = np.empty(len(texts), dtype=np.float64)
    for index, text in enumerate(texts):
        if text not in known:
            value = _value(text)
            if value not in (0.0, 1.0):
                raise CellError(index, text, "is neither 0 nor 1")
            known[text] = value
        flags[index] = known[text]
    return flags


def to_texts(columns: Sequence[Sequence[str]]) -> NDArray[np.str_]:
    """Return text of shape (n, m) from m columns.

    Raises:
        CellError: The longest cell would make the array larger than `MAX_TEXT_BYTES`.
    """
    rows = len(columns[0])
    for column in columns:
        index, longest = max(enumerate(map(len, column)), key=lambda pair: pair[1], default=(0, 0))
        if 4 * longest * rows * len(columns) > MAX_TEXT_BYTES:
            raise CellError(index, column[index], f"is too long ({longest} characters)")
    return np.array(columns, dtype=np.str_).T.reshape(rows, len(columns))


class Labels:
    """The classes of a task and every spelling that means one of them."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._index = {label: index for index, label in enumerate(self._classes)}
        self._words = {label.casefold(): label for label in classes if label.casefold() in _TRUTH_WORDS}
        self._values = {value: label for label in classes if (value := _value(label)) is not None}

    def canonical(self, text: str) -> str | None:
        """Return the label as the task writes it, or None when the text names none; the rule is `canonical_label`'s."""
        if text in self._index or not self._classes:
            return text
        stripped = text.strip()
        if stripped in self._index:
            return stripped
        word = self._words.get(stripped.casefold())
        if word is not None:
            return word
        value = _value(stripped)
        return None if value is None else self._values.get(value)

    def index(self, label: str) -> int:
        """Return the position of a canonical label."""
        return self._index[label]


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Return the first names in words, and how many there are where not all are shown."""
    return ", ".join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _value(text: str) -> float | None:
    word = _TRUTH_WORDS.get(text.casefold())
    if word is not None:
        return word
    value = _number(text)
    return value if np.isfinite(value) and text.isascii() and "_" not in text else None
