"""Writes the report of a run into its directory."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from mlmaster.report.markdown import render
from mlmaster.store.run_directory import RunDirectory, read_notes, write_atomically

FILE_NAME = "report.md"


def write_report(run: RunDirectory) -> Path:
    """Write `report.md` from what the run has recorded so far and return its path."""
    path = run.directory / FILE_NAME
    notes = partial(_notes, run.directory)
    write_atomically(path, render(run.read(), run.task(), run.settings(), notes))
    return path


def _notes(directory: Path, node: int) -> dict[str, Any]:
    return read_notes(directory / "nodes" / str(node))
