"""Why a column holds no labels: asked once a library has refused it, so that no check here is stricter than the library's."""

from __future__ import annotations

import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.texts import named


def blame_label(submission: pd.DataFrame, column: str) -> SubmissionError:
    """Return an error that names the first cell of a column that is no whole number."""
    cells = submission[column]
    wrong = ~(pd.to_numeric(cells, errors="coerce").astype(float) % 1 == 0).to_numpy()
    if not wrong.any():
        return SubmissionError(
            f"{column} cannot be read as labels; write whole numbers, as the sample submission has them"
        )
    row = int(wrong.argmax())
    return SubmissionError(
        f"{column}, row {row + 1}: {named(cells.iloc[row])} is no label; write a whole number in every row"
    )
