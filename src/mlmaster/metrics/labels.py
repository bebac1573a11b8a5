"""Metrics of hard labels: accuracies, F1 in its averages, Matthews correlation, weighted kappa.

Truth and predictions are text of shape (n, m). Several columns are scored one by one and averaged, but for F1 of several
labels (`f1_macro`, `f1_micro`, `f1_samples`), where each row is a set: columns of "0" and "1", or one cell of labels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import MLMasterError, SubmissionError, TaskError
from mlmaster.metrics.definition import Definition, Options, Score, TruthRule, by_column
from mlmaster.ports import Array

_LABEL = frozenset({PredictionKind.LABEL})
_SINGLE = frozenset({TaskKind.BINARY, TaskKind.MULTICLASS})


def _codes(truth: Array, predictions: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both as integers: scikit-learn is far quicker on them than on text."""
    _, codes = np.unique(np.concatenate([truth, predictions]), return_inverse=True)
    return codes[: len(truth)], codes[len(truth) :]


def _accuracy(truth: Array, predictions: Array) -> float:
    return float(np.mean(truth == predictions))


def _balanced_accuracy(truth: Array, predictions: Array) -> float:
    """Mean recall over the classes present in the truth, as scikit-learn's balanced_accuracy_score."""
    from sklearn.metrics import recall_score

    t, p = _codes(truth, predictions)
    return float(recall_score(t, p, labels=np.unique(t), average="macro", zero_division=0))


def _matthews(truth: Array, predictions: Array) -> float:
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(*_codes(truth, predictions)))


def positive_label(labels: Array, classes: tuple[str, ...]) -> str:
    """Return the positive one of two labels: the task's second class, else the last in sorted order."""
    return classes[1] if len(classes) == 2 else str(np.unique(labels)[-1])


def _f1(truth: Array, predictions: Array, options: Options) -> float:
    from sklearn.metrics import f1_score

    positive = positive_label(np.concatenate([truth, predictions]), options.classes)
    return by_column(lambda t, p: float(f1_score(t == positive, p == positive, zero_division=0)))(
        truth, predictions, options
    )


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


def _f1_average(average: str) -> Score:
    def score(truth: Array, predictions: Array, options: Options) -> float:
        from sklearn.metrics import f1_score

        are_sets = average == "samples" or options.is_multilabel or truth.shape[1] > 1
        pair = _sets(truth, predictions) if are_sets else _codes(truth[:, 0], predictions[:, 0])
        return float(f1_score(*pair, average=average, zero_division=0))

    return score


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


def _needs_two(truth: Array) -> str | None:
    for j in range(truth.shape[1]):
        found = np.unique(truth[:, j])
        if len(found) > 2:
            return f"target {j + 1} has {len(found)} classes, and may have two"
    return None


def _define(
    name: str,
    title: str,
    function: Score,
    *aliases: str,
    tasks: frozenset[TaskKind] = _SINGLE,
    truth_rule: TruthRule | None = None,
    instead: str = "roc_auc or log_loss for probabilities, rmse for numbers",
) -> Definition:
    return Definition(
        name, title, Direction.MAXIMIZE, _LABEL, tasks, function, aliases, truth_rule=truth_rule, instead=instead
    )


_SEVERAL = frozenset({*_SINGLE, TaskKind.MULTILABEL})

DEFINITIONS = (
    _define(
        "accuracy",
        "accuracy",
        by_column(_accuracy),
        "acc",
        "classification_accuracy",
        "categorization_accuracy",
        "multi_class_classification_accuracy",
        tasks=_SEVERAL,
    ),
    _define("balanced_accuracy", "balanced accuracy", by_column(_balanced_accuracy), "macro_recall", "recall_macro"),
    _define(
        "f1",
        "F1 of the positive class",
        _f1,
        "f1_binary",
        "binary_f1",
        "f_1",
        "f_measure",
        tasks=frozenset({TaskKind.BINARY}),
        truth_rule=_needs_two,
        instead="f1_macro or f1_micro for more than two classes",
    ),
    _define("f1_macro", "macro-averaged F1", _f1_average("macro"), "macro_f1", "f1_score_macro", tasks=_SEVERAL),
    _define("f1_micro", "micro-averaged F1", _f1_average("micro"), "micro_f1", "f1_score_micro", tasks=_SEVERAL),
    _define(
        "f1_samples",
        "mean F1 over the rows",
        _f1_average("samples"),
        "samples_f1",
        "mean_f1",
        "f1_score_samples",
        tasks=frozenset({TaskKind.MULTILABEL}),
        instead="f1_macro or f1_micro for one label a row",
    ),
    _define(
        "matthews_corrcoef",
        "Matthews correlation",
        by_column(_matthews),
        "mcc",
        "matthews",
        "matthews_correlation",
        "matthews_correlation_coefficient",
    ),
    _define(
        "quadratic_weighted_kappa",
        "quadratic weighted kappa",
        _weighted_kappa,
        "qwk",
        "quadratic_kappa",
        "cohen_kappa_quadratic",
        "weighted_kappa",
        tasks=frozenset({*_SINGLE, TaskKind.REGRESSION}),
    ),
)
