# mypy: ignore-errors
"""Hard decisions that suit the metric: factors on probabilities, cut points on ordered classes."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlmaster.engineers.offline.blocks.encoding import fold_numbers
from mlmaster.engineers.offline.blocks.reading import SEED


def held_out_answers(predict: Callable, train: pd.DataFrame, y: np.ndarray, folds: int = 3) -> np.ndarray:
    """Return answers for every train row from models that have not seen it."""
    numbers = fold_numbers(y[:, 0], folds, SEED)
    answers = None
    for fold in range(folds):
        known, held = numbers != fold, numbers == fold
        part = predict(train[known].reset_index(drop=True), train[held].reset_index(drop=True), y[known])
        answers = np.zeros((len(train), part.shape[1])) if answers is None else answers
        answers[held] = part
        print(f"inner fold {fold + 1} of {folds} done", flush=True)
    return answers


def confusion(codes: np.ndarray, guesses: np.ndarray, classes: int) -> np.ndarray:
    """Return how often each class (row) was guessed as each class (column)."""
    return np.bincount(codes * classes + guesses, minlength=classes * classes).reshape(classes, classes).astype(float)


def agreement(table: np.ndarray, rule: str) -> float:
    """Return how good a confusion table is under a rule; higher is better."""
    truth, guessed, right = table.sum(axis=1), table.sum(axis=0), np.diag(table)
    n = table.sum()
    if rule == "quadratic_weighted_kappa":
        places = np.arange(len(table))
        weights = (places[:, None] - places[None, :]) ** 2
        return 1.0 - (weights * table).sum() / max((weights * np.outer(truth, guessed)).sum() / n, 1e-12)
    if rule == "matthews_corrcoef":
        spread = np.sqrt((n**2 - (guessed**2).sum()) * (n**2 - (truth**2).sum()))
        return float((right.sum() * n - truth @ guessed) / max(spread, 1e-12))
    if rule == "balanced_accuracy":
        return float((right / np.maximum(truth, 1)).mean())
    if rule == "accuracy":
        return float(right.sum() / n)
    scores = 2 * right / np.maximum(truth + guessed, 1)
    return float(scores[1] if rule == "f1" else scores.mean())


def best_factors(probabilities: np.ndarray, codes: np.ndarray, rule: str) -> np.ndarray:
    """Return a factor for each class under which the likeliest label scores best, found class by class."""
    classes = probabilities.shape[1]
    factors = np.ones(classes)
    best = agreement(confusion(codes, probabilities.argmax(axis=1), classes), rule)
    for _ in range(2):
        for label in range(classes):
            for factor in np.geomspace(0.2, 5.0, 33):
                tried = factors.copy()
                tried[label] = factor
                value = agreement(confusion(codes, (probabilities * tried).argmax(axis=1), classes), rule)
                if value > best + 1e-9:
                    best, factors = value, tried
    return factors


def ordered_labels(probabilities: np.ndarray, codes: np.ndarray, classes: list[str]) -> np.ndarray:
    """Cut the expected class number so that each class gets its share of train: a good answer for kappa."""
    expected = probabilities @ np.arange(probabilities.shape[1])
    shares = np.cumsum(np.bincount(codes, minlength=probabilities.shape[1]) / len(codes))[:-1]
    cuts = np.quantile(expected, np.clip(shares, 0.0, 1.0))
    return np.array(classes)[np.searchsorted(cuts, expected, side="left")].reshape(-1, 1)
