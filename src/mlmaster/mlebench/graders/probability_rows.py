"""Rows of class probabilities: every value between 0 and 1, every row with the sum 1.

MLE-bench never rescales a row, as Kaggle did; how far a sum may be from 1 differs by competition, so each grader names its
rule (`is_close_to_one`, `rounds_to_one`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.predictions import Floats, numeric, require_between


def probabilities(
    submission: pd.DataFrame, columns: Sequence[str], is_one: Callable[[Floats], NDArray[np.bool_]]
) -> Floats:
    """Return the probabilities of a submission, shape (rows, classes).

    Args:
        submission: The submission.
        columns: Those of the classes.
        is_one: Says which sums of rows count as 1.

    Raises:
        SubmissionError: A cell is no probability, or a row does not sum to 1.
    """
    rows = np.empty((len(submission), len(columns)))
    for position, column in enumerate(columns):
        rows[:, position] = values = numeric(submission, column)
        require_between(values, 0, 1, column)
    require_sums(rows.sum(axis=1), is_one)
    return rows


def require_sums(sums: Floats, is_one: Callable[[Floats], NDArray[np.bool_]]) -> None:
    """Check that rows sum to 1.

    Raises:
        SubmissionError: One does not; the first is named.
    """
    right = is_one(sums)
    if not right.all():
        at = int(np.argmin(right))
        raise SubmissionError(
            f"row {at + 1}: the probabilities sum to {sums[at]:.7g}, not to 1 ({np.count_nonzero(~right)} such rows); "
            "divide every row by its sum"
        )


def is_close_to_one(sums: Floats) -> NDArray[np.bool_]:
    """Return which sums are within 1.1e-5 of 1: NumPy's relative tolerance and 1e-6 besides."""
    return np.isclose(sums, 1, atol=1e-6)


def rounds_to_one(sums: Floats) -> NDArray[np.bool_]:
    """Return which sums are 1 to six decimals."""
    rounds: NDArray[np.bool_] = np.round(sums, 6) == 1
    return rounds
