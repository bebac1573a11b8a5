"""Run directories made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from typer.testing import Result

from mlmaster.core.events import Record
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.recorded import PROFILE, TASK

Invoke = Callable[..., Result]


def fill(directory: Path, records: Sequence[Record]) -> RunDirectory:
    """Make a run directory that holds these records, still open for writing."""
    directory.mkdir(parents=True, exist_ok=True)
    store = RunDirectory.create(directory, Settings().dump(), TASK, PROFILE)
    for record in records:
        store.append([record.event], record.elapsed_s)
    return store


def write_best(folder: Path) -> None:
    (folder / "submission.csv").write_text("id,malignant\n1,0.5\n", encoding="utf-8")
    (folder / "members").mkdir()
