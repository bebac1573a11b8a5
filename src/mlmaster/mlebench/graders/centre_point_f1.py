"""F1 of points that must lie in boxes of the same label, over all pages (kuzushiji-recognition)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.mlebench.graders.cells import numbers, parsed_rows
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns

POINT_FIELDS = 3
"""Label, x, y."""
BOX_FIELDS = 5
"""Label, x, y, width, height."""


def centre_point_f1(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade kuzushiji-recognition."""
    require_columns(submission, ("image_id", "labels"))
    submission, answers = pair_by_id(submission, answers, "image_id")
    hits = found = expected = 0
    pages = zip(parsed_rows(submission["labels"], _points), answers["labels"].tolist(), strict=True)
    for (labels, points), truth in pages:
        true_labels, boxes = _columns("" if pd.isna(truth) else truth, BOX_FIELDS)
        hits += _hits(labels, points, true_labels, boxes)
        found += len(labels)
        expected += len(true_labels)
    return 2 * hits / (found + expected) if found and expected else 0.0


def _hits(
    labels: NDArray[np.str_], points: NDArray[np.float64], true_labels: NDArray[np.str_], boxes: NDArray[np.float64]
) -> int:
    """Return how many boxes of a page find a point: each in turn takes the first strictly inside that none before took."""
    x, y = points
    left, top, width, height = (side[:, None] for side in boxes)
    inside = (left < x) & (x < left + width) & (top < y) & (y < top + height) & (true_labels[:, None] == labels)
    is_free = np.ones(len(labels), bool)
    hits = 0
    for candidates in inside[inside.any(axis=1)]:
        free = candidates & is_free
        if free.any():
            is_free[free.argmax()] = False
            hits += 1
    return hits


def _points(cell: object) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    if isinstance(cell, float) and np.isnan(cell):
        return _columns("", POINT_FIELDS)
    if not isinstance(cell, str):
        raise ValueError(f"{shown(str(cell))} is no list of points; write `label x y label x y …`")
    tokens = cell.split(" ")
    if len(tokens) % POINT_FIELDS:
        raise ValueError(f"{len(tokens)} words; a point is three, label, x and y, with exactly one space between words")
    numbers([token for index, token in enumerate(tokens) if index % POINT_FIELDS])
    return _columns(cell, POINT_FIELDS)


def _columns(text: str, fields: int) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Return labels, and the numbers beside them as an array for each field."""
    if not text:
        return np.zeros(0, np.str_), np.zeros((fields - 1, 0))
    table = np.array(text.split(" ")).reshape(-1, fields).T
    return table[0], table[1:].astype(float)


GRADERS: Mapping[str, Grader] = {"kuzushiji-recognition": centre_point_f1}
