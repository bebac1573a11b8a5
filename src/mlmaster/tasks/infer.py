"""From the files of a task to the resolved task, with a line for every decision: what was settled and why.

`evidence` gathers what there is, `columns` and `asked` settle what is to be predicted; here it becomes a `Task`, with its
files, its modality and the way its rows are matched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mlmaster.core.task import ColumnKind, Modality, PredictionKind, SideTable, Task, TaskKind
from mlmaster.errors import DataError, TaskError
from mlmaster.ports import MetricRegistry
from mlmaster.tasks.asked import SAID, join, settle_classes, settle_kind, settle_metric, settle_prediction
from mlmaster.tasks.bring import (
    METRIC_FILE,
    SELF_REPORTED,
    note_unused,
    require_direction,
    settle_split_file,
    tell_file,
)
from mlmaster.tasks.cells import MISSING, count_words, find_kind, is_id_name, is_number
from mlmaster.tasks.custom_split import SPLIT_FILE
from mlmaster.tasks.evidence import Evidence, gather
from mlmaster.tasks.files import IMAGES, Files, check_rules, find_files
from mlmaster.tasks.find import Found
from mlmaster.tasks.loaded import Inference, LoadedTask, Overrides
from mlmaster.tasks.sample import check_sample
from mlmaster.tasks.side_tables import check_side_tables, find_side_tables, name_tables

FEW_OTHER_COLUMNS = 2
"""With at most this many other features for each text column, text is what a task is made of."""

TELLING = 0.9
"""Share of rows whose path names their class from which paths are an answer."""

_BY_POSITION = re.compile(
    r"not matched by id|matched by position|in the (same )?order (of|as) (the )?(rows (of|in) )?[`'\"]?(test|sample)"
    r"|same order as (the )?(rows (of|in) )?[`'\"]?(test|sample)",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"\.[A-Za-z0-9]{2,5}$")


def infer(directory: Path, name: str, found: Found, overrides: Overrides, metrics: MetricRegistry) -> LoadedTask:
    """Resolve a task from a folder of tables.

    Raises:
        DataError: A table is broken, or the tables disagree.
        TaskError: Target, kind or metric cannot be told or do not fit each other.
    """
    if overrides.is_self_reported and found.test is None:
        raise TaskError(f"{directory}: has no test table, whose rows a self-reported task is to answer")
    evidence = gather(directory, found, overrides)
    train, test, sample, columns = evidence.train, evidence.test, evidence.sample, evidence.columns
    kind, why_kind = settle_kind(evidence, metrics)
    metric, why_metric, metric_notes = settle_metric(evidence, kind, metrics)
    prediction_kind, why_prediction = settle_prediction(evidence, kind, metric)
    classes, why_classes = settle_classes(evidence, kind)
    has_class_columns = prediction_kind is PredictionKind.CLASS_PROBABILITIES
    predicted = columns.predicted or (classes if has_class_columns else columns.targets)
    repeats = False
    sample_notes: tuple[str, ...] = ()
    if test is not None and sample is not None and columns.id_column in columns.submission:
        repeats, sample_notes = check_sample(sample.path, test.path, str(columns.id_column), test.delimiter)
    _refuse_telling_paths(evidence, kind)
    train_only = tuple(c for c in train.header if test is not None and c not in {*test.header, *columns.targets})
    files, side_tables, file_notes = _settle_files(evidence)
    modality, why_modality = _settle_modality(evidence, files)
    reads_order, why_order = _settle_order(evidence, repeats=repeats)
    split_file, why_split = settle_split_file(directory, overrides)
    require_direction(overrides, metric.name, metric.direction)

    task = Task(
        name=overrides.name or name,
        goal=overrides.goal or "",
        directory=directory,
        train=found.train,
        test=found.test,
        sample=found.sample,
        description=found.description,
        extra_files=files.extra,
        file_rules=files.rules,
        side_tables=side_tables,
        id_column=columns.id_column,
        echo_columns=columns.echo,
        submission_columns=columns.submission or (*columns.echo, *predicted),
        prediction_columns=predicted,
        targets=columns.targets,
        train_only=train_only,
        kind=kind,
        modality=modality,
        prediction_kind=prediction_kind,
        classes=classes,
        metric=metric.name,
        metric_params=overrides.metric_params,
        metric_file=overrides.metric_file,
        direction=metric.direction,
        delimiter=train.delimiter,
        reads_order=reads_order,
        split_file=split_file,
        is_self_reported=overrides.is_self_reported,
    )
    rules = [each for rule in files.rules for each in dict.fromkeys((rule.train, rule.test))]
    is_binary, is_multiclass = kind is TaskKind.BINARY, kind is TaskKind.MULTICLASS
    lines = (
        ("train", f"{found.train} ({train.rows} rows)", found.why["train"]),
        ("test", f"{found.test} ({test.rows} rows)" if test else "none", found.why.get("test", "not found")),
        ("sample", found.sample or "none", found.why.get("sample", "not found")),
        ("target", join(columns.targets), columns.why_target),
        ("id", columns.id_column or "none", columns.why_id),
        ("kind", kind, why_kind),
        ("positive class" if is_binary else "classes", classes[1] if is_binary else join(classes), why_classes)
        if classes and (is_binary or is_multiclass)
        else None,
        ("metric", f"{metric.name} ({metric.direction})", tell_file(directory, overrides.metric_file) or why_metric),
        ("split", split_file, why_split) if split_file else None,
        ("evaluation", "self_reported", SELF_REPORTED) if overrides.is_self_reported else None,
        ("predictions", f"{prediction_kind}: {join(predicted)}", why_prediction),
        ("train only", join(train_only), "columns of train that test lacks: never features") if train_only else None,
        ("files of rows", join(rules), f"found by the column {files.rules[0].key}") if files.rules else None,
        (
            "side tables",
            name_tables(side_tables),
            SAID if overrides.side_tables else "found by keys they share with the rows",
        )
        if side_tables
        else None,
        ("other files", join(files.extra), SAID if overrides.extra_files else "hold no rows") if files.extra else None,
        ("modality", modality, why_modality),
        ("matched by", "position" if reads_order else "id", why_order),
    )
    return LoadedTask(
        task,
        tuple(Inference(*map(str, line)) for line in lines if line is not None),
        (*evidence.notes, *metric_notes, *sample_notes, *file_notes, *note_unused(directory, overrides)),
    )


def _settle_files(evidence: Evidence) -> tuple[Files, tuple[SideTable, ...], tuple[str, ...]]:
    directory, found, said = evidence.directory, evidence.found, evidence.overrides
    train, test, id_column = evidence.train, evidence.test, evidence.columns.id_column
    known = {
        found.train,
        found.test,
        found.sample,
        found.description,
        said.metric_file,
        "task.yaml",
        SPLIT_FILE,
        METRIC_FILE,
    }
    keys = [c for c in evidence.features if c == id_column]
    keys += [c for c in evidence.features if c != id_column and (is_id_name(c) or _names_files(train.column(c)))]
    files = find_files(directory, {each for each in known if each is not None}, train, test, keys)
    rules, extra, rest = files.rules, files.extra, files.unexplained
    if said.file_rules is not None:
        rules = said.file_rules
    if said.extra_files is not None:
        for path in said.extra_files:
            if not (directory / path).is_file():
                raise DataError(f"{directory}: has no file {path!r} of extra_files; correct task.yaml")
        extra, rest = said.extra_files, tuple(path for path in rest if path not in said.extra_files)
    notes = check_rules(directory, rules, train, test)
    if said.side_tables is None:
        side, refused = find_side_tables(evidence, rest)
    else:
        side, refused = said.side_tables, {}
        check_side_tables(evidence, side)
    named = {*refused, *(table.path for table in side)}
    notes += tuple(
        f"{path} was left out: it {why}; if scripts may see it, name it under side_tables in task.yaml"
        for path, why in refused.items()
    )
    files = Files(rules, extra, tuple(path for path in rest if path not in named))
    if files.unexplained:
        notes += (
            f"not used, because no rule says which rows they belong to: {join(files.left_out)}; "
            "name what scripts may see under extra_files or file_rules in task.yaml",
        )
    return files, side, notes


def _names_files(cells: Sequence[str]) -> bool:
    present = [cell for cell in cells[:200] if cell not in MISSING]
    return bool(present) and all(_FILE_NAME.search(cell) and not is_number(cell) for cell in present)


def _refuse_telling_paths(evidence: Evidence, kind: TaskKind) -> None:
    """Refuse paths such as `cat/1.jpg` in train where the test has none: a hidden row's own path would be its answer.

    Raises:
        TaskError: With the first such path.
    """
    train, test = evidence.train, evidence.test
    if test is None or kind not in (TaskKind.BINARY, TaskKind.MULTICLASS):
        return
    target = evidence.columns.targets[0]
    labels = train.column(target)
    for name in evidence.features:
        named = [(cell, label) for cell, label in zip(train.column(name), labels, strict=True) if "/" in cell]
        telling = [(cell, label) for cell, label in named if label in cell.split("/")[:-1]]
        known = set(labels)
        theirs = sum(not known.isdisjoint(cell.split("/")[:-1]) for cell in test.column(name))
        if len(telling) >= TELLING * len(labels) and theirs < (1 - TELLING) * len(test.sample):
            raise TaskError(
                f"{train.path}: the column {name!r} names the class of its row ({telling[0][0]!r} is a {telling[0][1]!r}), "
                f"that of {test.path.name} does not, so hidden rows would show their answer; take {train.path.name} out of "
                "the folder where its class folders say the same, or give the files of both tables names alike"
            )


def _settle_modality(evidence: Evidence, files: Files) -> tuple[Modality, str]:
    if evidence.overrides.modality is not None:
        return evidence.overrides.modality, SAID
    train = evidence.train
    for rule in files.rules:
        key = next((cell for cell in train.column(rule.key) if cell not in MISSING), "")
        if PurePosixPath(rule.train.replace("{key}", key)).suffix.lower() in IMAGES:
            return Modality.IMAGE, "the files of the rows are images"
    features = [name for name in evidence.features if name != evidence.columns.id_column]
    kinds = {name: find_kind(name, train.column(name)) for name in features}
    texts = [name for name, kind in kinds.items() if kind is ColumnKind.TEXT]
    others = [name for name, kind in kinds.items() if kind not in (ColumnKind.TEXT, ColumnKind.CONSTANT)]
    if texts and len(others) <= FEW_OTHER_COLUMNS * len(texts):
        words = sum(count_words(cell) for name in texts for cell in train.column(name)) / len(train.sample)
        return Modality.TEXT, f"{join(texts)}: about {words:.0f} words a row, and few other columns"
    return Modality.TABULAR, "columns of numbers and categories"


def _settle_order(evidence: Evidence, *, repeats: bool) -> tuple[bool, str]:
    said, id_column = evidence.overrides.reads_order, evidence.columns.id_column
    if said is not None:
        return said, SAID
    if id_column is None:
        return True, "there is no id column"
    if repeats:
        return True, f"{id_column} repeats in the test table"
    if evidence.test is not None and _BY_POSITION.search(f"{evidence.overrides.goal or ''}\n{evidence.description}"):
        return True, "the description says so"
    return False, f"{id_column} names every row"
