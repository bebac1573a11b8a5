"""Whether a metric fits a task: found out before anything runs, and said with what to do instead."""

from __future__ import annotations

from mlmaster.core.cells import listed
from mlmaster.core.task import Task, TaskKind
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.definition import DefinedMetric
from mlmaster.metrics.proof import perfect_answer
from mlmaster.metrics.registry import DEFINITIONS
from mlmaster.ports import Array, Metric


def check(metric: Metric, task: Task, truth: Array) -> None:
    """Check that a metric can score this task.

    Args:
        metric: The metric.
        task: The task.
        truth: Its encoded targets, see `mlmaster.ports.Array`.

    Raises:
        TaskError: Metric and target disagree: kind of task or prediction, direction, or the values of the target.
    """
    definition = metric.definition if isinstance(metric, DefinedMetric) else None
    if definition is not None and task.kind not in definition.tasks:
        raise TaskError(
            f"metric {metric.name} does not fit the target of {task.name}, which is {_target(task)}; "
            f"use {definition.instead or _suitable(task)}"
        )
    if task.prediction_kind not in metric.kinds:
        scored = listed(sorted(kind.value for kind in metric.kinds))
        raise TaskError(
            f"metric {metric.name} scores {scored}, but the submission of {task.name} holds "
            f"{task.prediction_kind.value}; use {_suitable(task)}, or change the prediction columns"
        )
    if metric.direction is not task.direction:
        raise TaskError(
            f"the task says {task.direction.value}, but {metric.name} is to be {metric.direction.value}d; "
            "correct the direction or leave it out"
        )
    if definition is None:
        _require_scorable(metric, task, truth)
        return
    complaint = definition.complaint(truth)
    if complaint is not None:
        raise TaskError(f"metric {metric.name} does not fit: {complaint}; use {definition.instead or _suitable(task)}")


def _require_scorable(metric: Metric, task: Task, truth: Array) -> None:
    """A metric of the task's own has no rules to ask, so the perfect answer is scored."""
    if len(truth) == 0:
        raise TaskError(f"metric {metric.name} cannot be computed: there are no rows; give rows with labels")
    try:
        metric.score(truth, perfect_answer(task, truth))
    except SubmissionError as error:
        raise TaskError(f"metric {metric.name} refuses a perfect answer ({error}); correct its score()") from error


def _target(task: Task) -> str:
    count = f" with {len(task.classes)} classes" if task.kind is TaskKind.MULTICLASS else ""
    return f"{task.kind.value}{count}"


def _suitable(task: Task) -> str:
    names = [
        name for name, each in DEFINITIONS.items() if task.kind in each.tasks and task.prediction_kind in each.kinds
    ]
    return listed(names, limit=5) or "a metric.py of your own"
