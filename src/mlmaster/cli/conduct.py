"""What `run` and `resume` share: the manner of showing a run, the question before it, the report and words after it."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from mlmaster.cli.boundary import INTERRUPTED, OURS
from mlmaster.cli.closing import as_object, closing_lines, hint_at_mending, hint_at_more, print_json
from mlmaster.cli.drive import Drivable, PlainScreen, Screen, carry_out
from mlmaster.cli.grade import grade_lines
from mlmaster.cli.inferences import inference_lines
from mlmaster.report.foreign import visible
from mlmaster.report.scheme import scheme_lines
from mlmaster.report.summary import summarise
from mlmaster.report.write import write_report
from mlmaster.store.run_directory import RunDirectory
from mlmaster.wiring.official import official_grade

if TYPE_CHECKING:
    from mlmaster.engine.run import Run
    from mlmaster.tasks.loaded import Inference


class Understood(Protocol):
    """What is known of a task before anything runs."""

    @property
    def inferences(self) -> Sequence[Inference]:
        """Return what was settled, and why."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Return what the user should know."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is shown: a live view on a terminal, else lines; with `as_json` stdout is kept for one object."""

    as_json: bool = False
    is_plain: bool = False

    @property
    def is_live(self) -> bool:
        """Return True for the live view."""
        return not (self.as_json or self.is_plain) and sys.stdout.isatty()

    def screen(self, run: Drivable) -> Screen:
        """Return where progress is shown."""
        if not self.is_live:
            return PlainScreen(sys.stderr if self.as_json else sys.stdout)
        from rich.console import Console

        from mlmaster.cli.live import LiveScreen

        return LiveScreen(run, Console())


def confirm(run: Run, understood: Understood, manner: Manner, *, is_sure: bool) -> None:
    """Show what the task was taken for; where something is unusual and a person is there, ask before going on.

    Raises:
        typer.Exit: The person said no; the new run directory is gone again.
    """
    notes = (*understood.notes, *run.notes)
    for line in inference_lines(understood.inferences, notes):
        typer.echo(line, err=manner.as_json)
    for line in scheme_lines(run.scheme) if run.scheme is not None else ():
        typer.echo(line, err=manner.as_json)
    typer.echo(f"run directory: {run.directory}", err=manner.as_json)
    if is_sure or not (notes and manner.is_live and sys.stdin.isatty()):
        return
    if not typer.confirm("Go on?", default=True):
        shutil.rmtree(run.directory, ignore_errors=True)
        typer.echo("Nothing was run. Correct it by flags (--target, --metric, …) or with `mlmaster task init`.")
        raise typer.Exit


def conduct(run: Drivable, manner: Manner, source: str | None = None) -> None:
    """Execute a run in front of the user, write its report, and say what came of it; for a competition, its medal.

    Args:
        run: The run.
        manner: How it is shown.
        source: What the user named to begin it.

    Raises:
        typer.Exit: 130 when it was stopped at once, 1 when no solution was scored.
    """
    carry_out(run, manner.screen(run))
    store = RunDirectory.open_for_reading(run.directory)
    try:
        records = store.read()
        summary = summarise(records)
        path = write_report(store)
        sources = [Path(each) for each in (source, store.task().directory) if each is not None]
    finally:
        store.close()
    graded = None
    if summary.state == "ended" and summary.submission is not None:
        graded = official_grade(sources, run.directory / "best" / "submission.csv")
    if manner.as_json:
        official = {} if graded is None else {"official": graded.report.to_dict()}
        print_json(as_object(summary, run.directory, report=str(path), **official))
    else:
        official_lines = [] if graded is None else grade_lines(graded)
        for line in (
            *closing_lines(summary, run.directory),
            f"report       {path}",
            *(f"MLE-bench    {line}" for line in official_lines),
        ):
            typer.echo(line)
    if summary.state != "ended":
        typer.echo(f"not finished; go on with: mlmaster resume {shlex.quote(str(run.directory))}", err=True)
        raise typer.Exit(INTERRUPTED)
    if hint := hint_at_mending(records, run.directory):
        typer.echo(visible(hint), err=True)
    if summary.submission is None:
        typer.echo(hint_at_more(summary), err=True)
        raise typer.Exit(OURS)
