"""Metrics of ranked lists of labels and of free text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.metrics.definition import ALL_KINDS, Definition, Options, Prepare, Score
from mlmaster.metrics.weighed import mean_of
from mlmaster.ports import Array


def _average_precision_at(wanted: frozenset[str], ranking: list[str], k: int) -> float:
    """Precision summed over the ranks of first hits within k, over min(|wanted|, k); 0 where nothing is wanted.

    As in Kaggle's own `ml_metrics` and MLE-bench: a label counts at its first rank, a repeat still takes a place.
    """
    hits, total, seen = 0, 0.0, set[str]()
    for rank, label in enumerate(ranking[:k], start=1):
        if label in wanted and label not in seen:
            hits += 1
            total += hits / rank
        seen.add(label)
    return total / min(len(wanted), k) if wanted else 0.0


def _precisions(truth: Array, predictions: Array, options: Options) -> Array:
    pairs = zip(truth.ravel().tolist(), predictions.ravel().tolist(), strict=True)
    scores = [_average_precision_at(frozenset(wanted.split()), ranking.split(), options.k) for wanted, ranking in pairs]
    return np.array(scores).reshape(truth.shape)


def _jaccard_of(truth: str, prediction: str) -> float:
    """|A & B| / |A | B| of the sets of lower-case words, as Kaggle's tweet sentiment task has it; 1 for two empty texts."""
    a, b = frozenset(truth.lower().split()), frozenset(prediction.lower().split())
    return len(a & b) / len(a | b) if a or b else 1.0


def _similarities(truth: Array, predictions: Array, options: Options) -> Array:  # noqa: ARG001
    pairs = zip(truth.ravel().tolist(), predictions.ravel().tolist(), strict=True)
    return np.array([_jaccard_of(wanted, found) for wanted, found in pairs]).reshape(truth.shape)


def _mean(scores: Callable[[Array, Array, Options], Array]) -> tuple[Score, Prepare]:
    """Return the mean of scores over rows and columns, and its weighing."""
    return (
        lambda truth, predictions, options: float(scores(truth, predictions, options).mean()),
        lambda truth, predictions, options: mean_of(scores(truth, predictions, options)),
    )


DEFINITIONS = (
    Definition(
        "map_at_k",
        "mean average precision @k",
        Direction.MAXIMIZE,
        frozenset({PredictionKind.RANKING}),
        frozenset({TaskKind.BINARY, TaskKind.MULTICLASS, TaskKind.MULTILABEL}),
        *_mean(_precisions),
        ("mapk", "mean_average_precision_at_k"),
        instead="accuracy for one label a row",
        params=frozenset({"k"}),
    ),
    Definition(
        "jaccard",
        "mean Jaccard similarity of words",
        Direction.MAXIMIZE,
        frozenset({PredictionKind.TEXT}),
        ALL_KINDS,
        *_mean(_similarities),
        ("jaccard_words", "jaccard_similarity", "word_level_jaccard", "word_level_jaccard_score", "jaccard_index"),
        instead="accuracy for labels",
    ),
)
