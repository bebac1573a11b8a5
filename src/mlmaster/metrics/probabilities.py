"""Metrics of predicted probabilities: log losses, areas under curves, Brier score.

PROBABILITY metrics are means over the columns (one column: binary; several: multilabel). Nothing is renormalised: a row of
class probabilities must sum to 1 as it stands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.definition import Definition, Options, by_column, prepared_by_column
from mlmaster.metrics.weighed import (
    Counts,
    Vector,
    Weigh,
    cumulated,
    mean_of,
    mean_of_each,
    sum_of_products,
    sums_by_cell,
)
from mlmaster.ports import Array

EPSILON = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm, as in scikit-learn since 1.5 and MLE-bench."""
SUM_TOLERANCE = 1e-5
"""How far the probabilities of a row may be from 1 in sum, as strict as MLE-bench; none is rescaled."""

_PROBABILITY = frozenset({PredictionKind.PROBABILITY})
_CLASSES = frozenset({PredictionKind.CLASS_PROBABILITIES})
_FLAGGED = frozenset({TaskKind.BINARY, TaskKind.MULTILABEL})


def wrong_sum(probabilities: Array) -> int | None:
    """Return the first row whose class probabilities do not sum to 1, or None."""
    wrong = np.abs(probabilities.sum(axis=1) - 1.0) > SUM_TOLERANCE
    return int(wrong.argmax()) if wrong.any() else None


def wrong_probability(probabilities: Array) -> tuple[int, int] | None:
    """Return the (row, column) of the first value outside [0, 1], or None."""
    found = np.argwhere(~((probabilities >= 0) & (probabilities <= 1)))
    return (int(found[0][0]), int(found[0][1])) if len(found) else None


def _require_probabilities(predictions: Array) -> None:
    found = wrong_probability(predictions)
    if found is not None:
        raise SubmissionError(
            f"row {found[0] + 1}, prediction column {found[1] + 1} is {predictions[found]:g}, and must be in [0, 1]"
        )


def _require_distribution(truth: Array, predictions: Array) -> None:
    _require_probabilities(predictions)
    row = wrong_sum(predictions)
    if row is not None:
        raise SubmissionError(
            f"row {row + 1}: the class probabilities sum to {predictions[row].sum():.6g}, and must sum to 1"
        )
    if truth.max() >= predictions.shape[1]:
        raise TaskError(f"the target holds class number {truth.max()}, but there are {predictions.shape[1]} classes")


def _losses(truth: Array, predictions: Array) -> Array:
    """Return minus the log of the probability given to what is true, by row (and column, for PROBABILITY)."""
    if truth.ndim == 1:
        _require_distribution(truth, predictions)
        given = predictions[np.arange(len(truth)), truth]
    else:
        _require_probabilities(predictions)
        given = np.where(truth == 1, predictions, 1.0 - predictions)
    losses: Array = -np.log(np.clip(given, EPSILON, 1.0 - EPSILON))
    return losses


def _log_loss(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
    return float(_losses(truth, predictions).mean())


def _prepare_log_loss(truth: Array, predictions: Array, options: Options) -> Weigh:  # noqa: ARG001
    return mean_of(_losses(truth, predictions))


def _balanced_log_loss(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
    """Mean over the classes of the mean loss of their rows, as Kaggle's ICR task states it; absent classes count not."""
    losses = _losses(truth, predictions)
    if truth.ndim == 1:
        truth, losses = truth.reshape(-1, 1), losses.reshape(-1, 1)
    columns = [
        np.mean([losses[truth[:, j] == value, j].mean() for value in np.unique(truth[:, j])])
        for j in range(truth.shape[1])
    ]
    return float(np.mean(columns))


def _prepare_balanced_log_loss(truth: Array, predictions: Array, options: Options) -> Weigh:  # noqa: ARG001
    losses = _losses(truth, predictions).reshape(len(truth), -1)
    truth = truth.reshape(len(truth), -1)

    def prepare(truth: Array, losses: Array) -> Weigh:
        classes, codes = np.unique(truth, return_inverse=True)
        drawn = sums_by_cell(codes, len(classes))
        lost = sums_by_cell(codes, len(classes), weights=losses)

        def weigh(counts: Counts, totals: Vector) -> Array:  # noqa: ARG001
            rows = drawn(counts)
            values: Array = np.sum(lost(counts) / np.maximum(rows, 1.0), axis=1) / (rows > 0).sum(axis=1)
            return values

        return weigh

    return mean_of_each([prepare(truth[:, j], losses[:, j]) for j in range(truth.shape[1])])


def _area(truth: Array, predictions: Array) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney 1947): a bootstrap calls it too often for scikit-learn's checks."""
    _, places, counts = np.unique(predictions, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[places]
    is_positive = truth == 1
    positives = int(is_positive.sum())
    negatives = len(truth) - positives
    return float((ranks[is_positive].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def _by_outcome(truth: Array, predictions: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positive rows and the others, each from the lowest prediction to the highest."""
    order = np.argsort(predictions)
    is_positive = truth[order] == 1
    return order[is_positive], order[~is_positive]


def _prepare_area(truth: Array, predictions: Array) -> Weigh:
    """For each positive row: what is drawn of the negative ones below it, and half of what equals it."""
    positives, negatives = _by_outcome(truth, predictions)
    above = np.searchsorted(predictions[negatives], predictions[positives], "left")
    up_to = np.searchsorted(predictions[negatives], predictions[positives], "right")
    has_ties = bool((above != up_to).any())

    def weigh(counts: Counts, totals: Vector) -> Array:
        drawn = counts.take(positives, axis=1).astype(np.float64)
        below = cumulated(counts.take(negatives, axis=1))
        beaten = below.take(above, axis=1)
        if has_ties:
            beaten += below.take(up_to, axis=1)
            beaten /= 2.0
        found = drawn.sum(axis=1)
        values: Array = sum_of_products(drawn, beaten) / (found * (totals - found))
        return values

    return weigh


def _prepare_precision(truth: Array, predictions: Array) -> Weigh:
    """For each positive row: the share of positive rows among those that are drawn and predicted no lower."""
    positives, negatives = _by_outcome(truth, predictions)
    first = np.searchsorted(predictions[positives], predictions[positives], "left")
    above = np.searchsorted(predictions[negatives], predictions[positives], "left")

    def weigh(counts: Counts, totals: Vector) -> Array:
        drawn = counts.take(positives, axis=1)
        found = drawn.sum(axis=1, dtype=np.int64).astype(np.float64)
        hits = cumulated(drawn).take(first, axis=1)
        np.subtract(found[:, None], hits, out=hits)
        marked = cumulated(counts.take(negatives, axis=1)).take(above, axis=1)
        np.subtract((totals - found)[:, None], marked, out=marked)
        marked += hits
        hits /= np.maximum(marked, 1.0, out=marked)
        values: Array = sum_of_products(hits, drawn.astype(np.float64)) / found
        return values

    return weigh


def _roc_auc(truth: Array, predictions: Array, options: Options) -> float:
    _require_probabilities(predictions)
    return by_column(_area)(truth, predictions, options)


def _roc_auc_macro(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
    """Mean over the classes of the area of one class against the rest."""
    _require_probabilities(predictions)
    classes = range(predictions.shape[1])
    missing = sorted(set(classes) - set(np.unique(truth).tolist()))
    if missing:
        raise TaskError(f"roc_auc_macro cannot be computed: no row has class number {missing[0]}")
    return float(np.mean([_area(truth == label, predictions[:, label]) for label in classes]))


def _prepare_roc_auc_macro(truth: Array, predictions: Array, options: Options) -> Weigh:  # noqa: ARG001
    return mean_of_each([_prepare_area(truth == j, predictions[:, j]) for j in range(predictions.shape[1])])


def _average_precision(truth: Array, predictions: Array, options: Options) -> float:
    from sklearn.metrics import average_precision_score

    _require_probabilities(predictions)
    return by_column(lambda t, p: float(average_precision_score(t, p)))(truth, predictions, options)


def _brier(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
    """Mean squared difference of probability and outcome (Brier 1950, in the one-sided form of scikit-learn)."""
    _require_probabilities(predictions)
    return float(np.mean((truth - predictions) ** 2))


def _prepare_brier(truth: Array, predictions: Array, options: Options) -> Weigh:  # noqa: ARG001
    return mean_of((truth - predictions) ** 2)


def _needs_both(truth: Array) -> str | None:
    for j in range(truth.shape[1]) if truth.ndim == 2 else ():
        if np.ptp(truth[:, j]) == 0:
            return f"every row of target {j + 1} has the same class ({truth[0, j]:g})"
    return None


def _needs_two_classes(truth: Array) -> str | None:
    return "every row has the same class" if truth.ndim == 1 and len(np.unique(truth)) < 2 else None


def _needs_positives(truth: Array) -> str | None:
    empty = [j for j in range(truth.shape[1]) if not truth[:, j].any()]
    return f"no row of target {empty[0] + 1} is positive" if empty else None


DEFINITIONS = (
    Definition(
        "log_loss",
        "log loss",
        Direction.MINIMIZE,
        _PROBABILITY | _CLASSES,
        frozenset({TaskKind.BINARY, TaskKind.MULTICLASS, TaskKind.MULTILABEL}),
        _log_loss,
        _prepare_log_loss,
        (
            "logloss",
            "logarithmic_loss",
            "multi_class_log_loss",
            "multiclass_log_loss",
            "multiclass_logarithmic_loss",
            "binary_log_loss",
            "multilabel_log_loss",
            "cross_entropy",
            "cross_entropy_loss",
            "binary_cross_entropy",
            "mean_column_wise_log_loss",
        ),
        instead="rmse for numbers, accuracy for hard labels",
    ),
    Definition(
        "balanced_log_loss",
        "balanced log loss (classes weighted equally)",
        Direction.MINIMIZE,
        _PROBABILITY | _CLASSES,
        frozenset({TaskKind.BINARY, TaskKind.MULTICLASS, TaskKind.MULTILABEL}),
        _balanced_log_loss,
        _prepare_balanced_log_loss,
        ("balanced_logarithmic_loss",),
        instead="log_loss",
    ),
    Definition(
        "roc_auc",
        "area under the ROC curve",
        Direction.MAXIMIZE,
        _PROBABILITY,
        _FLAGGED,
        _roc_auc,
        prepared_by_column(_prepare_area),
        (
            "auc",
            "auroc",
            "auc_roc",
            "roc",
            "area_under_the_roc_curve",
            "area_under_the_receiver_operating_characteristic_curve",
            "auroc_multi_label",
            "mean_column_wise_roc_auc",
        ),
        truth_rule=_needs_both,
        instead="roc_auc_macro for more than two classes",
        is_rank_based=True,
    ),
    Definition(
        "roc_auc_macro",
        "area under the ROC curve, mean of one class against the rest",
        Direction.MAXIMIZE,
        _CLASSES,
        frozenset({TaskKind.MULTICLASS}),
        _roc_auc_macro,
        _prepare_roc_auc_macro,
        ("roc_auc_ovr", "roc_auc_ovr_macro", "macro_roc_auc", "macro_auc", "auc_macro"),
        truth_rule=_needs_two_classes,
        instead="roc_auc for two classes",
        is_rank_based=True,
    ),
    Definition(
        "average_precision",
        "average precision",
        Direction.MAXIMIZE,
        _PROBABILITY,
        _FLAGGED,
        _average_precision,
        prepared_by_column(_prepare_precision),
        ("pr_auc", "auc_pr", "auprc", "area_under_the_precision_recall_curve", "mean_average_precision"),
        truth_rule=_needs_positives,
        instead="log_loss for more than two classes",
        is_rank_based=True,
    ),
    Definition(
        "brier_score",
        "Brier score",
        Direction.MINIMIZE,
        _PROBABILITY,
        _FLAGGED,
        _brier,
        _prepare_brier,
        ("brier", "brier_score_loss"),
        instead="log_loss for more than two classes",
    ),
)
