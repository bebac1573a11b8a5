"""Metrics of ranked lists of labels and of free text."""

from __future__ import annotations

import numpy as np

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.metrics.definition import ALL_KINDS, Definition, Options
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


def _map_at_k(truth: Array, predictions: Array, options: Options) -> float:
    scores = [
        _average_precision_at(frozenset(wanted.split()), ranking.split(), options.k)
        for column in range(truth.shape[1])
        for wanted, ranking in zip(truth[:, column].tolist(), predictions[:, column].tolist(), strict=True)
    ]
    return float(np.mean(scores))


def _jaccard_of(truth: str, prediction: str) -> float:
    """|A & B| / |A | B| of the sets of lower-case words, as Kaggle's tweet sentiment task has it; 1 for two empty texts."""
    a, b = frozenset(truth.lower().split()), frozenset(prediction.lower().split())
    return len(a & b) / len(a | b) if a or b else 1.0


def _jaccard(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
    scores = [_jaccard_of(t, p) for t, p in zip(truth.ravel().tolist(), predictions.ravel().tolist(), strict=True)]
    return float(np.mean(scores))


DEFINITIONS = (
    Definition(
        "map_at_k",
        "mean average precision @k",
        Direction.MAXIMIZE,
        frozenset({PredictionKind.RANKING}),
        frozenset({TaskKind.BINARY, TaskKind.MULTICLASS, TaskKind.MULTILABEL}),
        _map_at_k,
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
        _jaccard,
        ("jaccard_words", "jaccard_similarity", "word_level_jaccard", "word_level_jaccard_score", "jaccard_index"),
        instead="accuracy for labels",
    ),
)
