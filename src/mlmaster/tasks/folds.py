"""Who is hidden when: folds of the train rows, and which hidden labels guide the search or are kept for the judge.

First version: row folds, stratified by class or by quantiles of the target. Everything is a pure function of the truth
and a seed. Dealing is the one idea here: rows sorted by stratum, shuffled within, are dealt out like cards, so that counts
differ by at most one within every stratum and overall.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.task import Task, TaskKind
from mlmaster.errors import SettingsError, TaskError
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


def count_folds(rows: int, media_bytes: int = 0) -> int:
    """Return how many folds a train table of so many rows gets: 5, 3 when it is medium, 1 when it or its files are large."""
    if rows >= MEDIUM_ROWS or media_bytes > BIG_MEDIA_BYTES:
        return 1
    return 3 if rows >= SMALL_ROWS else 5


def find_strata(task: Task, truth: Array) -> NDArray[np.int64]:
    """Return the stratum of each row: its class or combination of labels, or its quantile of the (first) numeric target."""
    rows = len(truth)
    if task.kind is TaskKind.REGRESSION:
        if truth.dtype.kind not in "fiu":
            return np.zeros(rows, dtype=np.int64)
        values = truth if truth.ndim == 1 else truth[:, 0]
        bins = max(1, min(MOST_BINS, rows // 10))
        ranks = np.empty(rows, dtype=np.int64)
        ranks[np.argsort(values, kind="stable")] = np.arange(rows)
        return ranks * bins // max(rows, 1)
    labels = truth.ravel() if truth.ndim == 1 or truth.shape[1] == 1 else truth
    _, strata = np.unique(labels, axis=None if labels.ndim == 1 else 0, return_inverse=True)
    return strata.reshape(-1).astype(np.int64)


def assign_folds(task: Task, truth: Array, rows: int, seed: int, folds: int | None = None) -> NDArray[np.int64]:
    """Return the fold of each row, shape (rows,).

    With one fold, a fifth of the rows is fold 0 and the others are `NEVER` hidden.

    Raises:
        SettingsError: `folds` is out of range, or larger than the number of rows.
        TaskError: There are not even two rows.
    """
    if rows < 2:
        raise TaskError(
            f"{task.train}: has {rows} labelled rows; at least 2 are needed, to learn from one and score the other"
        )
    if folds is not None and not 1 <= folds <= min(rows, MOST_FOLDS):
        raise SettingsError(f"folds: {folds} is out of range; give 1 to {min(rows, MOST_FOLDS)}")
    count = min(rows, count_folds(rows)) if folds is None else folds
    rng = np.random.default_rng([seed, 0])
    strata = find_strata(task, truth)
    if count > 1:
        return _deal(strata, count, rng)
    dealt = _deal(strata, min(rows, HOLD_OUT_PARTS), rng)
    return np.where(dealt == 0, 0, NEVER).astype(np.int64)


def guide_mask(task: Task, truth: Array, folds: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Return True for about two thirds of every fold's rows, stratified; and for rows that are never hidden."""
    strata = find_strata(task, truth)
    within = folds * (int(strata.max(initial=0)) + 1) + strata
    dealt = _deal(within, GUIDE_PARTS, np.random.default_rng([seed, 1]))
    mask: NDArray[np.bool_] = (dealt != GUIDE_PARTS - 1) | (folds == NEVER)
    return mask


def pick_small(
    strata: NDArray[np.int64], seed: int, visible: int, hidden: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row numbers for a small view, (visible, hidden), of at least two rows.

    Every stratum is visible, and hidden as well where it has enough rows. More than `visible` rows are taken only when
    there are more strata than that; a quarter of few rows, and at least one, is left to be hidden.
    """
    rows = len(strata)
    order = np.random.default_rng([seed, 2]).permutation(rows)
    chosen = _take(order, strata, min(visible, rows - rows // 4))[: rows - 1]
    rest = order[~np.isin(order, chosen)]
    return np.sort(chosen), np.sort(_take(rest, strata, hidden)[:hidden])


def _take(order: NDArray[np.int64], strata: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the first row of every stratum, then rows in order up to the count."""
    _, firsts = np.unique(strata[order], return_index=True)
    is_first = np.zeros(len(order), dtype=bool)
    is_first[firsts] = True
    chosen: NDArray[np.int64] = np.concatenate([order[is_first], order[~is_first]])
    return chosen[: max(count, len(firsts))]


def _deal(strata: NDArray[np.int64], parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the part of each row; dealing goes on from stratum to stratum, so rare strata are spread."""
    shuffled: NDArray[Any] = rng.permutation(len(strata))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    dealt = np.empty(len(strata), dtype=np.int64)
    dealt[order] = np.arange(len(strata)) % parts
    return dealt
