"""The law of row order: whether the real test file is ordered by something its rows show, so that a view's must be too.

An order is kept only as far as it is a function of cells that the test table shows; rows equal in these are shuffled by
key. So the place of a hidden row never tells more than its own cells do, and a train file sorted by its target tells
nothing. Two orders are known: *sorted*, both tables by one column of numbers or dates; *grouped*, rows of one object
stand together in both, whatever the order of objects. Rows within an equal value or a group are sorted by a second column
where both tables are. All else is shuffled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlmaster.tasks import table

PROBED_ROWS = 2_000
"""Columns that are not in order here are never read whole."""
FEWEST_ROWS, FEWEST_VALUES = 20, 3
FEWEST_GROUPS, FEWEST_PER_GROUP = 5, 2.0
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?")

Cells = Sequence[str]
Ranks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowOrder:
    """How the rows of both tables stand: `first` ranks or groups them, `second` ranks rows equal in the first.

    `*_train` and `*_test` have one number for each row of the table.
    """

    columns: tuple[str, ...]
    is_grouped: bool
    first_train: Ranks
    first_test: Ranks
    second_train: Ranks
    second_test: Ranks

    def arrange(self, shuffled: Sequence[int]) -> list[int]:
        """Return a view's rows, given shuffled as `rebuild.row_numbers` does, in this order."""
        rows = np.array(shuffled, dtype=np.int64)
        is_hidden = rows >= 0
        first, second = np.empty_like(rows), np.empty_like(rows)
        for ranks, of_train, of_test in (
            (first, self.first_train, self.first_test),
            (second, self.second_train, self.second_test),
        ):
            ranks[is_hidden] = of_train[rows[is_hidden]]
            ranks[~is_hidden] = of_test[-1 - rows[~is_hidden]]
        if self.is_grouped:  # groups stand where the shuffle first puts one of their rows
            _, where, which = np.unique(first, return_index=True, return_inverse=True)
            first = where[which.reshape(-1)]
        found: list[int] = rows[np.lexsort((second, first))].tolist()  # stable: ties stay shuffled
        return found


def find_order(train: Path, test: Path, delimiter: str, columns: Sequence[str]) -> RowOrder | None:
    """Return the order that both tables are in, or None when there is none to be kept.

    Args:
        train: The train table.
        test: The real test table.
        delimiter: Of both.
        columns: Of the view's test table whose cells are shown as they are, and are in both tables.

    Raises:
        DataError: A table cannot be read.
    """
    probes = [_probe(path, delimiter, columns) for path in (train, test)]
    if min(len(cells) for probe in probes for cells in probe.values()) < FEWEST_ROWS if columns else True:
        return None

    def whole(name: str) -> tuple[Cells, Cells]:
        ours, theirs = (table.read_columns(path, [name], delimiter)[name] for path in (train, test))
        return ours, theirs

    def confirm(look: Callable[[Cells, Cells], tuple[Ranks, Ranks] | None]) -> tuple[str, Ranks, Ranks] | None:
        """Return the column with most values that is as looked for, on the probe and then on the whole tables."""
        best: tuple[str, Ranks, Ranks] | None = None
        for name in columns:
            if look(probes[0][name], probes[1][name]) is not None:
                found = look(*whole(name))
                if found is not None and (best is None or _values(found[0]) > _values(best[1])):
                    best = (name, *found)
        return best

    primary = confirm(_sorted_ranks)
    is_grouped = primary is None
    if primary is None:
        primary = confirm(_groups)
    if primary is None:
        return None
    first = primary[1:]
    secondary = None
    if max(len(first[0]) / _values(first[0]), len(first[1]) / _values(first[1])) >= FEWEST_PER_GROUP:
        cut = [ranks[: len(probe[primary[0]])] for ranks, probe in zip(first, probes, strict=True)]
        for name in columns:
            if name != primary[0] and _sorted_within(probes[0][name], probes[1][name], *cut) is not None:
                secondary = _sorted_within(*whole(name), *first)
                if secondary is not None:
                    return RowOrder((primary[0], name), is_grouped, *first, *secondary)
    flat = (np.zeros(len(first[0]), dtype=np.int64), np.zeros(len(first[1]), dtype=np.int64))
    return RowOrder((primary[0],), is_grouped, *first, *flat)


def _probe(path: Path, delimiter: str, columns: Sequence[str]) -> Mapping[str, Cells]:
    header = table.read_header(path, delimiter)
    rows = list(islice(table.iterate_rows(path, delimiter), PROBED_ROWS))
    return {name: [cells[header.index(name)] for cells in rows] for name in columns}


def _values(ranks: Ranks) -> int:
    return len(np.unique(ranks))


def _measure(cells: Cells) -> NDArray[np.float64] | NDArray[np.str_] | None:
    """Return cells as numbers or as dates that sort as text; None when they are neither."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        same = len({len(cell) for cell in cells}) == 1 and all(_DATE.fullmatch(cell) for cell in cells)
        return np.array(cells, dtype=np.str_) if same else None
    return values if bool(np.isfinite(values).all()) else None


def _rank(train: Cells, test: Cells) -> tuple[Ranks, Ranks] | None:
    """Return the ranks of both tables' cells on one scale."""
    ours, theirs = _measure(train), _measure(test)
    if ours is None or theirs is None or ours.dtype.kind != theirs.dtype.kind:
        return None
    _, ranks = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
    ranks = ranks.reshape(-1).astype(np.int64)
    return ranks[: len(ours)], ranks[len(ours) :]


def _sorted_ranks(train: Cells, test: Cells) -> tuple[Ranks, Ranks] | None:
    ranks = _rank(train, test)
    if ranks is None or min(_values(ranks[0]), _values(ranks[1])) < FEWEST_VALUES:
        return None
    for sign in (1, -1):
        if all(bool((sign * np.diff(each) >= 0).all()) for each in ranks):
            return sign * ranks[0], sign * ranks[1]
    return None


def _groups(train: Cells, test: Cells) -> tuple[Ranks, Ranks] | None:
    """Return group numbers where the rows of each group stand together in both tables."""
    codes: dict[str, int] = {}
    found = []
    for cells in (train, test):
        ranks = np.array([codes.setdefault(cell, len(codes)) for cell in cells], dtype=np.int64)
        groups, runs = _values(ranks), 1 + int((np.diff(ranks) != 0).sum())
        if runs > groups or groups < FEWEST_GROUPS or len(cells) < FEWEST_PER_GROUP * groups:
            return None
        found.append(ranks)
    return found[0], found[1]


def _sorted_within(train: Cells, test: Cells, in_train: Ranks, in_test: Ranks) -> tuple[Ranks, Ranks] | None:
    """Return ranks where both tables are sorted by the cells within each group, and the cells tell most rows apart."""
    ranks = _rank(train, test)
    if ranks is None:
        return None
    for sign in (1, -1):
        steps = [
            (sign * np.diff(each))[np.diff(groups) == 0]
            for each, groups in zip(ranks, (in_train, in_test), strict=True)
        ]
        if all(len(step) and bool((step >= 0).all()) and float((step > 0).mean()) > 0.5 for step in steps):
            return sign * ranks[0], sign * ranks[1]
    return None
