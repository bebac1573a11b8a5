"""Mean precision of one mask an image over thresholds of intersection over union (tgs-salt-identification-challenge)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.core.cells import listed, shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.run_lengths import Runs, blank_as_text, decode, decode_column

PIXELS = 101 * 101
"""Of every image."""

THRESHOLDS = np.arange(0.5, 1.0, 0.05)
"""Ten; a mask hits where its intersection over union is above one, and as sums of floats some are a last bit above their
decimals."""

COLUMNS = ("id", "rle_mask")


def mask_precision(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade tgs-salt-identification-challenge."""
    require_columns(submission, COLUMNS)
    others = [shown(str(name)) for name in submission.columns if name not in COLUMNS]
    if others:
        raise SubmissionError(
            f"the submission may have no column but {' and '.join(COLUMNS)}; drop {listed(others, 5)}"
        )
    submission, answers = pair_by_id(submission, answers, "id")
    found = decode_column(blank_as_text(submission["rle_mask"]), [PIXELS] * len(submission))
    truth = [decode(text, PIXELS) for text in blank_as_text(answers["rle_mask"]).tolist()]
    return float(np.mean([precision(one, other) for one, other in zip(found, truth, strict=True)]))


def precision(found: Runs, truth: Runs) -> float:
    """Return the share of thresholds that a mask passes.

    The original counts pixels in a histogram of two bins between the least and the greatest value. An image without a found
    pixel has but one value, which falls into the upper bin: it then counts as if all its pixels were found.
    """
    if not truth.area:
        return float(not found.area)
    common, area = (found.overlap(truth), found.area) if found.area else (truth.area, PIXELS)
    union = truth.area + area - common
    return float(np.mean(common / union > THRESHOLDS))


GRADERS: Mapping[str, Grader] = {"tgs-salt-identification-challenge": mask_precision}

FAULTS: Mapping[str, str] = {
    "tgs-salt-identification-challenge": (
        "An empty mask is graded as a full one where the true mask is not empty, so it earns points on images that are more "
        "than half salt; pixels beyond an image are cut off rather than refused."
    ),
}
