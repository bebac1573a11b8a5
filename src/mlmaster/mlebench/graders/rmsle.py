"""Root mean squared logarithmic error, over rows paired by their position."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns, require_length
from mlmaster.mlebench.graders.predictions import Floats, finite

TARGETS = ("formation_energy_ev_natom", "bandgap_energy_ev")


def nomad(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the mean error of two targets; no id is looked at."""
    require_columns(submission, TARGETS)
    require_length(submission, answers)
    errors = []
    for target in TARGETS:
        predicted = finite(submission, target)
        if (predicted <= -1).any():
            row = int(np.argmax(predicted <= -1))
            raise SubmissionError(
                f"{target}, row {row + 1}: {predicted[row]:.10g} has no logarithm once 1 is added; predict at least 0"
            )
        errors.append(rmsle(answers[target].to_numpy(dtype=np.float64), predicted))
    return float(np.mean(errors))


def rmsle(truth: Floats, predicted: Floats) -> float:
    """Return the root of the mean of squared differences of ln(1 + value)."""
    return float(np.sqrt(np.mean((np.log1p(truth) - np.log1p(predicted)) ** 2)))


GRADERS: Mapping[str, Grader] = {"nomad2018-predict-transparent-conductors": nomad}

FAULTS: Mapping[str, str] = {
    "nomad2018-predict-transparent-conductors": "The official grader looks at no id: rows are paired by position, so they "
    "must stand in the order of the test set. Negative predictions above -1 are graded, as by scikit-learn from 1.6 on; with "
    "an older one the official grader refuses them.",
}
