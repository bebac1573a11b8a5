"""Accuracy: the share of rows whose cell equals the answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns


def accuracy(id_column: str, target: str) -> Grader:
    """Return the grader of a competition with one label for each id."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (target, id_column))
        submission, answers = pair_by_id(submission, answers, id_column)
        return float(np.mean(submission[target].to_numpy() == answers[target].to_numpy()))

    return grade


GRADERS: Mapping[str, Grader] = {
    "spaceship-titanic": accuracy("PassengerId", "Transported"),
}
