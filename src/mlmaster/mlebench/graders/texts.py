"""Columns of text: cells as pandas wrote them before version 3, where a missing one becomes the word `nan`."""

from __future__ import annotations

import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError


def named(cell: object) -> str:
    """Return a cell as it stands in messages: quoted, or said to be empty."""
    return "an empty cell" if pd.isna(cell) else shown(str(cell))  # type: ignore[call-overload]


def as_texts(column: pd.Series) -> list[str]:
    """Return every cell as text: numbers as Python writes them, a missing cell as `nan`."""
    return [str(cell) for cell in column.tolist()]


def filled_texts(column: pd.Series) -> list[str]:
    """Return every cell as text, a missing one as an empty text."""
    return ["" if missing else str(cell) for cell, missing in zip(column.tolist(), column.isna().tolist(), strict=True)]


def require_text(submission: pd.DataFrame, column: str) -> None:
    """Check that every cell of a column is text or missing.

    Raises:
        SubmissionError: pandas took a cell for a number or a flag, as it does where no cell of a column is text.
    """
    cells = submission[column]
    if pd.api.types.infer_dtype(cells.dropna(), skipna=True) in {"string", "empty"}:
        return
    for row, (cell, missing) in enumerate(zip(cells.tolist(), cells.isna().tolist(), strict=True), start=1):
        if not (missing or isinstance(cell, str)):
            raise SubmissionError(
                f"{column}, row {row}: {shown(str(cell))} is read as a number or a flag where no cell of the column is text; "
                "MLE-bench takes text only"
            )
