# mypy: ignore-errors
"""From what a model answers to the files that are handed in."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlmaster.engineers.offline.blocks.deciding import held_out_answers


def each_target(fit: Callable, X, y: np.ndarray, X_test) -> np.ndarray:
    """Fit one model for each column of y and put their answers side by side."""
    return np.column_stack([fit(X, column, X_test) for column in y.T])


def each_label(fit: Callable, X, y: np.ndarray, X_test) -> np.ndarray:
    """Fit one model for each label and put their answers side by side; a label without examples keeps its share."""
    rows = X_test.shape[0]
    answers = [fit(X, column, X_test) if np.ptp(column) > 0 else np.full(rows, column[0]) for column in y.T]
    return np.column_stack(answers)


def valid_numbers(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fill what is no number, and stay within the range of the targets."""
    middle = y.mean() if p.shape[1] == y.shape[1] else 1.0 / p.shape[1]
    low, high = (y.min(), y.max()) if p.shape[1] == y.shape[1] else (0.0, 1.0)
    return np.clip(np.where(np.isfinite(p), p, middle), low, high)


def both_classes(p: np.ndarray) -> np.ndarray:
    """Return the probabilities of both classes from those of the second."""
    return np.column_stack([1 - p[:, 0], p[:, 0]])


def sure_sum(probabilities: np.ndarray, floor: float = 1e-6) -> np.ndarray:
    """Keep probabilities away from zero and let each row sum to one."""
    clipped = np.clip(np.nan_to_num(probabilities, nan=floor), floor, 1.0)
    return clipped / clipped.sum(axis=1, keepdims=True)


def best_labels(probabilities: np.ndarray, classes: list[str]) -> np.ndarray:
    """Return the most probable class of each row."""
    return np.array(classes)[probabilities.argmax(axis=1)].reshape(-1, 1)


def top_labels(probabilities: np.ndarray, classes: list[str], k: int) -> np.ndarray:
    """Return the k most probable classes of each row, best first, in one cell."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return np.array([[" ".join(classes[place] for place in row)] for row in order])


def even_priors(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Divide by the share of each class in train: the best answer when every class counts the same."""
    shares = np.bincount(y[:, 0], minlength=probabilities.shape[1]) / len(y)
    weighted = probabilities / np.maximum(shares, 1e-9)
    return weighted / weighted.sum(axis=1, keepdims=True)


def likely_labels(probabilities: np.ndarray, classes: list[str]) -> np.ndarray:
    """Return all labels more likely than not in one cell; the likeliest alone when there is none."""
    rows = []
    for row in probabilities:
        chosen = np.flatnonzero(row > 0.5) if (row > 0.5).any() else [row.argmax()]
        rows.append([" ".join(classes[place] for place in chosen)])
    return np.array(rows)


def mean_of_ranks(answers: list[np.ndarray]) -> np.ndarray:
    """Average the ranks of each column, scaled to (0, 1): for metrics that only see the order."""
    tables = [pd.DataFrame(answer).rank().to_numpy() / (len(answer) + 1) for answer in answers]
    return np.mean(tables, axis=0)


def geometric_mean(answers: list[np.ndarray]) -> np.ndarray:
    """Average logs of probabilities: a class must convince every member."""
    return np.exp(np.mean([np.log(np.clip(answer, 1e-6, 1.0)) for answer in answers], axis=0))


def stacked(
    predictors: list[Callable], train: pd.DataFrame, test: pd.DataFrame, y: np.ndarray, loss: str
) -> np.ndarray:
    """Weigh the members by how well each answers train rows it has not seen; weights are found greedily."""
    known = [held_out_answers(predict, train, y) for predict in predictors]
    truth = (y == np.arange(known[0].shape[1])).astype(float) if loss == "classes" else y
    weights = np.zeros(len(predictors))
    for _ in range(20):
        values = []
        for place in range(len(predictors)):
            tried = weights.copy()
            tried[place] += 1
            mixed = sum(weight * answer for weight, answer in zip(tried / tried.sum(), known, strict=True))
            if loss == "numbers":
                values.append(np.mean((mixed - truth) ** 2))
            else:
                p = np.clip(mixed, 1e-6, 1 - 1e-6)
                values.append(-np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)))
        weights[int(np.argmin(values))] += 1
    weights /= weights.sum()
    print("weights of the members:", weights.round(2).tolist(), flush=True)
    answers = [predict(train, test, y) for predict in predictors]
    return sum(weight * answer for weight, answer in zip(weights, answers, strict=True))
