"""What is legal about a task but doubtful, for `mlmaster task check` and the start of a run.

What makes a task unusable is an error of `load`; nothing here stops a run by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlmaster.core.task import ColumnKind, PredictionKind, Task, TaskKind
from mlmaster.tasks.cells import MISSING, find_kind, is_number
from mlmaster.tasks.loaded import LoadedTask
from mlmaster.tasks.profile import image_paths, measure
from mlmaster.tasks.survey import Survey, survey
from mlmaster.tasks.table import read_header, sniff
from mlmaster.tasks.target import read_targets

FEWEST_ROWS = 50
FEWEST_OF_A_CLASS = 5
MOST_MISSING = 0.95
FEWEST_IMAGES_READ = 16


class Severity(StrEnum):
    """How much a finding matters: a warning probably costs score or trust, information does not."""

    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the user should know."""

    severity: Severity
    message: str


def check(loaded: LoadedTask) -> list[Finding]:
    """Return what is doubtful about a task, warnings first.

    Raises:
        DataError: A table was changed since loading and is broken now.
    """
    task = loaded.task
    train = survey(task.directory / task.train, task.delimiter)
    test = None if task.test is None else survey(task.directory / task.test, task.delimiter)
    warnings = [
        *_rows(train),
        *_rare_classes(task),
        *_copies_of_the_target(task, train),
        *([] if test is None else _disagreements(task, train, test)),
        *_sample_labels(task),
        *_broken_images(task, train),
    ]
    information = [*_ids(task, train, test), *_empty_columns(task, train), *loaded.notes]
    return [Finding(Severity.WARNING, each) for each in warnings] + [
        Finding(Severity.INFO, each) for each in information
    ]


def _rows(train: Survey) -> Iterator[str]:
    if train.rows < FEWEST_ROWS:
        yield f"{train.path.name} has only {train.rows} rows; every score will be uncertain"


def _rare_classes(task: Task) -> Iterator[str]:
    if task.kind is TaskKind.REGRESSION or task.prediction_kind is PredictionKind.TEXT:
        return
    targets = read_targets(task.directory / task.train, task.targets, task.delimiter)
    for target in targets:
        rare = [label for label in target.labels if target.counts[label] < FEWEST_OF_A_CLASS]
        if rare:
            yield (
                f"{target.name!r}: {len(rare)} label(s) occur in fewer than {FEWEST_OF_A_CLASS} rows (first: {rare[0]!r}, "
                f"{target.counts[rare[0]]} rows); they can hardly be learnt or measured"
            )
    if task.kind is TaskKind.MULTICLASS and len(targets) == 1:
        unseen = [label for label in task.classes if label not in targets[0].counts]
        if unseen:
            yield f"the class(es) {', '.join(unseen[:5])} of the sample submission never occur in {task.train}"


def _copies_of_the_target(task: Task, train: Survey) -> Iterator[str]:
    for target in task.targets:
        for name in train.header:
            if name not in (*task.targets, *task.train_only) and train.column(name) == train.column(target):
                yield f"the column {name!r} is the target {target!r} again; leave it out unless it is known in advance"


def _disagreements(task: Task, train: Survey, test: Survey) -> Iterator[str]:
    for name in test.header:
        if name not in train.header or name == task.id_column:
            continue
        ours = {cell for cell in train.column(name) if cell not in MISSING}
        theirs = {cell for cell in test.column(name) if cell not in MISSING}
        odd = next((cell for cell in sorted(theirs) if not is_number(cell)), None)
        if ours and odd is not None and all(map(is_number, ours)):
            yield f"the column {name!r} holds numbers in {task.train}, but {odd[:40]!r} in {task.test}"
        elif ours and not theirs:
            yield f"the column {name!r} is missing in every row of {task.test}"


def _sample_labels(task: Task) -> Iterator[str]:
    if task.sample is None or task.prediction_kind is not PredictionKind.LABEL or not task.classes:
        return
    path = task.directory / task.sample
    sample = survey(path, sniff(path).delimiter)
    for name in task.prediction_columns:
        odd = sorted({cell for cell in sample.column(name) if cell not in task.classes and cell not in MISSING})
        if odd and task.kind is not TaskKind.MULTILABEL:
            yield (
                f"{task.sample}: {name!r} holds {odd[0]!r}, which is no label of {task.train} "
                f"({', '.join(task.classes[:5])}); answers are written as in {task.train}"
            )


def _broken_images(task: Task, train: Survey) -> Iterator[str]:
    paths = image_paths(task, train)[:FEWEST_IMAGES_READ]
    broken = [path for path in paths if path.is_file() and measure(path) is None]
    if broken:
        yield f"{len(broken)} of {len(paths)} images looked at cannot be read (first: {_relative(task, broken[0])})"


def _ids(task: Task, train: Survey, test: Survey | None) -> Iterator[str]:
    name = task.id_column
    if name is None or test is None:
        return
    if name not in read_header(train.path, task.delimiter):
        yield f"the id {name!r} is a column of {task.test} only; train rows get numbers of their own in its place"
        return
    both = set(train.column(name)) & set(test.column(name))
    if both:
        yield (
            f"{len(both)} id(s) of the rows looked at are in {task.train} and in {task.test} (first: {min(both)!r}); "
            "they are taken to be numbered separately"
        )


def _empty_columns(task: Task, train: Survey) -> Iterator[str]:
    features = [name for name in train.header if name not in task.targets]
    constant = [name for name in features if find_kind(name, train.column(name)) is ColumnKind.CONSTANT]
    if constant:
        yield f"{len(constant)} column(s) have one value throughout: {', '.join(constant[:8])}"
    for name in features:
        missing = sum(cell in MISSING for cell in train.column(name)) / len(train.sample)
        if missing >= MOST_MISSING and name not in constant:
            yield f"the column {name!r} is missing in {missing:.1%} of the rows"


def _relative(task: Task, path: Path) -> str:
    return path.relative_to(task.directory).as_posix()
