"""Writes the report of a run into its directory."""

from __future__ import annotations

from pathlib import Path

from mlmaster.report.markdown import render
from mlmaster.store.run_directory import RunDirectory, write_atomically

FILE_NAME = "report.md"


def write_report(run: RunDirectory) -> Path:
    """Write `report.md` from what the run has recorded so far and return its path."""
    path = run.directory / FILE_NAME
    write_atomically(path, render(run.read(), run.task(), run.settings()))
    return path
