"""Cohen's kappa with quadratic weights.

The distance of two labels is that of their ranks among the labels that occur on either side, not of their values: a label
between two others that nobody has and nobody predicts does not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.labels import blame_label
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns


def weighted_kappa(id_column: str, target: str) -> Grader:
    """Return the grader of a competition with an ordinal label for each id."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        from sklearn.metrics import cohen_kappa_score

        require_columns(submission, (id_column, target))
        found, expected = pair_by_id(submission, answers, id_column)
        try:
            return float(cohen_kappa_score(found[target].to_numpy(), expected[target].to_numpy(), weights="quadratic"))
        except (ValueError, TypeError) as error:
            raise blame_label(submission, target) from error

    return grade


GRADERS: Mapping[str, Grader] = {
    "aptos2019-blindness-detection": weighted_kappa("id_code", "diagnosis"),
    "learning-agency-lab-automated-essay-scoring-2": weighted_kappa("essay_id", "score"),
}
