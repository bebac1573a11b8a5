"""`mlmaster report`: a run told to a person."""

from __future__ import annotations

from typing import Annotated

import typer

from mlmaster.cli.options import RunArgument


def report(
    run: RunArgument,
    should_print: Annotated[bool, typer.Option("--print", help="Print the report itself, not only its path.")] = False,
) -> None:
    """Write the report of a run as Markdown.

    The run may be finished or not; report.md is put into its directory.
    """
    from mlmaster.report.write import write_report
    from mlmaster.store.run_directory import RunDirectory

    store = RunDirectory.open_for_reading(run)
    try:
        path = write_report(store)
    finally:
        store.close()
    typer.echo(path.read_text(encoding="utf-8") if should_print else str(path))
