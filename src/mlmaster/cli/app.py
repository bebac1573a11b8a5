"""The command line. Every command is one file; whatever is slow to import is imported inside the command's function."""

from __future__ import annotations

from typing import Annotated

import typer

from mlmaster.cli import (
    bench,
    doctor,
    export,
    grade,
    models,
    predict,
    prepare,
    report,
    resume,
    run,
    serve_grader,
    settings,
    show,
    status,
    submit,
    task,
    validate,
)
from mlmaster.cli.boundary import GuardedGroup
from mlmaster.version import __version__

app = typer.Typer(
    name="mlmaster",
    cls=GuardedGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Give it data and a goal: it writes, runs and improves solutions until the budget ends.",
    epilog="A run is a folder: look at it with status, show and report; go on with resume; use it with predict and export.",
)

for command in (
    run.run,
    resume.resume,
    status.status,
    submit.submit,
    report.report,
    show.show,
    export.export,
    predict.predict,
    prepare.prepare,
    grade.grade,
    validate.validate,
    serve_grader.serve_grader,
    doctor.doctor,
    models.models,
    settings.settings,
):
    app.command()(command)
app.add_typer(task.app, name="task")
app.add_typer(bench.app, name="bench")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"mlmaster {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line: the entry point of `mlmaster`."""
    app()
