"""Average precision of boxes at one threshold, as COCO counts it (vinbigdata-chest-xray-abnormalities-detection).

The rules are those of pycocotools' `COCOeval`, and the way MLE-bench feeds it: see `FAULTS`. pycocotools itself is not
called, because it reports by printing, which threads that grade side by side cannot silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.cells import numbers, parsed_rows
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns

THRESHOLD = 0.4
"""Least intersection over union of a hit."""

MOST_BOXES = 100
"""Of a class on an image; those of the highest scores are taken."""

MOST_AREA = 1e10
"""A box that misses counts against a submission only where its area is from 0 to this."""

RECALLS = np.linspace(0.0, 1.0, 101)
"""Where precision is read off."""

FIELDS = 6
"""Of a box: class, score, x_min, y_min, x_max, y_max."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of all images, sorted by image; those of one image as they stand in their table.

    Attributes:
        numbers: Count of each, from 0: true boxes in this order, found ones as they stand in the submission.
        images: Position of the image.
        classes: Whole numbers.
        corners: Shape (n, 4): x_min, y_min, x_max, y_max.
        scores: Confidences; zeros for true boxes.
    """

    numbers: NDArray[np.int64]
    images: NDArray[np.int64]
    classes: NDArray[np.float64]
    corners: NDArray[np.float64]
    scores: NDArray[np.float64]

    def of(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Boxes:
        """Return some of the boxes, in the order of `rows`."""
        return Boxes(self.numbers[rows], self.images[rows], self.classes[rows], self.corners[rows], self.scores[rows])

    def on(self, image: int) -> Boxes:
        """Return those of one image."""
        return self.of(np.arange(*np.searchsorted(self.images, [image, image + 1])))


def coco_precision(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade vinbigdata-chest-xray-abnormalities-detection: mean over the classes that the answers have."""
    require_columns(submission, ("PredictionString", "image_id"))
    images = {image: index for index, image in enumerate(answers["image_id"].unique().tolist())}
    truth = _true_boxes(answers, images)
    found = _found_boxes(submission, images)
    classes = np.unique(truth.classes)
    return float(
        np.mean([_precisions(found.of(found.classes == each), truth.of(truth.classes == each)) for each in classes])
    )


def _precisions(found: Boxes, truth: Boxes) -> NDArray[np.float64]:
    """Return the precisions of one class at `RECALLS`."""
    hits, misses, scores = [np.zeros(0, bool)], [np.zeros(0, bool)], [np.zeros(0)]
    for image in np.unique(found.images):
        here = found.on(image)
        here = here.of(np.argsort(-here.scores, kind="stable")[:MOST_BOXES])
        hit = _match(here, truth.on(image))
        width, height = (here.corners[:, 2:] - here.corners[:, :2]).T
        is_ignored = (width * height < 0) | (width * height > MOST_AREA)
        hits.append(hit)
        misses.append(~hit & ~is_ignored)
        scores.append(here.scores)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits_so_far = np.cumsum(np.concatenate(hits)[order])
    misses_so_far = np.cumsum(np.concatenate(misses)[order])
    precisions = hits_so_far / (hits_so_far + misses_so_far + np.spacing(1))
    best_from_here = np.append(np.maximum.accumulate(precisions[::-1])[::-1], 0.0)
    return best_from_here[np.searchsorted(hits_so_far / len(truth.numbers), RECALLS, side="left")]


def _match(found: Boxes, truth: Boxes) -> NDArray[np.bool_]:
    """Return which boxes of one image and class hit: the best scored chooses first, among what is left.

    The library marks a match with the other box's number and takes 0 for none: the first true box of all makes no hit, and
    what the first box of a submission hits stays free.
    """
    overlaps = _intersection_over_union(found.corners, truth.corners)
    is_free = [True] * len(truth.numbers)
    hits = np.zeros(len(found.numbers), bool)
    for row, number in enumerate(found.numbers.tolist()):
        best, chosen = THRESHOLD, -1
        for column, overlap in enumerate(overlaps[row].tolist()):
            if is_free[column] and not overlap < best:
                best, chosen = overlap, column
        if chosen >= 0:
            hits[row] = truth.numbers[chosen] != 0
            is_free[chosen] = number == 0
    return hits


def _intersection_over_union(found: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shape (found, truth). The upper corner is taken for width and height, as MLE-bench hands it over."""
    one, other = found[:, None, :], truth[None, :, :]
    sides = np.fmin(one[..., 2:] + one[..., :2], other[..., 2:] + other[..., :2]) - np.fmax(
        one[..., :2], other[..., :2]
    )
    common = sides.prod(axis=-1)
    areas = one[..., 2:].prod(axis=-1) + other[..., 2:].prod(axis=-1)
    return np.where((sides <= 0).any(axis=-1), 0.0, common / (areas - common))


def _true_boxes(answers: pd.DataFrame, images: Mapping[object, int]) -> Boxes:
    positions = np.array([images[each] for each in answers["image_id"].tolist()])
    order = np.argsort(positions, kind="stable")
    count = len(order)
    return Boxes(
        np.arange(count),
        positions[order],
        answers["class_id"].to_numpy(float)[order],
        answers[["x_min", "y_min", "x_max", "y_max"]].to_numpy(float)[order],
        np.zeros(count),
    )


def _found_boxes(submission: pd.DataFrame, images: Mapping[object, int]) -> Boxes:
    ids = submission["image_id"].tolist()
    foreign = [each for each in ids if each not in images]
    if foreign:
        raise SubmissionError(
            f"image_id {shown(str(foreign[0]))} is no image of the test set ({len(foreign)} such rows)"
        )
    if len(set(ids)) < len(images):
        raise SubmissionError(f"the submission names {len(set(ids))} images, and must name all {len(images)}")
    tables = parsed_rows(submission["PredictionString"], _table)
    table = np.concatenate(tables)
    positions = np.repeat([images[each] for each in ids], [len(each) for each in tables])
    order = np.argsort(positions, kind="stable")
    table = table[order]
    return Boxes(order, positions[order], np.trunc(table[:, 0]), table[:, 2:], table[:, 1])


def _table(cell: object) -> NDArray[np.float64]:
    if not isinstance(cell, str):
        raise ValueError(f"{shown(str(cell))} is no list of boxes; an image without any is `14 1 0 0 1 1`")
    table = np.array(numbers(cell.split(" ")))
    if len(table) % FIELDS:
        raise ValueError(f"{len(table)} numbers; a box is six: class, score, x_min, y_min, x_max, y_max")
    table = table.reshape(-1, FIELDS)
    if not np.isfinite(table[:, 0]).all():
        raise ValueError("a class is infinite or NaN; write its number")
    return table


GRADERS: Mapping[str, Grader] = {"vinbigdata-chest-xray-abnormalities-detection": coco_precision}

FAULTS: Mapping[str, str] = {
    "vinbigdata-chest-xray-abnormalities-detection": (
        "Overlaps are taken of boxes that reach from (x_min, y_min) to (x_min + x_max, y_min + y_max), so that far too small "
        "and shifted boxes hit; the first box of the answers can never be hit, so that not even they score 1; and a missing "
        "box of an area below 0 or above 1e10 is not counted as wrong."
    ),
}
