"""`mlmaster prepare`: competitions of MLE-bench, from Kaggle's files to the official layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlmaster.cli.options import DataDirOption, JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlmaster.mlebench.competition import Competition
    from mlmaster.mlebench.preparation.preparing import Outcome
    from mlmaster.mlebench.preparation.verifying import FileCheck


def prepare(
    competitions: Annotated[
        list[str] | None,
        typer.Option("-c", "--competition", metavar="ID", help="Competition, by Kaggle's id. May be repeated."),
    ] = None,
    lite: Annotated[bool, typer.Option("--lite", help="The 22 of MLE-bench Lite.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All 75.")] = False,
    dev: Annotated[bool, typer.Option("--dev", help="The 7 for development.")] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Kaggle's files (a folder, or the zip of them all), or a folder that MLE-bench prepared; for several "
            "competitions, a folder with one for each. Without it: the data folder, then a download with your token.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    force: Annotated[bool, typer.Option("--force", help="Prepare anew what is prepared already.")] = False,
    skip_verification: Annotated[
        bool, typer.Option("--skip-verification", help="Accept files that differ from the official ones.")
    ] = False,
    keep_raw: Annotated[
        bool, typer.Option("--keep-raw/--no-keep-raw", help="Keep raw/ in the data folder, or delete it when done.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Prepare competitions of MLE-bench.

    As MLE-bench prepares them, to the byte, and checked against its checksums. What is prepared already is only checked.
    """
    from mlmaster.cli.boundary import USERS, say_error
    from mlmaster.cli.closing import print_json
    from mlmaster.errors import DataError, UserError
    from mlmaster.mlebench.places import Place, data_dir_or_default
    from mlmaster.mlebench.preparation.preparing import Means, Wish
    from mlmaster.mlebench.preparation.preparing import prepare as prepare_one
    from mlmaster.mlebench.preparation.verifying import UnofficialError

    chosen = _choose(competitions or [], {"lite": lite, "all": everything, "dev": dev})
    if source is not None and source.is_file() and len(chosen) > 1:
        raise DataError(
            f"{source} is one file, and {len(chosen)} competitions are asked for; name a folder with one for each"
        )
    where = data_dir_or_default(data_dir)
    wish = Wish(source, is_forced=force, accepts_others=skip_verification, keeps_raw=keep_raw)
    means = Means(say=lambda line: typer.echo(line, err=True))
    done: list[dict[str, Any]] = []
    for competition in chosen:
        try:
            outcome = prepare_one(Place(where, competition), wish, means)
        except UserError as error:
            say_error(str(error))
            checks = error.checks if isinstance(error, UnofficialError) else ()
            done.append({"id": competition.id, "status": "failed", "error": str(error), "files": _as_objects(checks)})
        else:
            done.append(
                {
                    "id": competition.id,
                    "status": str(outcome.status),
                    "prepared": str(outcome.prepared),
                    "is_official": outcome.is_official,
                    "files": _as_objects(outcome.checks),
                    "notes": list(outcome.notes),
                }
            )
            if not as_json:
                _print(outcome)
    failed = [each["id"] for each in done if each["status"] == "failed"]
    if as_json:
        print_json({"data_dir": str(where), "competitions": done, "failed": failed})
    elif len(chosen) > 1:
        ready = len(chosen) - len(failed)
        typer.echo(f"{ready} of {len(chosen)} ready" + (f"; failed: {', '.join(failed)}" if failed else ""))
    if failed:
        raise typer.Exit(USERS)


def _choose(ids: list[str], splits: dict[str, bool]) -> list[Competition]:
    """Return the competitions asked for, each once."""
    from mlmaster.errors import TaskError
    from mlmaster.mlebench.registry import competition, of_split

    chosen = [competition(each) for each in ids]
    for split, is_asked in splits.items():
        chosen += of_split(split) if is_asked else ()
    if not chosen:
        raise TaskError("no competition is named; name some with -c ID, or take --lite, --all or --dev")
    return list({each.id: each for each in chosen}.values())


def _print(outcome: Outcome) -> None:
    said = {"prepared": "prepared", "adopted": "taken over", "found": "already prepared"}[str(outcome.status)]
    typer.echo(f"{outcome.competition_id}: {said} in {outcome.prepared}")
    for check in outcome.checks:
        typer.echo(f"  {check.state:<8} {check.name}")
    for note in outcome.notes:
        typer.echo(f"  note     {note}")


def _as_objects(checks: Iterable[FileCheck]) -> list[dict[str, Any]]:
    return [
        {"name": check.name, "state": str(check.state), "md5": check.md5, "official": check.official}
        for check in checks
    ]
