"""Area under the ROC curve of a binary target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import numbers, pair_by_id, require_columns


def roc_auc(id_column: str, target: str) -> Grader:
    """Return the grader of a competition with one probability for each id."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        from sklearn.metrics import roc_auc_score

        require_columns(submission, (id_column, target))
        require_probabilities(submission, target)
        submission, answers = pair_by_id(submission[[id_column, target]], answers[[id_column, target]], id_column)
        return float(roc_auc_score(answers[target].to_numpy(), submission[target].to_numpy()))

    return grade


def require_probabilities(submission: pd.DataFrame, column: str) -> None:
    """Check that every cell of a column is a number from 0 to 1; True and False are 1 and 0.

    Raises:
        SubmissionError: One is not; it is named.
    """
    values = numbers(submission, column)
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        row = int(wrong.argmax())
        cell = submission[column].iloc[row]
        found = "an empty cell" if np.isnan(values[row]) else shown(str(cell))
        raise SubmissionError(f"{column}, row {row + 1}: {found} is no probability ({int(wrong.sum())} such rows)")


GRADERS: Mapping[str, Grader] = {
    "aerial-cactus-identification": roc_auc("id", "has_cactus"),
    "detecting-insults-in-social-commentary": roc_auc("Comment", "Insult"),
    "histopathologic-cancer-detection": roc_auc("id", "label"),
    "invasive-species-monitoring": roc_auc("name", "invasive"),
    "mlsp-2013-birds": roc_auc("Id", "Probability"),
    "random-acts-of-pizza": roc_auc("request_id", "requester_received_pizza"),
    "rsna-miccai-brain-tumor-radiogenomic-classification": roc_auc("BraTS21ID", "MGMT_value"),
    "seti-breakthrough-listen": roc_auc("id", "target"),
    "siim-isic-melanoma-classification": roc_auc("image_name", "target"),
    "tabular-playground-series-may-2022": roc_auc("id", "target"),
    "the-icml-2013-whale-challenge-right-whale-redux": roc_auc("clip", "probability"),
}
