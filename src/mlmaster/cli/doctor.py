"""`mlmaster doctor`: what this machine has, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.finding import Finding
from mlmaster.cli.options import JsonOption, SetOption


def doctor(
    as_json: JsonOption = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where runs will lie.")] = Path(),
    assignments: SetOption = None,
) -> None:
    """Say what this machine has and lacks, and what a run would use.

    Memory, disk, packages, isolation, limits, GPUs. Exit code 1 when something is missing that a run needs.
    """
    import os

    from mlmaster.cli.closing import print_json
    from mlmaster.cli.machine import examine
    from mlmaster.settings import load_settings

    resolved = load_settings(assignments=assignments or (), environ=os.environ, folder=Path.cwd())
    findings = examine(folder, resolved.settings)
    if as_json:
        print_json([finding.plain() for finding in findings])
    else:
        _show(findings)
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


def _show(findings: list[Finding]) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        colour, mark = ("red", "--") if not finding.is_ok else ("green", "ok") if finding.is_there else ("yellow", "no")
        typer.echo(f"{typer.style(mark, fg=colour)}  {finding.name:<{width}}  {finding.value}")
        for line in finding.advice.splitlines():
            typer.echo(f"    {'':<{width}}    {line}")
