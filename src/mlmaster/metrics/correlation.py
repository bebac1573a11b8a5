"""Correlations of predicted numbers with the truth: the mean over the columns where there are several."""

from __future__ import annotations

import numpy as np

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import SubmissionError
from mlmaster.metrics.definition import Definition, by_column
from mlmaster.ports import Array


def _require_spread(predictions: Array) -> None:
    # MLE-bench lets such a submission score NaN, which wins nothing; here it is a fault that says why.
    if np.ptp(predictions) == 0:
        raise SubmissionError(f"every prediction is {predictions[0]:g}: the correlation with a constant is not defined")


def _pearson(truth: Array, predictions: Array) -> float:
    from scipy.stats import pearsonr

    _require_spread(predictions)
    return float(pearsonr(truth, predictions).statistic)


def _spearman(truth: Array, predictions: Array) -> float:
    """Pearson's correlation of the average ranks: equal to scipy.stats.spearmanr, ties included."""
    from scipy.stats import rankdata

    return _pearson(rankdata(truth), rankdata(predictions))


def _needs_spread(truth: Array) -> str | None:
    if len(truth) < 2:
        return "it needs at least two rows"
    constant = [j for j in range(truth.shape[1]) if np.ptp(truth[:, j]) == 0]
    return f"target {constant[0] + 1} is constant" if constant else None


DEFINITIONS = (
    Definition(
        "pearson",
        "Pearson correlation",
        Direction.MAXIMIZE,
        frozenset({PredictionKind.NUMBER}),
        frozenset({TaskKind.REGRESSION}),
        by_column(_pearson),
        ("pearsonr", "pearson_r", "pearson_correlation", "pearson_correlation_coefficient", "correlation"),
        truth_rule=_needs_spread,
        instead="rmse",
    ),
    Definition(
        "spearman",
        "Spearman rank correlation",
        Direction.MAXIMIZE,
        frozenset({PredictionKind.NUMBER}),
        frozenset({TaskKind.REGRESSION}),
        by_column(_spearman),
        (
            "spearmanr",
            "spearman_r",
            "spearman_correlation",
            "spearman_rank_correlation",
            "spearmans_rank_correlation",
            "spearman_correlation_coefficient",
            "column_wise_spearman",
        ),
        truth_rule=_needs_spread,
        instead="rmse",
    ),
)
