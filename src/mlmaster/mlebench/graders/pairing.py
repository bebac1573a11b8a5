"""Which row of a submission answers which row of the answers: the ways of MLE-bench.

Source of the rules: openai/mle-bench, `mlebench/competitions/utils.py`. Ids are compared as pandas read them, so `1`,
`1.0` and `01` are one id where the whole column is numeric, and never where a cell of it is not.
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
    """Return both tables row for row about the same thing, in whatever order.

    Tables of unlike length are refused. Where an id stands more than once in both, its rows are paired as the original
    pairs them: both sorted by id, in the order in which pandas' sort, which is not stable, leaves them.

    Raises:
        SubmissionError: The ids are not those of the answers.
    """
    require_length(submission, answers)
    if _are_in_one_order(submission[id_column], answers[id_column]):
        return submission, answers
    rows = _rows_by_id(submission[id_column], answers[id_column])
    if rows is not None:
        return submission.iloc[rows], answers
    try:
        found, expected = submission.sort_values(id_column), answers.sort_values(id_column)
    except TypeError:
        raise _blame_ids(submission[id_column], answers[id_column]) from None
    if np.any(found[id_column].to_numpy() != expected[id_column].to_numpy()):
        raise _blame_ids(submission[id_column], answers[id_column])
    return found, expected


def numbers(submission: pd.DataFrame, column: str) -> NDArray[Any]:
    """Return a column that pandas takes for numeric, as numbers.

    Raises:
        SubmissionError: A cell is no number; the first is named.
    """
    cells = submission[column]
    try:
        values = np.asarray(pd.to_numeric(cells))
        if values.dtype != object:
            return values
    except (ValueError, TypeError):
        pass
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    words = cells.notna().to_numpy() & np.isnan(values)
    # a whole number too large for 64 bits is none to pandas before 3.1, and to MLE-bench
    row = int(np.argmax(words if words.any() else np.abs(values) >= 2.0**63))
    raise SubmissionError(f"{column}, row {row + 1}: {shown(str(cells.iloc[row]))} is no number")


def _are_in_one_order(found: pd.Series, expected: pd.Series) -> bool:
    # ids that are equal cell for cell are sorted alike, repeated ones too: sorting them would pair the same rows
    return found.dtype == expected.dtype and bool(np.all(found.to_numpy() == expected.to_numpy()))


def _match(found: pd.Series, expected: pd.Series) -> NDArray[np.intp] | None:
    # texts that each stand once need no order: looking them up takes a fraction of the time of sorting them
    if found.dtype != object or expected.dtype != object:
        return None
    ids = pd.Index(found)
    if not ids.is_unique or ids.hasnans:
        return None
    rows: NDArray[np.intp] = ids.get_indexer(pd.Index(expected))
    return rows if (rows >= 0).all() and expected.is_unique else None


def _rows_by_id(found: pd.Series, expected: pd.Series) -> NDArray[np.intp] | None:
    # hashing takes a fraction of the time of sorting text; None where no id is like another's, as the sort has to find
    index = pd.Index(found, dtype=found.dtype)
    if index.hasnans or not index.is_unique:
        return None
    rows = index.get_indexer(pd.Index(expected, dtype=expected.dtype))
    is_paired = len(rows) > 0 and rows.min() >= 0 and np.bincount(rows).max() == 1
    return rows if is_paired else None


def _blame_ids(found: pd.Series, expected: pd.Series) -> SubmissionError:
    name, ids = found.name, found.tolist()
    empty = np.flatnonzero(found.isna().to_numpy())
    if len(empty):
        return SubmissionError(f"{name}, row {empty[0] + 1}: the cell is empty ({len(empty)} such rows)")
    if found.dtype == object and expected.dtype != object:
        words = np.flatnonzero(pd.to_numeric(found, errors="coerce").isna().to_numpy())
        if len(words):
            word = shown(str(ids[words[0]]))
            return SubmissionError(f"{name}, row {words[0] + 1}: {word} is no number ({len(words)} such rows)")
    known = set(expected.tolist())
    foreign = [row for row, value in enumerate(ids) if value not in known]
    if foreign:
        value = shown(str(ids[foreign[0]]))
        return SubmissionError(
            f"{name}, row {foreign[0] + 1}: {value} is no id of the test set ({len(foreign)} such rows)"
        )
    twice = np.flatnonzero(found.duplicated().to_numpy())
    if len(twice):
        value = shown(str(ids[twice[0]]))
        return SubmissionError(f"{name}, row {twice[0] + 1}: {value} stands a second time ({len(twice)} such rows)")
    return SubmissionError(f"the values of {name} are not those of the test set; take them from the sample submission")
