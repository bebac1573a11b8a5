"""How rows, or groups of rows, are dealt to train and test: by scikit-learn's `train_test_split`, nothing stratified."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Positions: TypeAlias = NDArray[np.intp]


def split(rows: int, test_size: float, seed: int = 0) -> tuple[Positions, Positions]:
    """Return the positions of the train rows and of the test rows, in the order in which MLE-bench writes them.

    Args:
        rows: How many there are.
        test_size: Share of the test rows below 1, rounded up; or their number, as an int.
        seed: Of the permutation.
    """
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(np.arange(rows), test_size=test_size, random_state=seed)
    return train, test
