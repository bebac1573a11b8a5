"""Average precision of boxes at an intersection over union above one half, averaged over classes (siim-covid19-detection).

Boxes that hit and boxes that miss are ranked by confidence; a true box without a hit is ranked as a hit of confidence 0, and
a row without a found or true box of the class as a miss of confidence 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.cells import numbers, parsed_rows
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns

THRESHOLD = 0.5

FIELDS = 6
"""Of a box: label, confidence, x_min, y_min, x_max, y_max."""


class Box(NamedTuple):
    """A box, found or true."""

    label: str
    confidence: float
    corners: tuple[float, float, float, float]


Outcomes: TypeAlias = list[tuple[int, float]]
"""Hit or miss, and its confidence."""


def box_precision(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade siim-covid19-detection: mean over the classes that the answers have."""
    require_columns(submission, ("id", "PredictionString"))
    submission, answers = pair_by_id(submission, answers, "id")
    found = parsed_rows(submission["PredictionString"], _boxes)
    truth = [_boxes(cell) for cell in answers["PredictionString"].tolist()]
    labels = sorted({box.label for boxes in truth for box in boxes})
    return float(np.mean([_precision(found, truth, label) for label in labels]))


def _precision(found: Sequence[list[Box]], truth: Sequence[Sequence[Box]], label: str) -> float:
    from sklearn.metrics import average_precision_score

    outcomes = [each for one, other in zip(found, truth, strict=True) for each in _outcomes(one, other, label)]
    hits, confidences = zip(*outcomes, strict=True)
    if all(hits):
        raise SubmissionError("no box misses and no row is without one, so that average precision is undefined")
    try:
        return float(average_precision_score(hits, confidences))
    except ValueError:
        raise SubmissionError("PredictionString: a confidence is infinite or NaN; write finite numbers") from None


def _outcomes(found: list[Box], truth: Sequence[Box], label: str) -> Outcomes:
    """Return what came of one row's boxes of a class: the surest chooses first the true box that fits best."""
    # of all labels and in place: where a confidence is NaN the order depends on what was sorted before
    found.sort(key=lambda box: box.confidence, reverse=True)
    boxes = [box for box in found if box.label == label]
    goals = np.array([box.corners for box in truth if box.label == label]).reshape(-1, 4)
    overlaps = _intersection_over_union(np.array([box.corners for box in boxes]).reshape(-1, 4), goals)
    outcomes: Outcomes = []
    for box, overlap in zip(boxes, overlaps, strict=True):
        best = int(overlap.argmax()) if overlap.size else -1
        is_hit = best >= 0 and bool(overlap[best] > THRESHOLD)
        outcomes.append((int(is_hit), box.confidence))
        if is_hit:
            overlaps[:, best] = 0.0
    hits = sum(hit for hit, _ in outcomes)
    outcomes += [(1, 0.0)] * (len(goals) - hits)
    return outcomes or [(0, 0.0)]


def _intersection_over_union(found: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shape (found, truth); 0 where the union is no positive number."""
    one, other = found[:, None, :], truth[None, :, :]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    common = np.maximum(sides, 0).prod(axis=-1)
    areas = (one[..., 2:] - one[..., :2]).prod(axis=-1) + (other[..., 2:] - other[..., :2]).prod(axis=-1)
    union = areas - common
    overlap: NDArray[np.float64] = np.divide(common, union, out=np.zeros_like(union), where=union > 0)
    return overlap


def _boxes(cell: object) -> list[Box]:
    if not isinstance(cell, str):
        raise ValueError(f"{shown(str(cell))} is no list of boxes; nothing found is `none 1 0 0 1 1`")
    tokens = cell.split()
    if len(tokens) % FIELDS:
        raise ValueError(f"{len(tokens)} words; a box is six: label, confidence, x_min, y_min, x_max, y_max")
    boxes = []
    for start in range(0, len(tokens), FIELDS):
        confidence, left, top, right, bottom = numbers(tokens[start + 1 : start + FIELDS])
        boxes.append(Box(tokens[start], confidence, (left, top, right, bottom)))
    return boxes


GRADERS: Mapping[str, Grader] = {"siim-covid19-detection": box_precision}

FAULTS: Mapping[str, str] = {
    "siim-covid19-detection": (
        "Average precision is MLE-bench's own: a true box that is not found counts as a hit of confidence 0, and a row "
        "without a box of a class as a miss of confidence 0, so that confidences below 0 rank behind both."
    ),
}
