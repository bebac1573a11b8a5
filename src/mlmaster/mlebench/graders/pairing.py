"""Which row of a submission answers which row of the answers: the ways of MLE-bench.

Source of the rules: openai/mle-bench, `mlebench/competitions/utils.py`. Ids are compared as pandas read them, so `1`, `1.0` and
`01` are one id where the whole column is numeric, and never where a cell of it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import listed, shown
from mlmaster.errors import SubmissionError


def require_columns(submission: pd.DataFrame, columns: Iterable[str]) -> None:
    """Check that a submission has some columns; others may stand beside them.

    Raises:
        SubmissionError: One is missing.
    """
    missing = [name for name in columns if name not in submission.columns]
    if missing:
        lacking = listed([shown(name) for name in missing], 5)
        found = listed([shown(str(name)) for name in submission.columns]) or "none"
        raise SubmissionError(f"the submission has no column {lacking}; it has {found}")


def require_length(submission: pd.DataFrame, answers: pd.DataFrame) -> None:
    """Check that a submission has as many rows as there are answers.

    Raises:
        SubmissionError: It has not.
    """
    if len(submission) != len(answers):
        raise SubmissionError(f"the submission has {len(submission)} rows, and must have {len(answers)}")


def pair_by_id(submission: pd.DataFrame, answers: pd.DataFrame, id_column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables sorted by id, row for row about the same thing.

    Tables of unlike length are refused. The sort is not stable, as in the original: where an id stands more than once, the order
    of its rows is that of pandas.

    Raises:
        SubmissionError: The ids are not those of the answers.
    """
    require_length(submission, answers)
    submission, answers = _sorted(submission, id_column), answers.sort_values(id_column)
    differs = submission[id_column].to_numpy() != answers[id_column].to_numpy()
    if np.any(differs):
        known = set(answers[id_column].tolist())
        ids = submission[id_column]
        foreign = [value for value in ids.tolist() if value not in known]
        if foreign:
            raise SubmissionError(
                f"{id_column} {shown(str(foreign[0]))} is no id of the test set ({len(foreign)} such rows)"
            )
        twice = ids[ids.duplicated()].tolist()
        if twice:
            raise SubmissionError(f"{id_column} {shown(str(twice[0]))} stands twice ({len(twice)} such rows)")
        raise SubmissionError(f"the values of {id_column} are not those of the test set")
    return submission, answers


def numbers(submission: pd.DataFrame, column: str) -> NDArray[Any]:
    """Return a column that pandas takes for numeric, as numbers.

    Raises:
        SubmissionError: A cell is no number; the first is named.
    """
    try:
        return np.asarray(pd.to_numeric(submission[column]))
    except (ValueError, TypeError):
        cells = pd.to_numeric(submission[column], errors="coerce")
        wrong = np.flatnonzero(cells.isna().to_numpy() & submission[column].notna().to_numpy())
        row = int(wrong[0]) if len(wrong) else 0
        cell = shown(str(submission[column].iloc[row]))
        raise SubmissionError(f"{column}, row {row + 1}: {cell} is no number") from None


def _sorted(submission: pd.DataFrame, id_column: str) -> pd.DataFrame:
    try:
        return submission.sort_values(id_column)
    except TypeError:
        raise SubmissionError(
            f"{id_column} mixes numbers and words; write the ids as the sample submission has them"
        ) from None
