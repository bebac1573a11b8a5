"""The proof of a task's own metric before a run: nothing may score better than the truth itself.

A `metric.py` with the wrong direction, with the arguments swapped, or that rewards a constant would steer a whole search
the wrong way, and nobody would see it from the scores. So it is asked what it gives the truth, and what it gives answers that
know less.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlmaster.core.cells import CellError, to_numbers
from mlmaster.core.encoding import to_labels
from mlmaster.core.task import PredictionKind, Task
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.table import read_blocks
from mlmaster.ports import Array, Metric

ROWS = 5_000
"""At most so many rows are scored; more say nothing new."""
SHUFFLES = 3
TOLERANCE = 1e-9


def perfect_answer(task: Task, truth: Array) -> Array:
    """Return the predictions that agree with the truth in every row."""
    if task.prediction_kind is PredictionKind.CLASS_PROBABILITIES:
        return np.eye(len(task.classes))[truth]
    return truth.copy()


def prove(metric: Metric, task: Task, truth: Array) -> None:
    """Prove that a metric can lead a search on this task.

    The truth as an answer is scored, to a finite value, and at least as well as the constant of the sample submission, the
    truth shuffled, and random answers; not all of them are alike; scoring again gives the same; the arrays stay as they are.

    Args:
        metric: The metric, from the task's own file.
        task: The task.
        truth: Encoded targets of the labelled rows, see `mlmaster.ports.Array`.

    Raises:
        TaskError: It cannot; the message says what was found.
    """
    rng = np.random.default_rng(0)
    if len(truth) > ROWS:
        truth = truth[np.sort(rng.choice(len(truth), ROWS, replace=False))]
    perfect = perfect_answer(task, truth)
    try:
        best = _score(metric, truth, perfect)
    except SubmissionError as error:
        raise TaskError(
            f"metric {metric.name} refuses a perfect answer, the truth itself ({error}); correct its score()"
        ) from error
    others = set()
    for name, answer in _rivals(task, truth, rng):
        if np.array_equal(answer, perfect):
            continue
        try:
            value = _score(metric, truth, answer)
        except SubmissionError:
            continue  # outside of its domain, which is its right
        if task.direction.to_utility(value - best) > TOLERANCE * max(1.0, abs(best)):
            raise TaskError(
                f"metric {metric.name} gives {name} {value:.6g}, better than the truth itself with {best:.6g} "
                f"({metric.direction}); a perfect answer must score best: correct score() or greater_is_better"
            )
        others.add(value)
    if not others:
        raise TaskError(f"metric {metric.name} scores nothing but the truth itself; a search needs values to compare")
    if others == {best}:
        raise TaskError(
            f"metric {metric.name} gives every answer tried {best:.6g}, the truth and random ones alike; correct score()"
        )


def _score(metric: Metric, truth: Array, answer: Array) -> float:
    """Return the metric's value, the same twice, with the arrays left alone.

    Raises:
        SubmissionError: The metric refuses the answer.
        TaskError: It fails, gives another value the second time, or changes its arguments.
    """
    before = truth.copy(), answer.copy()
    first, second = (metric.score(truth, answer) for _ in range(2))
    if not (np.array_equal(before[0], truth) and np.array_equal(before[1], answer)):
        raise TaskError(f"metric {metric.name} changes the arrays it is given; copy them in score()")
    if first != second:
        raise TaskError(
            f"metric {metric.name} gives the same answer {first!r} and then {second!r}; seed what is random in score()"
        )
    return first


def _rivals(task: Task, truth: Array, rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """Yield answers that know less than the truth, with what they are called."""
    perfect, rows = perfect_answer(task, truth), len(truth)
    constant = _sample_constant(task)
    if constant is not None and constant.shape[1] == perfect.shape[1]:
        yield "the constant of the sample submission", np.repeat(constant, rows, axis=0)
    if perfect.dtype.kind == "f":
        yield "the mean of the truth", np.repeat(perfect.mean(axis=0, keepdims=True), rows, axis=0)
    else:
        cells, counts = np.unique(perfect, axis=0, return_counts=True)
        yield "the most frequent answer", np.repeat(cells[[counts.argmax()]], rows, axis=0)
    for _ in range(SHUFFLES):
        yield "the truth in another order", perfect[rng.permutation(rows)]
    match task.prediction_kind:
        case PredictionKind.NUMBER:
            low, high = perfect.min(axis=0), perfect.max(axis=0)
            yield "random numbers in the range of the truth", rng.uniform(low, high + (low == high), perfect.shape)
        case PredictionKind.PROBABILITY:
            yield "random probabilities", rng.uniform(0, 1, perfect.shape)
        case PredictionKind.CLASS_PROBABILITIES:
            yield "random probabilities", rng.dirichlet(np.ones(perfect.shape[1]), rows)
        case _:
            yield "random answers", perfect[rng.integers(0, rows, rows)]


def _sample_constant(task: Task) -> Array | None:
    """Return what the first row of the sample submission answers, shape (1, m); None where that is no answer."""
    if task.sample is None:
        return None
    try:
        first = next(read_blocks(task.directory / task.sample, task.submission_columns, 1), None)
        cells = [] if first is None else [first[name][0] for name in task.prediction_columns]
        if not cells:
            return None
        if task.prediction_kind in (PredictionKind.RANKING, PredictionKind.TEXT):
            return np.array([cells], dtype=np.str_)
        if task.prediction_kind is PredictionKind.LABEL:
            return np.array([to_labels(task, cells)], dtype=np.str_)
        return to_numbers(cells).reshape(1, -1)
    except (SubmissionError, CellError):
        return None
