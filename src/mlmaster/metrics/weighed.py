"""Metrics of many resamples at once: what the families' formulas share.

A resample is a row of counts: how often each row of the data is drawn. What does not depend on the counts (losses, sorting)
is done once; what is left is a `Weigh`: sums weighted by counts, for a block of resamples at a time so that no more than
`BLOCK_CELLS` numbers are held. The value of a resample is that of the formula on the repeated rows, with two marks: NaN where
it is undefined, infinity where the shortcut cannot tell (`mlmaster.metrics.definition` then asks the formula itself).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmaster.ports import Array

BLOCK_CELLS = 2**17
"""Counts weighed at a time: their float64 copies stay in a core's cache."""
_ILL_CONDITIONED = 1e-6
"""Where a sum of squares shrinks below this share when the mean is taken out, too few digits are left."""

Counts = NDArray[np.integer[Any]]
Vector = NDArray[np.float64]
Weigh = Callable[[Counts, Vector], Array]
"""Takes counts, shape (r, n), and their sums, shape (r,), none of them 0; returns values, shape (r,)."""


def weigh_all(weigh: Weigh, counts: Counts) -> Vector:
    """Return the value of each row of counts, block by block; NaN where nothing is drawn."""
    values = np.full(len(counts), np.nan)
    step = max(1, BLOCK_CELLS // max(1, counts.shape[1]))
    for start in range(0, len(counts), step):
        block = counts[start : start + step]
        totals = block.sum(axis=1, dtype=np.int64).astype(np.float64)
        drawn = totals > 0
        if drawn.all():
            values[start : start + step] = weigh(block, totals)
        elif drawn.any():
            values[start : start + step][drawn] = weigh(block[drawn], totals[drawn])
    return values


def mean_of(losses: Array, finish: Callable[[Array], Array] | None = None) -> Weigh:
    """Return the weighing of a mean over rows: of each column of losses, finished, then over the columns.

    Args:
        losses: Shape (n,) or (n, m).
        finish: Applied to the mean of each column.
    """
    columns = losses.reshape(len(losses), -1)
    columns = columns if finish is not None else columns.mean(axis=1, keepdims=True)

    def weigh(counts: Counts, totals: Vector) -> Array:
        means = weighted_sums(counts, columns) / totals[:, None]
        values: Array = (means if finish is None else finish(means)).mean(axis=1)
        return values

    return weigh


def mean_of_each(parts: list[Weigh]) -> Weigh:
    """Return the weighing of the mean of several values: one for each column of the target."""

    def weigh(counts: Counts, totals: Vector) -> Array:
        values: Array = np.mean([part(counts, totals) for part in parts], axis=0)
        return values

    return weigh


def weighted_sums(counts: Counts, columns: Array) -> Array:
    """Return the sum of each column's values times the counts, shape (r, columns)."""
    return counts.astype(np.float64) @ columns


def sums_by_cell(
    cells: NDArray[np.intp], size: int, *, rows: NDArray[np.intp] | None = None, weights: Array | None = None
) -> Callable[[Counts], Array]:
    """Return what sums counts by cell, to shape (r, size).

    Args:
        cells: The cell of each row, in [0, size); or of each of `rows`, where a row lies in several or in none.
        size: Number of cells.
        rows: The row of each entry of `cells`.
        weights: What the count of each entry is multiplied by; 1 by default.
    """

    def count(counts: Counts) -> Array:
        drawn = counts if rows is None else counts.take(rows, axis=1)
        drawn = drawn if weights is None else drawn * weights
        return np.array([np.bincount(cells, weights=each, minlength=size) for each in drawn])

    return count


def cumulated(counts: Counts) -> Array:
    """Return running sums of each row with a leading 0, shape (r, n + 1)."""
    sums = np.zeros((len(counts), counts.shape[1] + 1))
    np.cumsum(counts, axis=1, dtype=np.float64, out=sums[:, 1:])
    return sums


def sum_of_products(left: Array, right: Array) -> Array:
    """Return the sum over each row of the products, shape (r,)."""
    products: Array = np.einsum("rn,rn->r", left, right)
    return products


def spread(sums: Array, squares: Array, totals: Array) -> Array:
    """Return the sums of squared distances from the mean; infinite where too few digits would be left, or nothing is."""
    distances = squares - sums**2 / totals
    return np.where(distances > _ILL_CONDITIONED * squares, distances, np.inf)
