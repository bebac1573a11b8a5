"""From the files of a task to the resolved task: kind, classes, metric, what to predict, modality, files of rows.

The order is fixed: columns, labels, kind, metric, prediction kind, columns, files. A user's word wins at every step, and
every step leaves a line saying what was settled and why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mlmaster.core.task import ColumnKind, Modality, PredictionKind, Task, TaskKind
from mlmaster.errors import DataError, TaskError
from mlmaster.ports import Metric, MetricRegistry
from mlmaster.tasks.cells import MISSING, count_words, find_kind, is_id_name, is_integer, is_number
from mlmaster.tasks.columns import Columns, find_columns
from mlmaster.tasks.files import IMAGES, Files, check_rules, find_files
from mlmaster.tasks.find import Found
from mlmaster.tasks.loaded import Inference, LoadedTask, Overrides
from mlmaster.tasks.sample import check_sample
from mlmaster.tasks.survey import Survey, survey
from mlmaster.tasks.table import sniff
from mlmaster.tasks.target import TargetColumn, check_kind, order_binary, read_targets
from mlmaster.tasks.target import find_kind as kind_of_labels

_BY_POSITION = re.compile(
    r"not matched by id|matched by position|in the (same )?order (of|as) (the )?(rows (of|in) )?[`'\"]?(test|sample)"
    r"|same order as (the )?(rows (of|in) )?[`'\"]?(test|sample)",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"\.[A-Za-z0-9]{2,5}$")
FEW_OTHER_COLUMNS = 2
"""With at most this many other features for each text column, text is what a task is made of."""


@dataclass(slots=True)
class _Findings:
    lines: list[Inference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def settle(self, name: str, value: object, why: str) -> None:
        self.lines.append(Inference(name, str(value), why))


def infer(directory: Path, name: str, found: Found, overrides: Overrides, metrics: MetricRegistry) -> LoadedTask:
    """Resolve a task from a folder of tables.

    Raises:
        DataError: A table is broken, or the tables disagree.
        TaskError: Target, kind or metric cannot be told or do not fit each other.
    """
    findings = _Findings()
    train, test, sample = _survey_all(directory, found, findings)
    text = _read_text(directory, found, overrides)
    columns = find_columns(train, test, sample, overrides, text)
    targets = read_targets(train.path, columns.targets, train.delimiter)
    findings.settle("train", f"{found.train} ({train.rows} rows)", found.why["train"])
    findings.settle("test", f"{found.test} ({test.rows} rows)" if test else "none", found.why.get("test", "not found"))
    findings.settle("sample", found.sample or "none", found.why.get("sample", "not found"))
    findings.settle("target", ", ".join(columns.targets), columns.why_target)
    findings.settle("id", columns.id_column or "none", columns.why_id)

    kind, why_kind = _settle_kind(targets, columns, sample, overrides, metrics, text)
    metric, why_metric = _settle_metric(directory, kind, columns, overrides, metrics, text, findings)
    findings.settle("kind", kind, why_kind)
    prediction_kind, why_prediction = _settle_prediction(kind, columns, sample, targets, overrides, metric)
    classes = _settle_classes(kind, targets, columns, overrides, findings)
    predicted = columns.predicted or (
        classes if prediction_kind is PredictionKind.CLASS_PROBABILITIES else columns.targets
    )
    findings.settle("metric", f"{metric.name} ({metric.direction})", why_metric)
    findings.settle("predictions", f"{prediction_kind}: {_join(predicted)}", why_prediction)

    repeats = False
    if test is not None and sample is not None and columns.id_column in columns.submission:
        repeats, notes = check_sample(sample.path, test.path, str(columns.id_column), test.delimiter)
        findings.notes += notes
    train_only = tuple(c for c in train.header if test is not None and c not in {*test.header, *columns.targets})
    if train_only:
        findings.settle("train only", _join(train_only), "columns of train that test lacks: never features")
    files = _settle_files(directory, found, train, test, columns, overrides, findings)
    modality, why_modality = _settle_modality(train, test, columns, files, overrides)
    findings.settle("modality", modality, why_modality)
    reads_order, why_order = _settle_order(test, columns, overrides, text, repeats=repeats)
    findings.settle("matched by", "position" if reads_order else "id", why_order)

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
    )
    return LoadedTask(task, tuple(findings.lines), tuple(findings.notes))


def _survey_all(directory: Path, found: Found, findings: _Findings) -> tuple[Survey, Survey | None, Survey | None]:
    surveys: list[Survey | None] = []
    for name in (found.train, found.test, found.sample):
        if name is None:
            surveys.append(None)
            continue
        dialect = sniff(directory / name)
        if dialect.encoding == "cp1252":
            findings.notes.append(f"{name} is not UTF-8; it is read as Windows-1252 (Western) and shown as UTF-8")
        surveys.append(survey(directory / name, dialect.delimiter))
    train, test, sample = surveys
    assert train is not None
    if test is not None and test.delimiter != train.delimiter and len(test.header) > 1 and len(train.header) > 1:
        raise DataError(
            f"{test.path}: is delimited by {test.delimiter!r}, but {train.path.name} by {train.delimiter!r}; "
            "save both with the same delimiter"
        )
    return train, test, sample


def _read_text(directory: Path, found: Found, overrides: Overrides) -> str:
    parts = [overrides.goal or ""]
    if found.description is not None:
        parts.append((directory / found.description).read_bytes()[:200_000].decode("utf-8", errors="replace"))
    return "\n".join(parts)


def _settle_kind(
    targets: Sequence[TargetColumn],
    columns: Columns,
    sample: Survey | None,
    overrides: Overrides,
    metrics: MetricRegistry,
    text: str,
) -> tuple[TaskKind, str]:
    if overrides.kind is not None:
        check_kind(targets, overrides.kind)
        return overrides.kind, "as you said"
    if columns.class_labels:
        return TaskKind.MULTICLASS, "the sample submission has one column for every class"
    kind = kind_of_labels(targets)
    target = targets[0]
    if kind in (TaskKind.REGRESSION, TaskKind.MULTILABEL):
        what = "numbers" if kind is TaskKind.REGRESSION else "0 or 1 in each"
        return kind, f"{len(targets)} targets of {what}" if len(
            targets
        ) > 1 else f"{len(target.counts)} different numbers"
    distinct = f"{len(target.counts)} different labels"
    if kind is TaskKind.MULTICLASS and target.is_numeric:
        if any(is_number(cell) and not is_integer(cell) for cell in _sample_values(sample, columns)):
            return TaskKind.REGRESSION, f"{distinct}, but the sample submission has fractions"
        named = overrides.metric or metrics.find(text, TaskKind.REGRESSION)
        if named is not None and _get(metrics, overrides, named).kinds == {PredictionKind.NUMBER}:
            return TaskKind.REGRESSION, f"{distinct}, but {named} is for numbers"
    return kind, distinct


def _get(metrics: MetricRegistry, overrides: Overrides, name: str, directory: Path | None = None) -> Metric:
    file = directory / overrides.metric_file if directory is not None and overrides.metric_file is not None else None
    return metrics.get(name, overrides.metric_params, file)


def _settle_metric(
    directory: Path,
    kind: TaskKind,
    columns: Columns,
    overrides: Overrides,
    metrics: MetricRegistry,
    text: str,
    findings: _Findings,
) -> tuple[Metric, str]:
    if overrides.metric is not None or overrides.metric_file is not None:
        return _get(
            metrics, overrides, overrides.metric or Path(overrides.metric_file or "").stem, directory
        ), "as you said"
    possible = set(columns.prediction_kinds(kind))
    named = metrics.find(text, kind)
    if named is not None:
        metric = _get(metrics, overrides, named)
        if metric.kinds & possible:
            return metric, "named by the description"
        findings.notes.append(
            f"the description seems to name the metric {named}, which does not fit {kind} with these columns; "
            "set it with --metric if it does"
        )
    for name in (metrics.default(kind), "accuracy"):
        metric = _get(metrics, overrides, name)
        if metric.kinds & possible:
            return metric, f"usual for {kind}; change it with --metric"
    raise TaskError(f"no metric fits {kind} with the columns of this sample submission; name one with --metric")


def _settle_prediction(
    kind: TaskKind,
    columns: Columns,
    sample: Survey | None,
    targets: Sequence[TargetColumn],
    overrides: Overrides,
    metric: Metric,
) -> tuple[PredictionKind, str]:
    possible = columns.prediction_kinds(kind)
    if overrides.prediction_kind is not None:
        if overrides.prediction_kind not in (*possible, PredictionKind.TEXT):
            raise TaskError(
                f"the prediction kind {overrides.prediction_kind} does not fit a {kind} target with these submission "
                f"columns; say {_join(possible)}, or correct --kind"
            )
        if overrides.prediction_kind not in metric.kinds:
            raise TaskError(
                f"the metric {metric.name} scores {_join(sorted(metric.kinds))}, not {overrides.prediction_kind}; "
                "change --metric or the prediction kind"
            )
        return overrides.prediction_kind, "as you said"
    fitting = [each for each in possible if each in metric.kinds]
    if not fitting:
        raise TaskError(
            f"the metric {metric.name} scores {_join(sorted(metric.kinds))}, but a {kind} target "
            f"{_join(columns.targets)} with these submission columns calls for {_join(possible)}; "
            "say another --metric or --kind"
        )
    if len(fitting) > 1 and PredictionKind.LABEL in fitting:
        values = _sample_values(sample, columns)
        labels = {label for target in targets for label in target.counts}
        if values and values <= labels:
            return PredictionKind.LABEL, "the sample submission holds labels"
    return fitting[0], f"what {metric.name} scores"


def _settle_classes(
    kind: TaskKind, targets: Sequence[TargetColumn], columns: Columns, overrides: Overrides, findings: _Findings
) -> tuple[str, ...]:
    if overrides.positive is not None and kind is not TaskKind.BINARY:
        raise TaskError(
            f"the positive class {overrides.positive!r} needs a binary target, but this one is {kind}; drop it"
        )
    if kind is TaskKind.REGRESSION:
        return ()
    if kind is TaskKind.MULTILABEL:
        return columns.targets
    labels, why = columns.class_labels or targets[0].labels, "every label of train"
    if kind is TaskKind.BINARY:
        labels, why = order_binary(targets[0].labels, overrides.positive)
        findings.settle("positive class", labels[1], why)
    else:
        findings.settle("classes", _join(labels), why)
    return labels


def _settle_files(
    directory: Path,
    found: Found,
    train: Survey,
    test: Survey | None,
    columns: Columns,
    overrides: Overrides,
    findings: _Findings,
) -> Files:
    known = {found.train, found.test, found.sample, found.description, overrides.metric_file, "task.yaml"}
    shared = [c for c in (test or train).header if c in train.header and c not in columns.targets]
    keys = [c for c in shared if c == columns.id_column]
    keys += [c for c in shared if c != columns.id_column and (is_id_name(c) or _names_files(train.column(c)))]
    files = find_files(directory, {each for each in known if each is not None}, train, test, keys)
    if overrides.file_rules is not None:
        files = Files(overrides.file_rules, files.extra, files.left_out)
    if overrides.extra_files is not None:
        for path in overrides.extra_files:
            if not (directory / path).is_file():
                raise DataError(f"{directory}: has no file {path!r} of extra_files; correct task.yaml")
        files = Files(
            files.rules, overrides.extra_files, tuple(p for p in files.left_out if p not in overrides.extra_files)
        )
    findings.notes += check_rules(directory, files.rules, train, test)
    for rule in files.rules:
        value = rule.train if rule.train == rule.test else f"{rule.train}, {rule.test}"
        findings.settle("files of rows", value, f"found by the column {rule.key}")
    if files.extra:
        findings.settle("other files", _join(files.extra), "as you said" if overrides.extra_files else "hold no rows")
    if files.left_out:
        findings.notes.append(
            f"not used, because no rule says which rows they belong to: {_join(files.left_out)}; "
            "name what scripts may see under extra_files or file_rules in task.yaml"
        )
    return files


def _names_files(cells: Sequence[str]) -> bool:
    present = [cell for cell in cells[:200] if cell not in MISSING]
    return bool(present) and all(_FILE_NAME.search(cell) and not is_number(cell) for cell in present)


def _settle_modality(
    train: Survey, test: Survey | None, columns: Columns, files: Files, overrides: Overrides
) -> tuple[Modality, str]:
    if overrides.modality is not None:
        return overrides.modality, "as you said"
    if any(PurePosixPath(_example(rule.train, rule.key, train)).suffix.lower() in IMAGES for rule in files.rules):
        return Modality.IMAGE, "the files of the rows are images"
    features = [
        c for c in (test or train).header if c in train.header and c not in {columns.id_column, *columns.targets}
    ]
    kinds = {name: find_kind(name, train.column(name)) for name in features}
    texts = [name for name, kind in kinds.items() if kind is ColumnKind.TEXT]
    others = [name for name, kind in kinds.items() if kind not in (ColumnKind.TEXT, ColumnKind.CONSTANT)]
    if texts and len(others) <= FEW_OTHER_COLUMNS * len(texts):
        cells = train.column(texts[0])
        words = sum(map(count_words, cells)) / len(cells)
        return Modality.TEXT, f"{_join(texts)}: about {words:.0f} words a row, and few other columns"
    return Modality.TABULAR, "columns of numbers and categories"


def _example(pattern: str, key: str, train: Survey) -> str:
    return pattern.replace("{key}", next((cell for cell in train.column(key) if cell not in MISSING), ""))


def _settle_order(
    test: Survey | None, columns: Columns, overrides: Overrides, text: str, *, repeats: bool
) -> tuple[bool, str]:
    if overrides.reads_order is not None:
        return overrides.reads_order, "as you said"
    if columns.id_column is None:
        return True, "there is no id column"
    if repeats:
        return True, f"{columns.id_column} repeats in the test table"
    if test is not None and _BY_POSITION.search(text):
        return True, "the description says so"
    return False, f"{columns.id_column} names every row"


def _sample_values(sample: Survey | None, columns: Columns) -> set[str]:
    return set() if sample is None else {cell for name in columns.predicted for cell in sample.column(name)} - MISSING


def _join(values: Sequence[str]) -> str:
    return ", ".join(values[:8]) + (f", … ({len(values)})" if len(values) > 8 else "")
