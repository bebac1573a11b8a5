"""Mean angle between two directions, in radians.

Source: kaggle.com/code/sohier/mean-angular-error, as MLE-bench has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.columns import require_only
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import numbers, pair_by_id
from mlmaster.mlebench.graders.texts import named

CHUNK = 2**20
"""Rows whose angles are computed at once: a dozen arrays of them fit in the cache of a file of millions of rows."""


def angular_error(id_column: str, azimuth: str, zenith: str) -> Grader:
    """Return the grader of a competition with a direction for each id: two angles in radians, of any finite size."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_only(submission, (id_column, azimuth, zenith))
        for name in (azimuth, zenith):
            _require_finite(submission, name)
        submission, answers = pair_by_id(submission, answers, id_column)
        found, expected = ([table[name].to_numpy() for name in (azimuth, zenith)] for table in (submission, answers))
        starts = range(0, len(answers), CHUNK)
        total = sum(
            float(angles(*(each[start : start + CHUNK] for each in (*found, *expected))).sum()) for start in starts
        )
        return total / len(answers)

    return grade


def angles(
    azimuth: NDArray[Any], zenith: NDArray[Any], other_azimuth: NDArray[Any], other_zenith: NDArray[Any]
) -> NDArray[Any]:
    """Return the angle between each two directions, in radians; all of shape (n,).

    The product of cosines of the azimuths is not written as the cosine of their difference: angles may be so large that a
    difference would lose them.
    """
    around = np.cos(azimuth) * np.cos(other_azimuth) + np.sin(azimuth) * np.sin(other_azimuth)
    cosine = np.sin(zenith) * np.sin(other_zenith) * around + np.cos(zenith) * np.cos(other_zenith)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)))


def _require_finite(submission: pd.DataFrame, column: str) -> None:
    cells = submission[column].to_numpy()
    if not np.issubdtype(cells.dtype, np.number):
        numbers(submission, column)
        raise SubmissionError(f"{column} was read as {cells.dtype}; write angles in radians")
    wrong = ~np.isfinite(cells)
    if wrong.any():
        row = int(wrong.argmax())
        raise SubmissionError(
            f"{column}, row {row + 1}: {named(cells[row])} is no finite number; write an angle in radians in every row"
        )


GRADERS: Mapping[str, Grader] = {
    "icecube-neutrinos-in-deep-ice": angular_error("event_id", "azimuth", "zenith"),
}
