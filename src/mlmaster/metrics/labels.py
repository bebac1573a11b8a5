"""Metrics of hard labels: accuracies, F1 in its averages, Matthews correlation, weighted kappa.

Truth and predictions are text of shape (n, m). Several columns are scored one by one and averaged, but for F1 of several
labels (`f1_macro`, `f1_micro`, `f1_samples`), where each row is a set: columns of "0" and "1", or one cell of labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import MLMasterError, SubmissionError, TaskError
from mlmaster.metrics.definition import (
    Definition,
    Options,
    Prepare,
    Score,
    TruthRule,
    by_column,
    prepared_by_column,
)
from mlmaster.metrics.weighed import (
    Counts,
    Vector,
    Weigh,
    mean_of,
    sum_of_products,
    sums_by_cell,
    weighted_sums,
)
from mlmaster.ports import Array

_LABEL = frozenset({PredictionKind.LABEL})
_SINGLE = frozenset({TaskKind.BINARY, TaskKind.MULTICLASS})


def _codes(truth: Array, predictions: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both as integers: scikit-learn is far quicker on them than on text."""
    _, codes = np.unique(np.concatenate([truth, predictions]), return_inverse=True)
    return codes[: len(truth)], codes[len(truth) :]


def _accuracy(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
    return float(np.mean(truth == predictions))


def _prepare_accuracy(truth: Array, predictions: Array, options: Options) -> Weigh:  # noqa: ARG001
    return mean_of((truth == predictions).astype(np.float64))


@dataclass(frozen=True, slots=True)
class _Tally:
    """Sums of counts by class: of the rows that have it in truth, in the predictions, in both."""

    true: Callable[[Counts], Array]
    predicted: Callable[[Counts], Array]
    right: Callable[[Counts], Array]

    @classmethod
    def of(cls, truth: Array, predictions: Array) -> _Tally:
        t, p = _codes(truth, predictions)
        size = int(max(t.max(), p.max())) + 1
        right = np.flatnonzero(t == p)
        return cls(sums_by_cell(t, size), sums_by_cell(p, size), sums_by_cell(t[right], size, rows=right))

    @classmethod
    def of_sets(cls, truth: Array, predictions: Array) -> _Tally:
        """Return the tally of two indicator matrices."""

        def sums(flags: Array) -> Callable[[Counts], Array]:
            rows, labels = np.nonzero(flags)
            return sums_by_cell(labels, flags.shape[1], rows=rows)

        return cls(sums(truth), sums(predictions), sums(truth & predictions))


def _mean_of_present(values: Array, is_present: Array) -> Array:
    """Return the mean over the classes that are present, 0 where none is; both shape (r, classes)."""
    mean: Array = np.where(is_present, values, 0.0).sum(axis=1) / np.maximum(is_present.sum(axis=1), 1)
    return mean


def _balanced_accuracy(truth: Array, predictions: Array) -> float:
    """Mean recall over the classes present in the truth, as scikit-learn's balanced_accuracy_score."""
    from sklearn.metrics import recall_score

    t, p = _codes(truth, predictions)
    return float(recall_score(t, p, labels=np.unique(t), average="macro", zero_division=0))


def _prepare_balanced_accuracy(truth: Array, predictions: Array) -> Weigh:
    tally = _Tally.of(truth, predictions)

    def weigh(counts: Counts, totals: Vector) -> Array:  # noqa: ARG001
        rows = tally.true(counts)
        return _mean_of_present(tally.right(counts) / np.maximum(1.0, rows), rows > 0)

    return weigh


def _matthews(truth: Array, predictions: Array) -> float:
    """Gorodkin's form (2004) for any number of classes, 0 where truth or predictions are constant, as scikit-learn has it."""
    t, p = _codes(truth, predictions)
    rows, size = float(len(t)), int(max(t.max(), p.max())) + 1
    true, predicted = (np.bincount(each, minlength=size).astype(np.float64) for each in (t, p))
    together = rows * np.count_nonzero(t == p) - true @ predicted
    spreads = (rows**2 - true @ true) * (rows**2 - predicted @ predicted)
    return float(together / math.sqrt(spreads)) if spreads > 0 else 0.0


def _prepare_matthews(truth: Array, predictions: Array) -> Weigh:
    tally = _Tally.of(truth, predictions)

    def weigh(counts: Counts, totals: Vector) -> Array:
        true, predicted = tally.true(counts), tally.predicted(counts)
        together = tally.right(counts).sum(axis=1) * totals - sum_of_products(true, predicted)
        spreads = (totals**2 - sum_of_products(true, true)) * (totals**2 - sum_of_products(predicted, predicted))
        return np.where(spreads > 0, together / np.sqrt(spreads), 0.0)

    return weigh


def positive_label(labels: Array, classes: tuple[str, ...]) -> str:
    """Return the positive one of two labels: the task's second class, else the last in sorted order."""
    return classes[1] if len(classes) == 2 else str(np.unique(labels)[-1])


def _f1(truth: Array, predictions: Array, options: Options) -> float:
    from sklearn.metrics import f1_score

    positive = positive_label(np.concatenate([truth, predictions]), options.classes)
    return by_column(lambda t, p: float(f1_score(t == positive, p == positive, zero_division=0)))(
        truth, predictions, options
    )


def _prepare_f1(truth: Array, predictions: Array, options: Options) -> Weigh:
    """Without known classes the positive one is the last that is drawn: where the usual one is not, the formula is asked."""
    positive = positive_label(np.concatenate([truth, predictions]), options.classes)
    is_true, is_predicted = truth == positive, predictions == positive
    both, either = (is_true & is_predicted).astype(np.float64), is_true.astype(np.float64) + is_predicted

    def weigh(counts: Counts, totals: Vector) -> Array:  # noqa: ARG001
        hits, marked = weighted_sums(counts, both), weighted_sums(counts, either)
        f1 = (2.0 * hits / np.maximum(1.0, marked)).mean(axis=1)
        return f1 if len(options.classes) == 2 else np.where(marked.any(axis=1), f1, np.inf)

    return weigh


def _sets(truth: Array, predictions: Array) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return both as indicator matrices, from columns of flags or from one column of labels separated by spaces."""
    if truth.shape[1] > 1:
        return (truth == "1").astype(np.int8), (predictions == "1").astype(np.int8)
    rows = [cell.split() for cell in np.concatenate([truth[:, 0], predictions[:, 0]]).tolist()]
    index = {label: j for j, label in enumerate(sorted({label for row in rows for label in row}))}
    flags = np.zeros((len(rows), max(1, len(index))), dtype=np.int8)
    for i, row in enumerate(rows):
        flags[i, [index[label] for label in row]] = 1
    return flags[: len(truth)], flags[len(truth) :]


def _are_sets(truth: Array, options: Options) -> bool:
    return options.is_multilabel or truth.shape[1] > 1


def _f1_macro(truth: Array, predictions: Array, options: Options) -> float:
    """Mean F1 of the labels that occur; of columns of flags, mean over all, where an empty one is worth 0."""
    if not _are_sets(truth, options):
        from sklearn.metrics import f1_score

        return float(f1_score(*_codes(truth[:, 0], predictions[:, 0]), average="macro", zero_division=0))
    a, b = _sets(truth, predictions)
    return float(np.mean(2.0 * (a & b).sum(axis=0) / np.maximum(1, a.sum(axis=0) + b.sum(axis=0))))


def _prepare_f1_macro(truth: Array, predictions: Array, options: Options) -> Weigh:
    are_sets = _are_sets(truth, options)
    tally = _Tally.of_sets(*_sets(truth, predictions)) if are_sets else _Tally.of(truth[:, 0], predictions[:, 0])

    def weigh(counts: Counts, totals: Vector) -> Array:  # noqa: ARG001
        marked = tally.true(counts) + tally.predicted(counts)
        f1 = 2.0 * tally.right(counts) / np.maximum(1.0, marked)
        return f1.mean(axis=1) if truth.shape[1] > 1 else _mean_of_present(f1, marked > 0)

    return weigh


def _hits_and_marks(truth: Array, predictions: Array, options: Options) -> tuple[Array, Array]:
    """Return |A & B| and |A| + |B| by row; a single label is a set of one."""
    if not _are_sets(truth, options):
        return (truth[:, 0] == predictions[:, 0]).astype(np.float64), np.full(len(truth), 2.0)
    a, b = _sets(truth, predictions)
    return (a & b).sum(axis=1, dtype=np.float64), a.sum(axis=1, dtype=np.float64) + b.sum(axis=1)


def _f1_micro(truth: Array, predictions: Array, options: Options) -> float:
    hits, marks = _hits_and_marks(truth, predictions, options)
    return float(2.0 * hits.sum() / max(1.0, marks.sum()))


def _prepare_f1_micro(truth: Array, predictions: Array, options: Options) -> Weigh:
    columns = np.stack(_hits_and_marks(truth, predictions, options), axis=1)

    def weigh(counts: Counts, totals: Vector) -> Array:  # noqa: ARG001
        hits, marks = weighted_sums(counts, columns).T
        values: Array = 2.0 * hits / np.maximum(1.0, marks)
        return values

    return weigh


def _f1_of_rows(truth: Array, predictions: Array) -> Array:
    """F1 of each row's two sets; 0 where both are empty, as scikit-learn's with zero_division=0."""
    hits, marks = _hits_and_marks(truth, predictions, Options(is_multilabel=True))
    f1: Array = 2.0 * hits / np.maximum(1.0, marks)
    return f1


def _f1_samples(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
    return float(_f1_of_rows(truth, predictions).mean())


def _prepare_f1_samples(truth: Array, predictions: Array, options: Options) -> Weigh:  # noqa: ARG001
    return mean_of(_f1_of_rows(truth, predictions))


def _ratings(labels: Array, classes: tuple[str, ...], error: type[MLMasterError]) -> list[int]:
    """Return labels as whole numbers, or as positions in the task's classes where those are words."""
    order = {label: position for position, label in enumerate(classes)}
    ratings = []
    for row, label in enumerate(labels.tolist()):
        try:
            number = float(label)
        except ValueError:
            number = float(order.get(label, math.nan))
        if not (math.isfinite(number) and number == int(number)):
            raise error(f"row {row + 1}: {label!r} is no rating: ratings are whole numbers")
        ratings.append(int(number))
    return ratings


def _weighted_kappa(truth: Array, predictions: Array, options: Options) -> float:
    """Cohen's kappa with quadratic weights over the ratings that occur, as scikit-learn and MLE-bench compute it.

    Where all ratings are one and the same, agreement is complete and the value is 1 (the formula divides 0 by 0).
    """
    from sklearn.metrics import cohen_kappa_score

    def kappa(t: Array, p: Array) -> float:
        ratings = _ratings(t, options.classes, TaskError), _ratings(p, options.classes, SubmissionError)
        if len({*ratings[0], *ratings[1]}) == 1:
            return 1.0
        return float(cohen_kappa_score(*ratings, weights="quadratic"))

    return by_column(kappa)(truth, predictions, options)


def _prepare_weighted_kappa(truth: Array, predictions: Array, options: Options) -> Weigh:
    """The place of a rating is its place among those that are drawn, as in the formula on the repeated rows."""

    def prepare(truth: Array, predictions: Array) -> Weigh:
        both = [*_ratings(truth, options.classes, TaskError), *_ratings(predictions, options.classes, SubmissionError)]
        t, p = _codes(*np.split(np.array(both), 2))
        tally = _Tally.of(t, p)
        pairs, which = np.unique(np.stack([t, p]), axis=1, return_inverse=True)
        drawn = sums_by_cell(which, pairs.shape[1])

        def weigh(counts: Counts, totals: Vector) -> Array:
            true, predicted = tally.true(counts), tally.predicted(counts)
            places = np.cumsum(true + predicted > 0, axis=1, dtype=np.float64)
            apart = sum_of_products(drawn(counts), (places[:, pairs[0]] - places[:, pairs[1]]) ** 2)
            squares = sum_of_products(true + predicted, places**2)
            products = sum_of_products(true, places) * sum_of_products(predicted, places)
            expected = squares - 2.0 * products / totals
            return np.where(places[:, -1] == 1, 1.0, 1.0 - apart / expected)

        return weigh

    return prepared_by_column(prepare)(truth, predictions, options)


def _needs_two(truth: Array) -> str | None:
    for j in range(truth.shape[1]):
        found = np.unique(truth[:, j])
        if len(found) > 2:
            return f"target {j + 1} has {len(found)} classes, and may have two"
    return None


def _define(
    name: str,
    title: str,
    formula: tuple[Score, Prepare],
    *aliases: str,
    tasks: frozenset[TaskKind] = _SINGLE,
    truth_rule: TruthRule | None = None,
    instead: str = "roc_auc or log_loss for probabilities, rmse for numbers",
) -> Definition:
    return Definition(
        name, title, Direction.MAXIMIZE, _LABEL, tasks, *formula, aliases, truth_rule=truth_rule, instead=instead
    )


_SEVERAL = frozenset({*_SINGLE, TaskKind.MULTILABEL})

DEFINITIONS = (
    _define(
        "accuracy",
        "accuracy",
        (_accuracy, _prepare_accuracy),
        "acc",
        "classification_accuracy",
        "categorization_accuracy",
        "multi_class_classification_accuracy",
        tasks=_SEVERAL,
    ),
    _define(
        "balanced_accuracy",
        "balanced accuracy",
        (by_column(_balanced_accuracy), prepared_by_column(_prepare_balanced_accuracy)),
        "macro_recall",
        "recall_macro",
    ),
    _define(
        "f1",
        "F1 of the positive class",
        (_f1, _prepare_f1),
        "f1_binary",
        "binary_f1",
        "f_1",
        "f_measure",
        tasks=frozenset({TaskKind.BINARY}),
        truth_rule=_needs_two,
        instead="f1_macro or f1_micro for more than two classes",
    ),
    _define(
        "f1_macro", "macro-averaged F1", (_f1_macro, _prepare_f1_macro), "macro_f1", "f1_score_macro", tasks=_SEVERAL
    ),
    _define(
        "f1_micro", "micro-averaged F1", (_f1_micro, _prepare_f1_micro), "micro_f1", "f1_score_micro", tasks=_SEVERAL
    ),
    _define(
        "f1_samples",
        "mean F1 over the rows",
        (_f1_samples, _prepare_f1_samples),
        "samples_f1",
        "mean_f1",
        "f1_score_samples",
        tasks=frozenset({TaskKind.MULTILABEL}),
        instead="f1_macro or f1_micro for one label a row",
    ),
    _define(
        "matthews_corrcoef",
        "Matthews correlation",
        (by_column(_matthews), prepared_by_column(_prepare_matthews)),
        "mcc",
        "matthews",
        "matthews_correlation",
        "matthews_correlation_coefficient",
    ),
    _define(
        "quadratic_weighted_kappa",
        "quadratic weighted kappa",
        (_weighted_kappa, _prepare_weighted_kappa),
        "qwk",
        "quadratic_kappa",
        "cohen_kappa_quadratic",
        "weighted_kappa",
        tasks=frozenset({*_SINGLE, TaskKind.REGRESSION}),
    ),
)
