"""Dice of the masks of slices, and Hausdorff distance of the volumes they stack up to (uw-madison-gi-tract).

Rows answer by their position, and neither ids nor their number are compared with the answers: the ids of a submission only
say which of its own rows make up a volume. Those volumes are then held against the true ones in order.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.dice import dice
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns
from mlmaster.mlebench.graders.run_lengths import Runs, blank_as_text, decode, decode_column

DICE_WEIGHT, DISTANCE_WEIGHT = 0.4, 0.6

TOO_LARGE = 10
"""A volume of more than so many times the true one is as far away as can be."""


Volume: TypeAlias = NDArray[np.bool_]
"""What one scan shows, over all classes: slice, column, row."""


def dice_hausdorff(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade uw-madison-gi-tract-image-segmentation."""
    require_columns(submission, ("id", "class", "predicted"))
    heights, widths = (answers[f"image_{side}"].astype(int).tolist() for side in ("height", "width"))
    sizes = [height * width for height, width in zip(heights, widths, strict=True)]
    found = decode_column(blank_as_text(submission["predicted"]), sizes)
    truth = [decode(text, size) for text, size in zip(blank_as_text(answers["predicted"]).tolist(), sizes, strict=True)]
    shapes = list(zip(heights, widths, strict=True))
    volumes = zip(
        _volumes(found, submission["id"].tolist(), shapes),
        _volumes(truth, answers["id"].tolist(), shapes),
        strict=False,
    )
    overlaps = [dice([one], [other], math.nan) for one, other in zip(found, truth, strict=False)]
    distances = [hausdorff(one, other) for one, other in volumes]
    return DICE_WEIGHT * _mean(overlaps) + DISTANCE_WEIGHT * (1 - _mean(distances))


def hausdorff(found: Volume, truth: Volume) -> float:
    """Return the Hausdorff distance, where the true volume is a unit cube whose diagonal is 1; NaN for two empty volumes."""
    shape = truth.shape
    voxels, true_voxels = np.count_nonzero(found), np.count_nonzero(truth)
    if not voxels and not true_voxels:
        return math.nan
    if not voxels or not true_voxels or voxels > TOO_LARGE * true_voxels:
        return 1.0
    if found.shape != shape:
        found, truth = (_padded(each, np.maximum(found.shape, shape)) for each in (found, truth))
    return max(_reach(found, truth, shape), _reach(truth, found, shape)) / math.sqrt(3)


def _reach(volume: Volume, other: Volume, shape: tuple[int, ...]) -> float:
    """Return how far the voxel of one volume that is farthest from the other is from it."""
    from scipy.spatial import cKDTree

    outside = np.argwhere(volume & ~other)
    if not len(outside):
        return 0.0
    # of a voxel outside, the nearest within lies on the surface
    distances, _ = cKDTree(np.argwhere(_surface(other)) / shape).query(outside / shape)
    return float(distances.max())


def _surface(volume: Volume) -> Volume:
    """Return the voxels that have a neighbour outside; the edge of the volume counts as one."""
    within = volume.copy()
    for axis in range(volume.ndim):
        inner, whole = np.moveaxis(within, axis, 0), np.moveaxis(volume, axis, 0)
        inner[1:] &= whole[:-1]
        inner[:-1] &= whole[1:]
        inner[[0, -1]] = False
    return volume & ~within


def _padded(volume: Volume, shape: NDArray[np.int64]) -> Volume:
    return np.pad(volume, [(0, side - own) for side, own in zip(shape.tolist(), volume.shape, strict=True)])


def _volumes(masks: Sequence[Runs], ids: Sequence[str], shapes: Sequence[tuple[int, int]]) -> Iterator[Volume]:
    """Return the volumes in the order of their ids, one at a time: masks of a slice are joined, slices of a scan stacked."""
    _require_texts(ids[: len(masks)])
    scans: dict[str, dict[str, list[int]]] = {}
    for row in sorted(range(len(masks)), key=lambda index: ids[index]):
        scans.setdefault(ids[row].split("_slice_")[0], {}).setdefault(ids[row], []).append(row)
    sizes = [_size(scan, [shapes[row] for rows in slices.values() for row in rows]) for scan, slices in scans.items()]
    return (_volume(slices.values(), masks, size) for slices, size in zip(scans.values(), sizes, strict=True))


def _size(scan: str, shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if len(set(shapes)) > 1:
        raise SubmissionError(
            f"rows of {shown(scan)} stand where images of unlike sizes are asked for; keep the rows in the order of the "
            "sample submission"
        )
    return shapes[0]


def _volume(slices: Collection[Sequence[int]], masks: Sequence[Runs], size: tuple[int, int]) -> Volume:
    height, width = size
    volume = np.zeros((len(slices), width * height), bool)
    for layer, rows in zip(volume, slices, strict=True):
        for row in rows:
            layer[masks[row].pixels()] = True
    return volume.reshape(len(slices), width, height)


def _require_texts(ids: Sequence[str]) -> None:
    for row, each in enumerate(ids, start=1):
        if not isinstance(each, str):
            raise SubmissionError(f"id, row {row}: {shown(str(each))} is no id; copy the ids of the sample submission")


def _mean(values: Sequence[float]) -> float:
    """Return the mean of what is defined, NaN where nothing is."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


GRADERS: Mapping[str, Grader] = {"uw-madison-gi-tract-image-segmentation": dice_hausdorff}

FAULTS: Mapping[str, str] = {
    "uw-madison-gi-tract-image-segmentation": (
        "Rows are paired with the answers by position: ids are not compared, missing rows at the end cost nothing, and a "
        "file without rows scores NaN. The Hausdorff distance is taken over the three organs joined, and a volume of more "
        "than ten times the true one is as far away as can be."
    ),
}
