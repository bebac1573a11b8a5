"""Correlations of predicted numbers with the truth: the mean over the columns where there are several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import SubmissionError
from mlmaster.metrics.definition import Definition, by_column, prepared_by_column
from mlmaster.metrics.weighed import Counts, Vector, Weigh, spread, sum_of_products, weighted_sums
from mlmaster.ports import Array


def _require_spread(predictions: Array) -> None:
    # MLE-bench lets such a submission score NaN, which wins nothing; here it is a fault that says why.
    if np.ptp(predictions) == 0:
        raise SubmissionError(f"every prediction is {predictions[0]:g}: the correlation with a constant is not defined")


def _pearson(truth: Array, predictions: Array) -> float:
    from scipy.stats import pearsonr

    _require_spread(predictions)
    return float(pearsonr(truth, predictions).statistic)


def _prepare_pearson(truth: Array, predictions: Array) -> Weigh:
    x, y = truth - truth.mean(), predictions - predictions.mean()
    columns = np.stack([x, y, x**2, y**2, x * y], axis=1)

    def weigh(counts: Counts, totals: Vector) -> Array:
        x, y, xx, yy, xy = weighted_sums(counts, columns).T
        spreads = np.sqrt(spread(x, xx, totals)) * np.sqrt(spread(y, yy, totals))
        return np.where(np.isfinite(spreads), np.clip((xy - x * y / totals) / spreads, -1.0, 1.0), np.inf)

    return weigh


def _spearman(truth: Array, predictions: Array) -> float:
    """Pearson's correlation of the average ranks: equal to scipy.stats.spearmanr, ties included."""
    from scipy.stats import rankdata

    return _pearson(rankdata(truth), rankdata(predictions))


@dataclass(frozen=True, slots=True)
class _Values:
    """Sorted values: where each distinct one begins (None: all are distinct), and which of them each place holds."""

    starts: NDArray[np.intp] | None
    which: NDArray[np.intp]

    @classmethod
    def of(cls, ordered: Array) -> _Values:
        is_new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        return cls(None if is_new.all() else np.flatnonzero(is_new), np.cumsum(is_new) - 1)

    def sums(self, numbers: Array) -> Array:
        """Return the sums over the places of each value; shape (r, places) to (r, values)."""
        sums: Array = numbers if self.starts is None else np.add.reduceat(numbers, self.starts, axis=1)
        return sums

    @staticmethod
    def centred_ranks(halves: Array, totals: Vector) -> Array:
        """Return the average rank of each value less the average of all ranks, given half of how often each is drawn."""
        ranks = np.cumsum(halves, axis=1)
        ranks *= 2.0
        ranks -= halves
        ranks -= totals[:, None] / 2.0
        return ranks


def _prepare_spearman(truth: Array, predictions: Array) -> Weigh:
    """Ranks are those within each resample: a value's average rank is what is drawn below it, and half of its own and 1.

    Ranks are halves, so that sums of them are exact, and a spread of 0 is a constant.
    """
    by_truth = np.argsort(truth)
    predictions = predictions[by_truth]
    by_prediction = np.argsort(predictions)
    back = np.argsort(by_prediction)
    first, second = _Values.of(truth[by_truth]), _Values.of(predictions[by_prediction])
    second_of_place = second.which[back]

    def weigh(counts: Counts, totals: Vector) -> Array:
        # in place where it can be: fresh memory costs as much as the sums
        drawn = counts.take(by_truth, axis=1)
        x_halves = first.sums(drawn * 0.5)
        y_halves = second.sums(drawn.take(by_prediction, axis=1) * 0.5)
        x, y = first.centred_ranks(x_halves, totals), second.centred_ranks(y_halves, totals)
        x_halves *= x
        y_halves *= y
        spreads = sum_of_products(x_halves, x) * sum_of_products(y_halves, y)
        x_of_place = x_halves if first.starts is None else drawn * 0.5 * x.take(first.which, axis=1)
        together = sum_of_products(x_of_place, y.take(second_of_place, axis=1))
        values: Array = np.clip(together / np.sqrt(spreads), -1.0, 1.0)
        return values

    return weigh


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
        prepared_by_column(_prepare_pearson),
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
        prepared_by_column(_prepare_spearman),
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
        is_rank_based=True,
    ),
)
