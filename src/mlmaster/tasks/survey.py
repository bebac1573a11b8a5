"""One pass over a table that leaves a small, even sample of its rows: what inference and the profile are made from.

Memory is bounded by the sample, whatever the length of the table and of its texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

from mlmaster.tasks.table import iterate_rows, read_header

MOST_ROWS = 20_000
MOST_CELLS = 1_000_000
MOST_CHARACTERS = 32_000_000
FEWEST_ROWS = 100

_Kept = list[tuple[int, tuple[str, ...]]]


@dataclass(frozen=True)
class Survey:
    """A table at a glance.

    Attributes:
        path, delimiter: Where it is and how it is written.
        header: Column names.
        rows: Number of rows below the header.
        sample: A uniform sample of the rows without repetition, in the table's order; all of them when there are few.
    """

    path: Path
    delimiter: str
    header: tuple[str, ...]
    rows: int
    sample: tuple[tuple[str, ...], ...]

    @cached_property
    def _columns(self) -> dict[str, tuple[str, ...]]:
        return dict(zip(self.header, zip(*self.sample, strict=True), strict=True))

    def column(self, name: str) -> tuple[str, ...]:
        """Return the sampled cells of a column."""
        return self._columns[name]

    @property
    def is_whole(self) -> bool:
        """Return True when the sample is the whole table."""
        return self.rows == len(self.sample)


def survey(
    path: Path,
    delimiter: str,
    observe: Callable[[Sequence[str]], None] | None = None,
    most_characters: int = MOST_CHARACTERS,
) -> Survey:
    """Read a table once and keep a sample of at most `MOST_ROWS` rows, `MOST_CELLS` cells and `most_characters`.

    At least `FEWEST_ROWS` rows are kept whatever their length. `observe` is shown every row on the way.

    Raises:
        DataError: The table is broken; see `table`.
    """
    header = read_header(path, delimiter)
    size = max(FEWEST_ROWS, min(MOST_ROWS, MOST_CELLS // len(header)))
    kept: _Kept = []
    characters = rows = 0
    random = Random(0)
    for row, cells in enumerate(iterate_rows(path, delimiter)):
        rows += 1
        if observe is not None:
            observe(cells)
        # Reservoir sampling (Vitter's algorithm R): every row is kept with the same probability.
        if row < size:
            kept.append((row, tuple(cells)))
        elif (place := random.randrange(row + 1)) < size:
            characters -= _length(kept[place][1])
            kept[place] = (row, tuple(cells))
        else:
            continue
        characters += _length(cells)
        if characters > most_characters and len(kept) > FEWEST_ROWS:
            # A uniform half of a uniform sample is one too; from here on the reservoir is that small.
            size = max(FEWEST_ROWS, len(kept) // 2)
            kept = random.sample(kept, size)
            characters = sum(_length(cells) for _, cells in kept)
    kept.sort(key=lambda each: each[0])
    return Survey(path, delimiter, header, rows, tuple(cells for _, cells in kept))


def _length(cells: Sequence[str]) -> int:
    return sum(map(len, cells))
