"""F-beta of the pixels of masks, averaged over images (vesuvius-challenge-ink-detection)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.core.cells import listed, shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.run_lengths import Runs, decode, decode_column

BETA = 0.5
"""Below 1: a wrong pixel costs more than a missed one."""

COLUMNS = ("Id", "Predicted")


def f_beta(found: Runs, truth: Runs) -> float:
    """Return F-beta, 0 where neither mask has a pixel. The order in which pixels are counted does not matter to it."""
    common = found.overlap(truth)
    weighted = found.area + BETA**2 * truth.area
    return (1 + BETA**2) * common / weighted if weighted else 0.0


def mean_f_beta(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Grade vesuvius-challenge-ink-detection; rows stand in the order of the answers."""
    require_columns(submission, COLUMNS)
    others = [shown(str(name)) for name in submission.columns if name not in COLUMNS]
    if others:
        raise SubmissionError(
            f"the submission may have no column but {' and '.join(COLUMNS)}; drop {listed(others, 5)}"
        )
    require_length(submission, answers)
    for row, (given, known) in enumerate(zip(submission["Id"].tolist(), answers["Id"].tolist(), strict=True), start=1):
        if given != known:
            raise SubmissionError(
                f"Id, row {row}: {shown(str(given))} is not the fragment that the sample submission has here"
            )
    sizes = (answers["height"].astype(int) * answers["width"].astype(int)).tolist()
    found = decode_column(submission["Predicted"], sizes)
    truth = [decode(text, size) for text, size in zip(answers["Predicted"].tolist(), sizes, strict=True)]
    return float(np.mean([f_beta(one, other) for one, other in zip(found, truth, strict=True)]))


GRADERS: Mapping[str, Grader] = {"vesuvius-challenge-ink-detection": mean_f_beta}

FAULTS: Mapping[str, str] = {
    "vesuvius-challenge-ink-detection": (
        "Fragments must stand in the order of the sample submission, a mask may be blank text but not an empty cell, and "
        "pixels beyond an image are cut off rather than refused."
    ),
}
