"""A self-reported task as far as its sample submission tells it: the last resort, where no train table can be read.

Nothing is learnt from rows here, so little is settled: which columns are predicted, what may stand in them, and the metric's
name and direction, by which the scripts' own words are compared.
"""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Profile, Task, TaskKind
from mlmaster.errors import TaskError, UserError
from mlmaster.ports import MetricRegistry
from mlmaster.tasks.bring import SELF_REPORTED, require_direction
from mlmaster.tasks.cells import MISSING, is_number
from mlmaster.tasks.find import DELIMITED, find_description, find_sample, list_files
from mlmaster.tasks.loaded import LAST_RESORT, NONE, Inference, LoadedTask, Overrides
from mlmaster.tasks.survey import Survey, survey
from mlmaster.tasks.table import count_rows, sniff

_KINDS = {
    PredictionKind.NUMBER: TaskKind.REGRESSION,
    PredictionKind.PROBABILITY: TaskKind.BINARY,
    PredictionKind.CLASS_PROBABILITIES: TaskKind.MULTICLASS,
}


def infer_from_sample(directory: Path, name: str, said: Overrides, metrics: MetricRegistry, why: str) -> LoadedTask:
    """Resolve a self-reported task from its sample submission.

    The rows of the sample are the rows to answer, and its first column names them unless the user says otherwise.

    Args:
        directory: The task's folder.
        name: Of the task, where the user gave none.
        said: With the metric, and its direction where the metric is none of ours.
        metrics: By name.
        why: Why the task was not understood from its tables.

    Raises:
        TaskError: There is no sample submission, or metric or direction are not known.
        DataError: The sample cannot be read.
    """
    named = find_sample(directory, said)
    if named is None or not named.lower().endswith(DELIMITED):
        raise TaskError(
            f"{directory}: a self-reported task needs a sample submission, to know which rows are to be answered; add "
            "sample_submission.csv, or name it with sample: in task.yaml"
        )
    path = directory / named
    description = said.description or find_description(list_files(directory))
    delimiter = sniff(path).delimiter
    sample = survey(path, delimiter)
    id_column, echo, predicted = _columns(sample, said)
    metric, direction, why_metric = _metric(said, metrics)
    prediction_kind, why_kind = _prediction_kind(sample, predicted, said)
    task = Task(
        name=said.name or name,
        goal=said.goal or "",
        directory=directory,
        train="",
        test=named,
        sample=named,
        description=None if description == NONE else description,
        id_column=id_column,
        echo_columns=echo,
        submission_columns=sample.header,
        prediction_columns=predicted,
        targets=predicted,
        kind=said.kind or _KINDS.get(prediction_kind, TaskKind.MULTICLASS),
        prediction_kind=prediction_kind,
        classes=predicted if prediction_kind is PredictionKind.CLASS_PROBABILITIES else (),
        metric=metric,
        direction=direction,
        delimiter=delimiter,
        reads_order=bool(said.reads_order),
        is_self_reported=True,
    )
    lines = (
        ("evaluation", "self_reported", SELF_REPORTED),
        ("train", "none", why.removesuffix(f"; {LAST_RESORT}")),
        (
            "sample",
            f"{named} ({sample.rows} rows)",
            f"{'as you said' if said.sample else 'by its name'}; its rows are to be answered",
        ),
        ("id", id_column or "none", "as you said" if said.id else "the first column of the sample submission"),
        ("metric", f"{metric} ({direction})", why_metric),
        ("predictions", f"{prediction_kind}: {', '.join(predicted)}", why_kind),
    )
    note = "the task was not understood from its tables, and is taken from its sample submission alone; see train"
    return LoadedTask(task, tuple(Inference(*line) for line in lines), (note,))


def profile_without_train(task: Task) -> Profile:
    """Return the profile of a task without a train table: the number of rows to answer."""
    rows = 0 if task.test is None else count_rows(task.directory / task.test, task.delimiter)
    return Profile(train_rows=0, test_rows=rows, columns=())


def _columns(sample: Survey, said: Overrides) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Return the id column, the columns that are copied, and those that are predicted."""
    header = sample.header
    unknown = [name for name in (*said.target, *([] if said.id in (None, NONE) else [said.id])) if name not in header]
    if unknown:
        raise TaskError(f"{sample.path}: has no column {unknown[0]!r}; it has {', '.join(header[:8])}")
    if said.target:
        echo = tuple(name for name in header if name not in said.target)
        id_column = said.id or (echo[0] if echo else None)
    else:
        id_column = said.id or (header[0] if len(header) > 1 else None)
        echo = (id_column,) if id_column not in (None, NONE) else ()
    predicted = tuple(name for name in header if name not in echo)
    if not predicted:
        raise TaskError(f"{sample.path}: no column is left to predict beside {', '.join(echo)}; name it with --target")
    return (None if id_column == NONE else id_column), echo, predicted


def _metric(said: Overrides, metrics: MetricRegistry) -> tuple[str, Direction, str]:
    if said.metric is None:
        raise TaskError(
            "a self-reported task needs the name of its metric, which the scripts compute themselves; say metric: and, "
            "where it is none of the known ones, direction: maximize or minimize, in task.yaml"
        )
    try:
        known = metrics.get(said.metric, said.metric_params)
    except UserError as error:
        if said.direction is None:
            raise TaskError(
                f"{error}; or, where it is another that scripts compute themselves, say direction: maximize or minimize"
            ) from error
        return said.metric, said.direction, "as you said; computed by the scripts alone"
    require_direction(said, known.name, known.direction)
    return known.name, known.direction, "as you said"


def _prediction_kind(sample: Survey, predicted: tuple[str, ...], said: Overrides) -> tuple[PredictionKind, str]:
    if said.prediction_kind is not None:
        return said.prediction_kind, "as you said"
    cells = [cell for name in predicted for cell in sample.column(name) if cell not in MISSING]
    if cells and all(map(is_number, cells)):
        return PredictionKind.NUMBER, "the sample submission holds numbers"
    return PredictionKind.TEXT, "the sample submission holds words"
