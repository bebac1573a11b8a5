"""Average precision of upright boxes in space, averaged over classes, thresholds and scenes (Lyft's 3-D detection).

Source of the rule: the competition's own script, which MLE-bench runs: `mAP_evaluation.py` of lyft/nuscenes-devkit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.mlebench.extras import require
from mlmaster.mlebench.graders.cells import blamed_on, numbers, parsed_rows
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns, require_length

THRESHOLDS = np.array([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
"""A box hits where its intersection over union is above one."""

FIELDS = 9
"""Of a box: confidence, centre x, y, z, width, length, height, yaw, class."""

SQUARENESS = 1e-8
"""How far from zero the products of adjoining sides of a base may be. Boxes so far out, or so large, that rounding exceeds
it are refused."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of one scene.

    Attributes:
        labels: Their classes.
        values: Shape (n, 8): confidence, centre x, y, z, width, length, height, yaw.
    """

    labels: Sequence[str]
    values: NDArray[np.float64]

    def of(self, label: str) -> NDArray[np.float64]:
        """Return the values of one class, the surest first; equal confidences, and NaN, as Python's sort leaves them."""
        rows = [row for row, each in enumerate(self.labels) if each == label]
        confidences = self.values[:, 0].tolist()
        return self.values[sorted(rows, key=lambda row: confidences[row], reverse=True)]


def box_precision_3d(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade 3d-object-detection-for-autonomous-vehicles."""
    require_length(submission, answers)
    require_columns(submission, ("Id", "PredictionString"))
    submission, answers = pair_by_id(submission, answers, "Id")
    column = submission["PredictionString"]
    found = parsed_rows(column, _parsed)
    truth = [_parsed(cell) for cell in answers["PredictionString"].tolist()]
    precisions = []
    for row, one, other in zip(column.index.tolist(), found, truth, strict=True):
        with blamed_on(column, row):
            precisions.append(_precisions(one, other))
    # summed in the order of ids, as in the original: scores are fractions that can lie just between two roundings
    return float(np.mean(np.concatenate([precisions[row] for row in np.argsort(submission["Id"].to_numpy())])))


def _precisions(found: Boxes, truth: Boxes) -> NDArray[np.float64]:
    """Return the mean precision of a scene's classes at each threshold."""
    labels = sorted(set(truth.labels))
    known = set(found.labels)
    nothing = np.zeros(len(THRESHOLDS))
    precisions = [_of_class(found.of(each), truth.of(each)) if each in known else nothing for each in labels]
    mean: NDArray[np.float64] = np.mean(precisions, axis=0)
    return mean


def _of_class(found: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return average precision at each threshold. Each found box aims at the true one it overlaps most."""
    overlaps = _intersection_over_union(found, truth)
    best, aim = overlaps.max(axis=1), overlaps.argmax(axis=1)
    reaches = (best > THRESHOLDS[:, None])[..., None] & (aim[:, None] == np.arange(len(truth)))
    hits = (reaches & (reaches.cumsum(axis=1) == 1)).any(axis=2).cumsum(axis=1)
    precision = hits / np.arange(1, len(found) + 1)
    best_from_here = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return np.array([_area(each / len(truth), best) for each, best in zip(hits, best_from_here, strict=True)])


def _area(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    """Return the area under a curve. Its terms are the original's alone: a zero more can change the last bit of a sum."""
    recall, precision = np.append(recall, 1.0), np.append(precision, 0.0)
    gains = np.diff(recall, prepend=0.0)
    return float(np.sum((gains * precision)[gains != 0]))


def _intersection_over_union(found: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shape (found, truth)."""
    shapely = require("shapely")
    one, other = (shapely.polygons(_bases(boxes)) for boxes in (found, truth))
    area = shapely.area(shapely.intersection(one[:, None], other[None, :]))
    height = np.minimum(_top(found)[:, None], _top(truth)) - np.maximum(_bottom(found)[:, None], _bottom(truth))
    common = np.maximum(height, 0) * area
    volume, true_volume = (boxes[:, 4:7].prod(axis=1) for boxes in (found, truth))
    overlap: NDArray[np.float64] = np.clip(common / (volume[:, None] + true_volume - common), 0, 1)
    return overlap


def _bases(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the corners of boxes seen from above, shape (n, 4, 2)."""
    if np.isnan(boxes[:, 1:]).any():
        raise ValueError("a box holds NaN; write numbers for centre, size and yaw")
    if not (boxes[:, 4:7] > 0).all():
        raise ValueError("a box has a width, length or height of 0 or less")
    x, y, width, length = (boxes[:, field] for field in (1, 2, 4, 5))
    # of the quaternion about the vertical axis, from which the original makes a rotation matrix
    real, imaginary = np.cos(boxes[:, 7] / 2), np.sin(boxes[:, 7] / 2)
    cosine, sine = real * real - imaginary * imaginary, 2 * real * imaginary
    along = np.stack((length / 2 * cosine, length / 2 * sine), axis=1)
    across = np.stack((-width / 2 * sine, width / 2 * cosine), axis=1)
    centre = np.stack((x, y), axis=1)
    corners = np.stack(
        (centre + along - across, centre + along + across, centre - along + across, centre - along - across), 1
    )
    sides = np.roll(corners, -1, axis=1) - corners
    squareness = (sides * np.roll(sides, 1, axis=1)).sum(axis=2)
    if not (np.abs(squareness) <= SQUARENESS).all():
        raise ValueError("a box lies too far out, or is too large, to be a rectangle within rounding")
    return corners


def _top(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return boxes[:, 3] + boxes[:, 6] / 2


def _bottom(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return boxes[:, 3] - boxes[:, 6] / 2


def _parsed(cell: object) -> Boxes:
    if isinstance(cell, float) and np.isnan(cell):
        cell = ""
    if not isinstance(cell, str):
        raise ValueError(f"{shown(str(cell))} is no list of boxes; leave the cell empty where nothing is found")
    if not cell.strip():
        return Boxes((), np.zeros((0, FIELDS - 1)))
    tokens = cell.split(" ")
    if len(tokens) % FIELDS:
        raise ValueError(
            f"{len(tokens)} words; a box is nine, with exactly one space between words: confidence, centre x, y, z, width, "
            "length, height, yaw, class"
        )
    labels = tokens[FIELDS - 1 :: FIELDS]
    values = np.array(numbers([token for index, token in enumerate(tokens, start=1) if index % FIELDS]))
    values = values.reshape(-1, FIELDS - 1)
    if np.isinf(values[:, 7]).any():
        raise ValueError("a yaw is infinite; write radians")
    return Boxes(labels, values)


GRADERS: Mapping[str, Grader] = {"3d-object-detection-for-autonomous-vehicles": box_precision_3d}

FAULTS: Mapping[str, str] = {
    "3d-object-detection-for-autonomous-vehicles": (
        "Precision is taken scene by scene: classes that a scene does not have cost nothing there, however many boxes are "
        "written."
    ),
}
