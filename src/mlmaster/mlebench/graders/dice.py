"""Dice coefficient of masks: of each image and averaged, or of all images taken as one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.run_lengths import Runs, blank_as_text, decode, decode_column

NO_PIXEL = "-"
"""How identify-contrails writes an empty mask."""


def dice(found: Sequence[Runs], truth: Sequence[Runs], if_empty: float) -> float:
    """Return twice the common pixels of all pairs of masks over the sum of areas; `if_empty` where there is no pixel."""
    area = sum(mask.area for mask in (*found, *truth))
    common = sum(one.overlap(other) for one, other in zip(found, truth, strict=True))
    return 2 * common / area if area else if_empty


def mean_dice(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade hubmap-kidney-segmentation: the mean over images, where two empty masks agree."""
    require_columns(submission, ("id", "predicted"))
    submission, answers = pair_by_id(submission, answers, "id")
    sizes = (answers["height_pixels"] * answers["width_pixels"]).tolist()
    found = decode_column(blank_as_text(submission["predicted"]), sizes)
    truth = [decode(text, size) for text, size in zip(answers["encoding"].tolist(), sizes, strict=True)]
    return float(np.mean([dice([one], [other], 1.0) for one, other in zip(found, truth, strict=True)]))


def global_dice(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade identify-contrails: one coefficient over all images, undefined where neither side has a pixel."""
    require_columns(submission, ("record_id", "encoded_pixels"))
    submission, answers = pair_by_id(submission, answers, "record_id")
    sizes = (answers["height"] * answers["width"]).tolist()
    found = decode_column(_spelled_out(submission["encoded_pixels"]), sizes)
    truth = [decode(text, size) for text, size in zip(_spelled_out(answers["encoded_pixels"]), sizes, strict=True)]
    return dice(found, truth, math.nan)


def _spelled_out(cells: pd.Series) -> pd.Series:
    return cells.astype(object).where(cells != NO_PIXEL, "")


GRADERS: Mapping[str, Grader] = {
    "google-research-identify-contrails-reduce-global-warming": global_dice,
    "hubmap-kidney-segmentation": mean_dice,
}

FAULTS: Mapping[str, str] = {
    "google-research-identify-contrails-reduce-global-warming": "Pixels beyond an image are cut off rather than refused.",
    "hubmap-kidney-segmentation": "Pixels beyond an image are cut off rather than refused.",
}
