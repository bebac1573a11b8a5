"""`mlmaster validate`: whether a submission is valid, without its score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.options import DataDirOption, JsonOption


def validate(
    submission: Annotated[Path, typer.Argument(metavar="FILE", help="CSV to check.", show_default=False)],
    competition: Annotated[
        str, typer.Option("--competition", "-c", metavar="ID", help="Competition of MLE-bench.", show_default=False)
    ],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a submission is valid.

    By MLE-bench's own rules, without a score. The exit code is 0 when it is, else 2.
    """
    from mlmaster.cli.boundary import USERS
    from mlmaster.cli.closing import print_json
    from mlmaster.mlebench.places import Place, data_dir_or_default
    from mlmaster.mlebench.registry import competition as find
    from mlmaster.mlebench.validation import validate as check
    from mlmaster.report.foreign import visible

    found = check(submission, Place(data_dir_or_default(data_dir), find(competition)))
    if as_json:
        print_json(
            {
                "competition_id": competition,
                "submission_path": str(submission),
                "is_valid": found.is_valid,
                "message": found.message,
            }
        )
    else:
        typer.echo(visible(found.message))
    if not found.is_valid:
        raise typer.Exit(USERS)
