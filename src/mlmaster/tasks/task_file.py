"""`task.yaml`: what the user says about a task, kept beside its data. Written with every inferred value and its reason."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.encoding import find_encoding
from mlmaster.tasks.loaded import NONE, Evaluation, LoadedTask, Overrides

TASK_FILE = "task.yaml"


def read_task_file(path: Path) -> Overrides:
    """Read a task file.

    Raises:
        DataError: It cannot be read or is no YAML mapping.
        TaskError: A key is unknown or a value does not fit.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding=find_encoding(path)))
    except yaml.YAMLError as error:
        raise DataError(f"{path}: is no YAML ({_first_line(error)}); mend it, or delete it") from error
    if content is None:
        return Overrides()
    if not isinstance(content, Mapping):
        raise DataError(
            f"{path}: holds {type(content).__name__}, not keys with values; write lines such as target: price"
        )
    known = list(Overrides.model_fields)
    for key in content:
        if key not in known:
            near = get_close_matches(str(key), known, n=3, cutoff=0.5) or known
            raise TaskError(f"{path}: unknown key {key!r}; near: {', '.join(near)}")
    try:
        return Overrides.model_validate(
            {key: _plain(key, value) for key, value in content.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TaskError(f"{path}: {where}: {first['msg']} (found {first['input']!r}); correct it") from error


def _plain(key: str, value: Any) -> Any:
    """Return a scalar as the string a table would hold: YAML reads `yes`, `1` and `2024-01-01` as other things."""
    if key in ("positive", "id", "name", "metric", "test", "sample", "train", "description", "goal", "split_file"):
        if value is False and key in ("id", "test", "sample", "description", "split_file"):
            return NONE
        return str(value)
    if key == "target":
        return (
            tuple(map(str, value)) if isinstance(value, list) else value if isinstance(value, dict) else (str(value),)
        )
    return value


def init(directory: Path, loaded: LoadedTask) -> Path:
    """Write `task.yaml` into a folder, with every settled value and the reason it was settled on as a comment.

    Loading the folder again gives the same task. An existing file is not touched.

    Raises:
        DataError: The folder has a task file already, or cannot be written.
    """
    path = directory / TASK_FILE
    reasons = {line.name: line.why for line in loaded.inferences}
    lines = ["# What this task is. Written from the data; correct what is wrong, delete what may be inferred.", ""]
    for key, value, reason in _entries(directory, loaded.task, reasons):
        if reason:
            lines.append(f"# {reason}")
        lines.append(yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=1000).rstrip("\n"))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError as error:
        raise DataError(f"{path}: exists already; edit it, or delete it first") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); check the folder's permissions") from error
    return path


def _entries(directory: Path, task: Task, reasons: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    """Return (key, value, reason) of every line of a task file."""
    entries: list[tuple[str, Any, str]] = [
        ("name", task.name, ""),
        # A table that was converted is not in the folder under this name; it is found again.
        *(
            (role, name or NONE, reasons.get(role, ""))
            for role, name in (
                ("train", task.train),
                ("test", task.test),
                ("sample", task.sample),
                ("description", task.description),
            )
            if name is None or (directory / name).is_file()
        ),
        ("target", list(task.targets) if len(task.targets) > 1 else task.targets[0], reasons.get("target", "")),
        ("id", task.id_column or NONE, reasons.get("id", "")),
        ("kind", task.kind.value, f"{reasons.get('kind', '')} ({' | '.join(TaskKind)})"),
        ("metric", task.metric, reasons.get("metric", "")),
        (
            "prediction_kind",
            task.prediction_kind.value,
            f"{reasons.get('predictions', '')} ({' | '.join(PredictionKind)})",
        ),
        ("modality", task.modality.value, reasons.get("modality", "")),
        ("reads_order", task.reads_order, f"answers matched by position: {reasons.get('matched by', '')}"),
    ]
    if task.goal:
        entries.insert(1, ("goal", task.goal, ""))
    if task.kind is TaskKind.BINARY:
        entries.append(("positive", task.classes[1], reasons.get("positive class", "")))
    if task.metric_params:
        entries.append(("metric_params", dict(task.metric_params), ""))
    if task.metric_file is not None:
        entries.append(("metric_file", task.metric_file, ""))
    if task.split_file is not None:
        entries.append(("split_file", task.split_file, reasons.get("split", "")))
    if task.is_self_reported:
        entries.append(("direction", task.direction.value, ""))
        entries.append(("evaluation", Evaluation.SELF_REPORTED.value, reasons.get("evaluation", "")))
    if task.extra_files:
        entries.append(("extra_files", list(task.extra_files), reasons.get("other files", "")))
    if task.side_tables:
        entries.append(
            ("side_tables", [table.model_dump() for table in task.side_tables], reasons.get("side tables", ""))
        )
    if task.file_rules:
        entries.append(
            ("file_rules", [rule.model_dump() for rule in task.file_rules], reasons.get("files of rows", ""))
        )
    return entries


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
