"""Matthews correlation of labels: 0 where one side holds a single label."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.labels import blame_label
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns


def matthews_correlation(id_column: str, target: str) -> Grader:
    """Return the grader of a competition with a label for each id."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        from sklearn.metrics import matthews_corrcoef

        require_columns(submission, (id_column, target))
        found, expected = pair_by_id(submission, answers, id_column)
        try:
            return float(matthews_corrcoef(expected[target].to_numpy(), found[target].to_numpy()))
        except (ValueError, TypeError) as error:
            raise blame_label(submission, target) from error

    return grade


GRADERS: Mapping[str, Grader] = {
    "nfl-player-contact-detection": matthews_correlation("contact_id", "contact"),
}
