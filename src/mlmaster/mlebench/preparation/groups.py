"""Rows that belong together dealt together: whole patients, molecules, breaths to train or to test."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.splitting import Positions, split


def split_groups(keys: pd.Series, test_size: float, seed: int = 0) -> tuple[Positions, Positions]:
    """Return the positions of the train rows and of the test rows, group after group in the order in which they were dealt.

    The groups are dealt as they are sorted by key; the rows of a group keep their order.

    Args:
        keys: Of each row, the group it belongs to.
        test_size: Share of the groups below 1, rounded up; or their number, as an int.
        seed: Of the permutation of the groups.

    Raises:
        DataError: A row belongs to none.
    """
    codes, names = pd.factorize(keys, sort=True)
    if (codes < 0).any():
        raise DataError(f"{keys.name} is empty in row {int(np.argmin(codes)) + 1}; fetch the raw files again")
    rows = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=len(names))
    train, test = split(len(names), test_size, seed)
    return rows[_members(sizes, train)], rows[_members(sizes, test)]


def _members(sizes: NDArray[np.intp], groups: Positions) -> Positions:
    """Return the positions of the members of `groups`, where the members of all groups lie one group after the other."""
    starts = np.cumsum(sizes) - sizes
    chosen = sizes[groups]
    before = np.cumsum(chosen) - chosen
    return np.repeat(starts[groups] - before, chosen) + np.arange(chosen.sum())
