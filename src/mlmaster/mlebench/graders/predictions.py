"""A submission's predictions as floats, lined up with the answers.

The official graders take a column in one of two ways. Where they compare it with a bound, a cell of text is an error
(`numeric`); where they hand it to scikit-learn, text that Python reads as a float counts, but NaN and infinities do not
(`finite`). Rows in messages are those of the submission, from 1. What a row of probabilities must be is in
`probability_rows`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import listed, shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns

Floats: TypeAlias = NDArray[np.float64]


def require_exactly(submission: pd.DataFrame, columns: Collection[str]) -> None:
    """Check that a submission has some columns and no others, in any order.

    Raises:
        SubmissionError: It has not.
    """
    require_columns(submission, columns)
    surplus = [shown(str(name)) for name in submission.columns if name not in columns]
    if surplus:
        raise SubmissionError(
            f"the submission has a column too many: {listed(surplus, 5)}; leave out what the sample submission has not"
        )


def numeric(submission: pd.DataFrame, column: str) -> Floats:
    """Return a column of numbers or flags; NaN and infinities stand as they are.

    Raises:
        SubmissionError: A cell is text.
    """
    cells = submission[column]
    if cells.dtype == object and not all(isinstance(cell, bool | float) for cell in cells):
        raise _no_number(cells.to_numpy(), column)
    return cells.to_numpy(dtype=np.float64)


def finite(submission: pd.DataFrame, column: str, rows: NDArray[np.intp] | None = None) -> Floats:
    """Return a column of finite numbers.

    Args:
        submission: The submission.
        column: The column.
        rows: Positions of the rows to return, in their order; whatever stands in the others does not matter. All by default.

    Raises:
        SubmissionError: One of these cells is no finite number.
    """
    cells = submission[column].to_numpy()
    if rows is not None:
        cells = cells[rows]
    try:
        values = cells.astype(np.float64)
    except (ValueError, TypeError):
        raise _no_number(cells, column, rows) from None
    wrong = ~np.isfinite(values)
    if wrong.any():
        at = int(wrong.argmax())
        what = "is empty" if np.isnan(values[at]) else "is infinite"
        raise SubmissionError(f"{column}, row {_row(at, rows)} {what}; every row needs a finite number")
    return values


def require_between(values: Floats, low: float, high: float, column: str) -> None:
    """Check that predictions lie within bounds, which are included; NaN does not.

    Raises:
        SubmissionError: One does not; the first is named.
    """
    inside = (values >= low) & (values <= high)
    if not inside.all():
        at = int(np.argmin(inside))
        value = "an empty cell" if np.isnan(values[at]) else f"{values[at]:.10g}"
        raise SubmissionError(f"{column}, row {at + 1}: {value} is not between {low:g} and {high:g}")


def paired_rows(
    submission: pd.DataFrame, answers: pd.DataFrame, id_column: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return positions of rows in the submission and in the answers, row for row about the same id, in no certain order.

    Raises:
        SubmissionError: The ids are not those of the answers, each as often.
    """
    left, right = pair_by_id(_by_position(submission[id_column]), _by_position(answers[id_column]), id_column)
    return left.index.to_numpy(), right.index.to_numpy()


def ids_of_rows(submission: pd.DataFrame, answers: pd.DataFrame, id_column: str) -> NDArray[np.intp]:
    """Return for every row of a submission the row of the answers with its id; each id at least once, repeats allowed.

    Raises:
        SubmissionError: An id is none of the answers', or one of them is missing.
    """
    ids = submission[id_column]
    rows: NDArray[np.intp] = pd.Index(answers[id_column]).get_indexer(pd.Index(ids))
    foreign = np.flatnonzero(rows < 0)
    if len(foreign):
        raise SubmissionError(
            f"{id_column}, row {foreign[0] + 1}: {shown(str(ids.iloc[foreign[0]]))} is no id of the test set "
            f"({len(foreign)} such rows)"
        )
    missing = len(answers) - len(np.unique(rows))
    if missing:
        raise SubmissionError(f"the submission lacks {missing} of {len(answers)} ids in {id_column}")
    return rows


def _by_position(ids: pd.Series[Any]) -> pd.DataFrame:
    return ids.reset_index(drop=True).to_frame()


def _no_number(cells: NDArray[Any], column: str, rows: NDArray[np.intp] | None = None) -> SubmissionError:
    at = next((at for at, cell in enumerate(cells) if not _is_number(cell)), None)
    if at is None:  # Python reads them all, and pandas one of them does not
        texts = [isinstance(cell, str) for cell in cells]
        at = int(np.argmax(pd.to_numeric(pd.Series(cells), errors="coerce").isna().to_numpy() & texts))
    return SubmissionError(f"{column}, row {_row(at, rows)}: {shown(str(cells[at]))} is no number")


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return False
    return True


def _row(at: int, rows: NDArray[np.intp] | None) -> int:
    return (at if rows is None else int(rows[at])) + 1
