"""`mlmaster predict`: answers of a finished run for new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.options import RunArgument


def predict(
    run: RunArgument,
    table: Annotated[
        Path, typer.Argument(metavar="NEW.csv", help="New rows, with the columns of the test rows.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of stdout.")] = None,
) -> None:
    """Predict new rows with the winner of a run.

    It is trained on all labelled rows of the task first; that takes about as long as one evaluation.
    """
    import csv
    import sys

    from mlmaster.errors import DataError
    from mlmaster.wiring import predict as compute

    if out is not None and out.exists():
        raise DataError(f"{out} exists already; name a new file with --out")
    rows = compute(run, table)
    if out is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    typer.echo(f"{out}: {len(rows) - 1} rows")
