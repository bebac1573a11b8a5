"""`mlmaster doctor`: what this machine has, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.options import JsonOption


def doctor(
    as_json: JsonOption = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where runs will lie.")] = Path(),
) -> None:
    """Say what this machine has and lacks.

    Python, cores, memory, disk, packages, sandbox, GPU. Exit code 1 when something is missing.
    """
    from mlmaster.cli.closing import print_json
    from mlmaster.cli.machine import examine

    findings = examine(folder)
    if as_json:
        print_json([{"name": f.name, "value": f.value, "ok": f.is_ok, "advice": f.advice} for f in findings])
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = typer.style("ok", fg="green") if finding.is_ok else typer.style("--", fg="red")
            typer.echo(f"{mark}  {finding.name:<{width}}  {finding.value}")
            if finding.advice:
                typer.echo(f"    {'':<{width}}  {finding.advice}")
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)
