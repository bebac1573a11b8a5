"""Dealing: which rows or clusters of rows fall to which fold, and which hidden labels guide or are kept for the judge.

Everything is a pure function of its arguments and a random generator. Rows sorted by stratum, shuffled within, are dealt
out like cards, so that counts differ by at most one within every stratum and overall; clusters are dealt whole, the largest
first, each to the part that needs it most; time is cut into windows or stretches. What is right for a task is decided in
`scheme`, and who is hidden in which view is kept by `hiding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.ports import Array

NEVER = -1
"""The fold of rows that are never hidden."""

SMALL_ROWS, MEDIUM_ROWS = 50_000, 500_000
BIG_MEDIA_BYTES = 1 << 30
MOST_FOLDS = 100
HOLD_OUT_PARTS = 5
"""With a single fold, one row in so many is hidden."""
GUIDE_PARTS = 3
"""One hidden row in so many is the judge's; the others guide."""
MOST_BINS = 20

Numbers = NDArray[np.int64]


def count_folds(rows: int, media_bytes: int = 0) -> int:
    """Return how many folds a train table of so many rows gets: 5, 3 when it is medium, 1 when it or its files are large."""
    if rows >= MEDIUM_ROWS or media_bytes > BIG_MEDIA_BYTES:
        return 1
    return 3 if rows >= SMALL_ROWS else 5


def find_strata(task: Task, truth: Array) -> Numbers:
    """Return the stratum of each row: its class or combination of labels, or its quantile of the (first) numeric target."""
    rows = len(truth)
    if task.prediction_kind is PredictionKind.TEXT or (
        task.kind is TaskKind.REGRESSION and truth.dtype.kind not in "fiu"
    ):
        return np.zeros(rows, dtype=np.int64)
    if task.kind is TaskKind.REGRESSION:
        values = truth if truth.ndim == 1 else truth[:, 0]
        bins = max(1, min(MOST_BINS, rows // 10))
        ranks = np.empty(rows, dtype=np.int64)
        ranks[np.argsort(values, kind="stable")] = np.arange(rows)
        return ranks * bins // max(rows, 1)
    labels = truth.ravel() if truth.ndim == 1 or truth.shape[1] == 1 else truth
    _, strata = np.unique(labels, axis=None if labels.ndim == 1 else 0, return_inverse=True)
    return strata.reshape(-1).astype(np.int64)


def deal_folds(strata: Numbers, clusters: Numbers, folds: int, rng: np.random.Generator) -> Numbers:
    """Return the fold of each row, clusters whole; with one fold, a fifth of the rows is fold 0 and the others `NEVER`."""
    if folds > 1:
        return deal(strata, clusters, folds, rng)
    parts = max(2, min(len(np.unique(clusters)), HOLD_OUT_PARTS))
    dealt = deal(strata, clusters, parts, rng)
    # The last part: the largest cluster is dealt first, and it may be most of the table.
    return np.where(dealt == parts - 1, 0, NEVER).astype(np.int64)


def deal(strata: Numbers, clusters: Numbers, parts: int, rng: np.random.Generator) -> Numbers:
    """Return the part of each row: clusters whole, parts alike in size and in every stratum; none empty if avoidable."""
    groups, codes = np.unique(clusters, return_inverse=True)
    if len(groups) == len(clusters):
        return _deal_rows(strata, parts, rng)
    return _deal_clusters(strata, codes, parts, rng)


def guide_mask(strata: Numbers, clusters: Numbers, folds: Numbers, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return True for about two thirds of every fold's rows, stratified, clusters whole; and for rows never hidden."""
    hidden = np.flatnonzero(folds != NEVER)
    width = int(strata.max(initial=0)) + 1
    # Strata in another order in every fold: where folds are multiples of three, each would round the same class up.
    order = np.argsort(rng.random((int(folds.max(initial=0)) + 1, width)), axis=1)
    within = folds[hidden] * width + order[folds[hidden], strata[hidden]]
    dealt = deal(within, clusters[hidden], GUIDE_PARTS, rng)
    mask = np.ones(len(folds), dtype=bool)
    mask[hidden[dealt == GUIDE_PARTS - 1]] = False
    return mask


def cut_windows(order: Numbers, folds: int, window_rows: int) -> Numbers:
    """Return the fold of each row when the newest windows are hidden one after another, fold 0 the newest.

    Args:
        order: Dense ranks in time from 0; rows of one time stay together; -1 for rows without a time.
        folds: At most so many; fewer where there are not enough different times.
        window_rows: About so many rows to a window.
    """
    timed = order >= 0
    counts = np.bincount(order[timed])
    newer = counts.sum() - np.cumsum(counts)
    _, window = np.unique(newer // max(1, window_rows), return_inverse=True)
    # The oldest window is never hidden: something must be left to learn from.
    window = np.where(window >= min(folds, int(window.max(initial=0))), NEVER, window)
    assigned = np.full(len(order), NEVER, dtype=np.int64)
    assigned[timed] = window[order[timed]]
    return assigned


def cut_stretches(times: NDArray[np.float64], span: float, fewest: int, offset: float = 0.0) -> Numbers:
    """Return the stretch of each row, numbered in time: stretches last about `span`, and end where train has a gap.

    Args:
        times: Of the rows; NaN where there is none: such a row is a stretch of its own.
        span: Length of a stretch, in the unit of `times`.
        fewest: So many stretches at least, as long as there are as many times.
        offset: Shift of the grid, as a share of the span.
    """
    timed = np.flatnonzero(~np.isnan(times))
    moments, rank = np.unique(times[timed], return_inverse=True)
    stretch = np.zeros(len(moments), dtype=np.int64)
    fewest = min(fewest, len(moments))
    for _ in range(64):
        grid = np.floor((moments - moments[0]) / span + offset) if len(moments) and span > 0 else stretch
        # A gap longer than half a stretch is one that a test stretch may lie in.
        is_new = (np.diff(grid, prepend=grid[:1]) > 0) | (np.diff(moments, prepend=moments[:1]) > span / 2)
        stretch = np.cumsum(is_new)
        if len(moments) == 0 or stretch[-1] + 1 >= fewest:
            break
        span /= 2
    else:
        stretch = np.arange(len(moments)) * fewest // max(1, len(moments))
    found = np.empty(len(times), dtype=np.int64)
    found[timed] = stretch[rank]
    rest = np.flatnonzero(np.isnan(times))
    found[rest] = int(stretch.max(initial=-1)) + 1 + np.arange(len(rest))
    return found


def cut_pieces(order: Numbers, parts: Numbers, rows: int) -> Numbers:
    """Return clusters: every part cut in time into pieces of about so many rows; rows of one time stay together."""
    sort = np.lexsort((order, parts))
    sorted_parts, sorted_order = parts[sort], order[sort]
    starts_part = np.diff(sorted_parts, prepend=sorted_parts[:1] - 1) != 0
    starts_time = starts_part | (np.diff(sorted_order, prepend=sorted_order[:1] - 1) != 0)
    place = np.arange(len(order))
    in_part = place - np.maximum.accumulate(np.where(starts_part, place, 0))
    of_time = np.maximum.accumulate(np.where(starts_time, place, 0))
    piece = in_part[of_time] // max(1, rows)
    is_new = starts_part | (np.diff(piece, prepend=-1) != 0)
    found = np.empty(len(order), dtype=np.int64)
    found[sort] = np.cumsum(is_new) - 1
    return found


def pick_small(strata: Numbers, seed: int, visible: int, hidden: int) -> tuple[Numbers, Numbers]:
    """Return row numbers for a small view, (visible, hidden), of at least two rows.

    Every stratum is visible, and hidden as well where it has enough rows. More than `visible` rows are taken only when
    there are more strata than that; a quarter of few rows, and at least one, is left to be hidden.
    """
    rows = len(strata)
    order = np.random.default_rng([seed, 2]).permutation(rows)
    chosen = _take(order, strata, min(visible, rows - rows // 4))[: rows - 1]
    rest = order[~np.isin(order, chosen)]
    return np.sort(chosen), np.sort(_take(rest, strata, hidden)[:hidden])


def _take(order: Numbers, strata: Numbers, count: int) -> Numbers:
    """Return the first row of every stratum, then rows in order up to the count."""
    _, firsts = np.unique(strata[order], return_index=True)
    is_first = np.zeros(len(order), dtype=bool)
    is_first[firsts] = True
    chosen: Numbers = np.concatenate([order[is_first], order[~is_first]])
    return chosen[: max(count, len(firsts))]


def _deal_rows(strata: Numbers, parts: int, rng: np.random.Generator) -> Numbers:
    """Return the part of each row; dealing goes on from stratum to stratum, so rare strata are spread."""
    shuffled: NDArray[Any] = rng.permutation(len(strata))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    dealt = np.empty(len(strata), dtype=np.int64)
    dealt[order] = np.arange(len(strata)) % parts
    return dealt


def _deal_clusters(strata: Numbers, codes: Numbers, parts: int, rng: np.random.Generator) -> Numbers:
    """Return the part of each row, by clusters in order of size, each to the part where it disturbs the balance least.

    The balance is the chi-square distance of all parts' counts, in every stratum and overall, from equal shares. An empty
    part always disturbs least, so none stays empty while there are clusters.
    """
    _, strata = np.unique(strata, return_inverse=True)
    width = int(strata.max(initial=0)) + 1
    cells, counts = np.unique(codes * width + strata, return_counts=True)
    sizes = np.bincount(codes)
    edges: Sequence[int] = np.searchsorted(cells, np.arange(len(sizes) + 1) * width).tolist()
    of_cell: Sequence[int] = (cells % width).tolist()
    in_cell: Sequence[int] = counts.tolist()
    totals = np.bincount(strata, minlength=width).tolist()
    have = [[0] * width for _ in range(parts)]
    load = [0] * parts
    rows = len(codes)
    chosen = np.empty(len(sizes), dtype=np.int64)
    for cluster in np.lexsort((rng.permutation(len(sizes)), -sizes)).tolist():
        size = int(sizes[cluster])
        inside = [(of_cell[cell], in_cell[cell]) for cell in range(edges[cluster], edges[cluster + 1])]
        best, least = 0, float("inf")
        for part in range(parts):
            mine = have[part]
            cost = size * (2 * load[part] + size) / rows
            for stratum, count in inside:
                cost += count * (2 * mine[stratum] + count) / totals[stratum]
            if cost < least:
                best, least = part, cost
        chosen[cluster] = best
        load[best] += size
        for stratum, count in inside:
            have[best][stratum] += count
    return chosen[codes]
