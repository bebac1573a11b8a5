"""Cells that hold lists of boxes, points or runs: read one by one, and blamed by row where they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError

Parsed = TypeVar("Parsed")


def parsed_rows(column: pd.Series, parse: Callable[[Any], Parsed]) -> list[Parsed]:
    """Return what every cell of a submission's column means.

    Args:
        column: With the index it was read with, in whatever order.
        parse: Raises ValueError, with a message for the user, for a cell that means nothing.

    Raises:
        SubmissionError: A cell means nothing; its row is named as it stands in the submission.
    """
    parsed = []
    for row, cell in zip(column.index.tolist(), column.tolist(), strict=True):
        with blamed_on(column, row):
            parsed.append(parse(cell))
    return parsed


@contextmanager
def blamed_on(column: pd.Series, row: object) -> Iterator[None]:
    """Turn a ValueError into a SubmissionError that names a cell.

    Args:
        column: Of the submission.
        row: Its label in the index that the column was read with.
    """
    try:
        yield
    except ValueError as error:
        place = row + 1 if isinstance(row, int) else row
        raise SubmissionError(f"{column.name}, row {place}: {error}") from None


def numbers(tokens: Sequence[str]) -> list[float]:
    """Return words as numbers, by Python's own rules.

    Raises:
        ValueError: One is none; it is named.
    """
    try:
        return list(map(float, tokens))
    except ValueError:
        for token in tokens:
            try:
                float(token)
            except ValueError:
                raise ValueError(f"{shown(token)} is no number") from None
        raise
