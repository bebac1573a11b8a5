"""Run-length masks by MLE-bench's rules, kept as runs: an image of a billion pixels takes as little room as its text.

A mask is written as pairs of numbers, a start counted from 1 and a length, with starts rising. Pixels are counted down the
columns, the columns from left to right. Source of the rules: openai/mle-bench, `mlebench/competitions/utils.py`. Two of them
surprise: what reaches beyond the image is cut off, and an odd count of numbers is refused only from five on, because of
three numbers the last two starts share the length and a single one is no run at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.mlebench.graders.cells import parsed_rows


@dataclass(frozen=True, slots=True)
class Runs:
    """A mask: which of the pixels `0, 1, 2, …` it holds.

    Attributes:
        starts: First pixel of each run, rising.
        stops: The pixel after its last. No run is empty and no two overlap.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @property
    def area(self) -> int:
        """Return the number of pixels."""
        return int((self.stops - self.starts).sum())

    def overlap(self, other: Runs) -> int:
        """Return the number of pixels that both masks hold."""
        return int((other._below(self.stops) - other._below(self.starts)).sum())

    def pixels(self) -> NDArray[np.int64]:
        """Return the pixels themselves, rising."""
        lengths = self.stops - self.starts
        before = np.cumsum(lengths) - lengths
        return np.repeat(self.starts - before, lengths) + np.arange(lengths.sum())

    def _below(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each pixel how many of the mask come before it."""
        if not len(self.starts):
            return np.zeros_like(pixels)
        whole = np.concatenate(([0], np.cumsum(self.stops - self.starts)))
        begun = np.searchsorted(self.starts, pixels, side="right")
        beyond = np.where(begun > 0, self.stops[begun - 1] - pixels, 0)
        return whole[begun] - np.maximum(beyond, 0)


def decode(text: Any, size: int) -> Runs:
    """Return the mask that a text means.

    Args:
        text: A cell as pandas read it; blank text is an empty mask.
        size: Pixels of the image.

    Raises:
        ValueError: It is no text, or breaks a rule; the message says which.
    """
    if not isinstance(text, str):
        raise ValueError(f"{shown(str(text))} is no text; write pairs of start and length")
    numbers = _whole_numbers(text)
    starts, lengths = numbers[0::2], numbers[1::2]
    if starts != sorted(starts):
        raise ValueError("starts do not rise; sort the pairs by start")
    if min(numbers, default=1) < 1:
        raise ValueError(f"{min(numbers)} is no start and no length; both are whole numbers from 1")
    if len(starts) > len(lengths) and len(numbers) > 3:
        raise ValueError(f"there are {len(numbers)} numbers; write pairs of start and length")
    return _runs(starts, lengths, size)


def decode_column(cells: pd.Series, sizes: Sequence[int]) -> list[Runs]:
    """Return the masks of a submission's column.

    Args:
        cells: The column, with the index it was read with.
        sizes: Pixels of each image, in the order of the cells; cells beyond them are not read.

    Raises:
        SubmissionError: A cell is no mask; its row is named as it stands in the submission.
    """
    remaining = iter(sizes)
    return parsed_rows(cells.iloc[: len(sizes)], lambda cell: decode(cell, next(remaining)))


def blank_as_text(cells: pd.Series) -> pd.Series:
    """Return a column with an empty text for each empty cell: an empty mask rather than none."""
    return cells.astype(object).where(cells.notna(), "")


def encode(mask: NDArray[Any]) -> str:
    """Return the text of a mask of shape (height, width); empty for one without a pixel."""
    inside = np.concatenate(([0], (np.asarray(mask).T.ravel() != 0).astype(np.int8), [0]))
    bounds = np.flatnonzero(np.diff(inside)).reshape(-1, 2)
    return " ".join(f"{start + 1} {stop - start}" for start, stop in bounds.tolist())


def _whole_numbers(text: str) -> list[int]:
    try:
        return list(map(int, text.split()))
    except ValueError:
        wrong = next(token for token in text.split() if not _is_whole(token))
        raise ValueError(f"{shown(wrong)} is no whole number") from None


def _is_whole(token: str) -> bool:
    try:
        int(token)
    except ValueError:
        return False
    return True


def _runs(starts: list[int], lengths: list[int], size: int) -> Runs:
    if not lengths:
        return Runs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    first = np.array(starts) - 1
    stop = first + np.array(lengths)
    if "f" in (first.dtype.kind, stop.dtype.kind):
        raise ValueError("a number from 2^63 to 2^64 - 1 stands in it; write starts and lengths within the image")
    # a sum beyond 64 bits comes out negative; like what lies beyond the image, it leaves nothing of the run
    first, stop = (np.maximum(np.minimum(each, size), 0).astype(np.int64) for each in (first, stop))
    inside = first < stop
    first, stop = first[inside], stop[inside]
    if np.any(first[1:] < stop[:-1]):
        raise ValueError("two runs overlap; write every pixel once")
    return Runs(first, stop)
