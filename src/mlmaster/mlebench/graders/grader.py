"""What a grader is, and how one is found.

A grader gives the score that MLE-bench 1.0 gives, its known faults included: grades are only worth something when they are
equal. Where a fault changes what a score means, the module says so under `FAULTS`, and reports repeat it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

import pandas as pd

from mlmaster.mlebench.competition import Competition

Grader: TypeAlias = Callable[[pd.DataFrame, Any], float]
"""Scores a submission against the answers.

Args:
    submission: As `tables.read_submission` gives it; whatever a file may hold. It may be changed, as may the answers.
    answers: As `tables.read_answers` gives them.

Returns:
    The score, unrounded; NaN and infinities where the official formula gives them.

Raises:
    SubmissionError: The submission is invalid by the official rules. Its message names column, row and value where it can,
        and holds nothing of the answers: no label, and no id that does not stand in the submission itself.
    Exception: Any other means the same, an invalid submission, but nobody wrote down what is wrong. A grader checks
        beforehand what a person is likely to get wrong.
"""


def grader_of(competition: Competition) -> Grader:
    """Return a competition's grader."""
    return _attribute(competition, "GRADERS")[competition.id]  # type: ignore[no-any-return]


def fault_of(competition: Competition) -> str:
    """Return what is wrong with the official grader, in a sentence; empty where nothing is known to be."""
    return str(_attribute(competition, "FAULTS").get(competition.id, ""))


def _attribute(competition: Competition, name: str) -> Mapping[str, Any]:
    module = import_module(f"mlmaster.mlebench.graders.{competition.grader}")
    return getattr(module, name, {})
