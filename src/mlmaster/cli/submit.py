"""`mlmaster submit`: send a run's predictions to Kaggle. Nothing else ever does."""

from __future__ import annotations

from typing import Annotated

import typer

from mlmaster.cli.options import RunArgument


def submit(
    run: RunArgument,
    competition: Annotated[
        str | None,
        typer.Option("-c", "--competition", metavar="SLUG", help="Competition at Kaggle; by default the run's task."),
    ] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="What the submission is called there.")] = None,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Send it without asking.")] = False,
) -> None:
    """Submit a run's predictions to Kaggle.

    By Kaggle's own client, with your token; it counts against the competition's daily limit.
    """
    import sys

    from mlmaster.errors import SettingsError
    from mlmaster.kaggle.submitting import submit as send
    from mlmaster.store.run_directory import RunDirectory

    store = RunDirectory.open_for_reading(run)
    try:
        name = competition or store.task().name
    finally:
        store.close()
    submission = run / "best" / "submission.csv"
    if not is_sure and not sys.stdin.isatty():
        raise SettingsError(f"{submission} would be sent to kaggle.com/c/{name}; say so with --yes")
    if not is_sure and not typer.confirm(f"Send {submission} to kaggle.com/c/{name}?", default=False):
        typer.echo("Nothing was sent.")
        return
    typer.echo(f"{name}: {send(name, submission, message or f'ML-Master, {run.name}')}")
