"""What is asked: the kind of task, the metric, what a prediction is, the classes. In this order, each from the one before.

Every function returns its answer and the reason in words; what the user said wins, or is refused where it cannot be.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import TaskError
from mlmaster.ports import Metric, MetricRegistry
from mlmaster.tasks.cells import is_integer, is_number
from mlmaster.tasks.evidence import Evidence
from mlmaster.tasks.target import check_kind, find_kind, order_binary

SAID = "as you said"


def settle_kind(evidence: Evidence, metrics: MetricRegistry) -> tuple[TaskKind, str]:
    """Settle the kind of task by the labels, the sample submission and the metric.

    Raises:
        TaskError: The labels are of no kind, or not of the kind the user said.
    """
    said, targets = evidence.overrides.kind, evidence.targets
    if evidence.columns.class_labels:
        if said not in (None, TaskKind.MULTICLASS):
            raise TaskError(
                f"kind {said} does not fit a sample submission with a column for every class "
                f"({join(evidence.columns.predicted)}); say --kind multiclass, or correct the sample"
            )
        return TaskKind.MULTICLASS, "the sample submission has one column for every class"
    if evidence.asks_text:
        return TaskKind.MULTICLASS, "free text"
    if said is not None:
        check_kind(targets, said)
        return said, SAID
    kind = find_kind(targets)
    if len(targets) > 1:
        return kind, f"{len(targets)} targets of " + ("numbers" if kind is TaskKind.REGRESSION else "0 or 1 each")
    (target,) = targets
    if kind is TaskKind.REGRESSION:
        return kind, f"{len(target.counts)} different numbers"
    distinct = f"{len(target.counts)} different labels"
    if kind is TaskKind.MULTICLASS and target.is_numeric:
        if any(is_number(cell) and not is_integer(cell) for cell in evidence.sample_values):
            return TaskKind.REGRESSION, f"{distinct}, but the sample submission has fractions"
        named = evidence.overrides.metric or _named(evidence, TaskKind.REGRESSION, metrics)[0]
        if named is not None and _get(evidence, named, metrics).kinds == {PredictionKind.NUMBER}:
            return TaskKind.REGRESSION, f"{distinct}, but {named} is for numbers"
    return kind, distinct


def settle_metric(evidence: Evidence, kind: TaskKind, metrics: MetricRegistry) -> tuple[Metric, str, tuple[str, ...]]:
    """Settle the metric: what the user said, what the goal or the description names, or the usual one; and notes.

    Raises:
        TaskError: No such metric, or none fits.
    """
    said = evidence.overrides
    if said.metric is not None or said.metric_file is not None:
        name = said.metric or Path(said.metric_file or "").stem
        return _get(evidence, name, metrics), SAID, ()
    possible = {PredictionKind.TEXT} if evidence.asks_text else set(evidence.columns.prediction_kinds(kind))
    named, where = _named(evidence, kind, metrics)
    notes: tuple[str, ...] = ()
    if named is not None:
        metric = _get(evidence, named, metrics)
        if metric.kinds & possible:
            return metric, f"named by the {where}", ()
        notes = (
            f"the {where} seems to name the metric {named}, which does not fit {kind} with these columns; "
            "set it with --metric if it does",
        )
    if kind is not TaskKind.MULTILABEL and PredictionKind.LABEL in possible and _holds_labels(evidence):
        return _get(evidence, "accuracy", metrics), "usual for the labels of the sample; change it with --metric", notes
    for name in ("jaccard",) if evidence.asks_text else (metrics.default(kind), "accuracy"):
        metric = _get(evidence, name, metrics)
        if metric.kinds & possible:
            return metric, f"usual for {'texts' if evidence.asks_text else kind}; change it with --metric", notes
    raise TaskError(f"no metric fits {kind} with the columns of this sample submission; name one with --metric")


def settle_prediction(evidence: Evidence, kind: TaskKind, metric: Metric) -> tuple[PredictionKind, str]:
    """Settle what stands in the prediction columns: what the metric scores and the columns can hold.

    Raises:
        TaskError: The metric, the kind and the columns do not fit each other.
    """
    possible, said = evidence.columns.prediction_kinds(kind), evidence.overrides.prediction_kind
    scored = join(sorted(metric.kinds))
    if said is not None:
        if said not in (*possible, PredictionKind.TEXT):
            raise TaskError(
                f"the prediction kind {said} does not fit a {kind} target with these submission columns; "
                f"say {join(possible)}, or correct --kind"
            )
        if said not in metric.kinds:
            raise TaskError(
                f"the metric {metric.name} scores {scored}, not {said}; change --metric or the prediction kind"
            )
        return said, SAID
    fitting = [each for each in possible if each in metric.kinds]
    if not fitting:
        raise TaskError(
            f"the metric {metric.name} scores {scored}, but a {kind} target {join(evidence.columns.targets)} with these "
            f"submission columns calls for {join(possible)}; say another --metric or --kind"
        )
    if len(fitting) > 1 and PredictionKind.LABEL in fitting:
        labels = {label for target in evidence.targets for label in target.counts}
        if evidence.sample_values and evidence.sample_values <= labels:
            return PredictionKind.LABEL, "the sample submission holds labels"
    return fitting[0], f"what {metric.name} scores"


def settle_classes(evidence: Evidence, kind: TaskKind) -> tuple[tuple[str, ...], str]:
    """Settle the classes as they are written in a submission; binary: (negative, positive).

    Raises:
        TaskError: The user named a positive class that is none.
    """
    positive, targets = evidence.overrides.positive, evidence.targets
    if positive is not None and kind is not TaskKind.BINARY:
        raise TaskError(f"the positive class {positive!r} needs a binary target, but this one is {kind}; drop it")
    if kind is TaskKind.REGRESSION or evidence.asks_text:
        return (), ""
    if kind is TaskKind.MULTILABEL:
        return evidence.columns.targets, "every target is a label"
    if kind is TaskKind.BINARY:
        return order_binary(targets[0].labels, positive)
    return evidence.columns.class_labels or targets[0].labels, "every label of train"


def join(values: Sequence[str]) -> str:
    """Return values as a list in words, cut where it is long."""
    return ", ".join(values[:8]) + (f", … ({len(values)})" if len(values) > 8 else "")


def _named(evidence: Evidence, kind: TaskKind, metrics: MetricRegistry) -> tuple[str | None, str]:
    """Return the metric named in words, by the goal before the description, and where."""
    for text, where in ((evidence.overrides.goal, "goal"), (evidence.description, "description")):
        name = metrics.find(text, kind) if text else None
        if name is not None:
            return name, where
    return None, ""


def _holds_labels(evidence: Evidence) -> bool:
    """Return True when the sample plainly holds labels: several of them, or words. Zeros alone may be probabilities."""
    values, labels = evidence.sample_values, {label for target in evidence.targets for label in target.counts}
    return values <= labels and (len(values) > 1 or any(not is_number(value) for value in values))


def _get(evidence: Evidence, name: str, metrics: MetricRegistry) -> Metric:
    said = evidence.overrides
    file = None if said.metric_file is None else evidence.directory / said.metric_file
    return metrics.get(name, said.metric_params, file)
