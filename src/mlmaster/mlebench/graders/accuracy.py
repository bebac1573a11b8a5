"""Accuracy: the share of rows whose label equals the answer.

What may be a label is scikit-learn's rule as it stood when MLE-bench 1.0 came out (1.5 to 1.8; later ones refuse more):
text, or whole numbers. Where one side is text and the other is not, no row is right; two such sides with two values or
fewer each are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns, require_length
from mlmaster.mlebench.graders.texts import as_texts, named

Labels: TypeAlias = NDArray[Any]
"""Shape (n,): Python text, or numbers or flags in a dtype of their own."""

Reading: TypeAlias = Callable[[pd.Series], Labels]
"""How a column becomes labels; the same on both sides. Raises SubmissionError where it cannot."""


def as_it_is(column: pd.Series) -> Labels:
    """Return the cells as pandas read them."""
    return column.to_numpy()


def accuracy(id_column: str, target: str, read: Reading = as_it_is) -> Grader:
    """Return the grader of a competition with one label for each id."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (id_column, target))
        require_length(submission, answers)
        found = read(submission[target])
        _require_labels(found, target)
        paired, expected = pair_by_id(
            _table(submission[id_column], found, target),
            _table(answers[id_column], read(answers[target]), target),
            id_column,
        )
        return _share_right(paired[target].to_numpy(), expected[target].to_numpy(), target)

    return grade


def error_rate(id_column: str, target: str, read: Reading) -> Grader:
    """Return the grader of a competition that is scored by the share of wrong rows."""
    right = accuracy(id_column, target, read)

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        return 1 - right(submission, answers)

    return grade


def as_text(column: pd.Series) -> Labels:
    """Return every cell as text; an empty one is `nan`, a number of a column with empty cells ends in `.0`."""
    return np.array(as_texts(column), dtype=object)


def empty_is_text(column: pd.Series) -> Labels:
    """Return the cells, empty ones as empty text; one of them makes text of the whole column."""
    return _as_numpy_would(["" if missing else cell for cell, missing in zip(column, column.isna(), strict=True)])


def names_alone(column: pd.Series) -> Labels:
    """Return the cells of a column that holds text; an empty one is `nan`, and a number beside text is text."""
    labels = _as_numpy_would(column.tolist())
    if not _is_text(labels):
        raise SubmissionError(f"{column.name}, row 1: {named(labels[0])} is no name of a class")
    return labels


def first_number(column: pd.Series) -> Labels:
    """Return the first whole number of each cell; others may follow it after spaces."""
    return np.asarray([_first_number(cell, row, column.name) for row, cell in enumerate(column.tolist(), start=1)])


def _first_number(cell: Any, row: int, name: Any) -> int:
    try:
        return int(cell) if isinstance(cell, int) else int(cell.split()[0])
    except (AttributeError, IndexError, ValueError):
        raise SubmissionError(f"{name}, row {row}: {named(cell)} does not begin with a whole number") from None


def _as_numpy_would(cells: list[Any]) -> Labels:
    # without numpy's text of fixed width, where the longest cell sets the size of all
    if any(isinstance(cell, str) for cell in cells):
        return np.array([str(cell) for cell in cells], dtype=object)
    return np.asarray(cells)


def _table(ids: pd.Series, labels: Labels, target: str) -> pd.DataFrame:
    dtype = object if _is_text(labels) else labels.dtype
    return pd.DataFrame({ids.name: ids, target: pd.Series(labels, index=ids.index, dtype=dtype)})


def _is_text(labels: Labels) -> bool:
    return labels.dtype == object


def _require_labels(labels: Labels, column: str) -> None:
    if _is_text(labels):
        missing = pd.isna(labels)
        wrong = missing if missing.any() else np.array([not isinstance(label, str) for label in labels], dtype=bool)
    elif labels.dtype.kind == "f":
        wrong = ~((labels == np.trunc(labels)) & (labels >= -(2.0**63)) & (labels < 2.0**63))
    else:
        return
    if wrong.any():
        row = int(wrong.argmax())
        raise SubmissionError(
            f"{column}, row {row + 1}: {named(labels[row])} is no label ({int(wrong.sum())} such rows)"
        )


def _share_right(found: Labels, expected: Labels, column: str) -> float:
    if _is_text(found) == _is_text(expected):
        return float(np.mean(found == expected))
    if len(set(found.tolist())) <= 2 and len(set(expected.tolist())) <= 2:
        values = " and ".join(map(named, dict.fromkeys(found.tolist())))
        raise SubmissionError(f"{column} holds {values}; write all labels as the sample submission has them")
    return 0.0


GRADERS: Mapping[str, Grader] = {
    "cassava-leaf-disease-classification": accuracy("image_id", "label"),
    "cdiscount-image-classification-challenge": accuracy("_id", "category_id"),
    "inaturalist-2019-fgvc6": error_rate("id", "predicted", first_number),
    "iwildcam-2020-fgvc7": accuracy("Id", "Category"),
    "ml2021spring-hw2": accuracy("Id", "ClassId"),
    "movie-review-sentiment-analysis-kernels-only": accuracy("PhraseId", "Sentiment"),
    "paddy-disease-classification": accuracy("image_id", "label", empty_is_text),
    "plant-seedlings-classification": accuracy("file", "species", names_alone),
    "spaceship-titanic": accuracy("PassengerId", "Transported"),
    "tabular-playground-series-dec-2021": accuracy("Id", "Cover_Type"),
    "tensorflow-speech-recognition-challenge": accuracy("fname", "label"),
    "text-normalization-challenge-english-language": accuracy("id", "after", as_text),
    "text-normalization-challenge-russian-language": accuracy("id", "after", as_text),
}

_MISSING = "Tokens that read as a missing value (empty, NA, NaN, null, None …) all count as the same token."

FAULTS: Mapping[str, str] = {
    "text-normalization-challenge-english-language": _MISSING,
    "text-normalization-challenge-russian-language": _MISSING,
}
