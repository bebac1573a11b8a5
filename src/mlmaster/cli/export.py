"""`mlmaster export`: the result of a run, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.options import RunArgument


def export(
    run: RunArgument,
    destination: Annotated[
        Path, typer.Argument(metavar="DEST", help="New folder, or a file that ends in .zip.", show_default=False)
    ],
) -> None:
    """Copy the result of a run elsewhere.

    Predictions, scripts and reproduce.py, as a new folder or a zip file.
    """
    import shutil

    from mlmaster.errors import RunDirectoryError
    from mlmaster.store.run_directory import RunDirectory

    store = RunDirectory.open_for_reading(run)
    best = store.best.resolve()
    store.close()
    if not best.is_dir():
        raise RunDirectoryError(f"{run} has no result yet; look at it with `mlmaster status {run}`")
    if destination.exists():
        raise RunDirectoryError(f"{destination} exists already; name a new folder or file")
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.suffix.lower() == ".zip":
        shutil.make_archive(str(destination.with_suffix("")), "zip", root_dir=best)
        destination.with_suffix(".zip").replace(destination)
    else:
        shutil.copytree(best, destination)
    typer.echo(str(destination))
