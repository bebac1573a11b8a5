"""`mlmaster run --dry-run`: what a run would cost, in front of a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from mlmaster.cli.closing import print_json

if TYPE_CHECKING:
    from mlmaster.settings import Settings


def show_outlook(source: str, settings: Settings, *, as_json: bool) -> None:
    """Print an estimate; nothing is run and nobody is asked."""
    from mlmaster.wiring.outlooks import look_ahead

    found = look_ahead(source, settings)
    if as_json:
        print_json({**asdict(found), "limits": found.limits.model_dump()})
        return
    model = settings.llm.coder.model or settings.llm.model
    typer.echo(f"model        {model}; nothing was run, and nobody was asked")
    for line in found.lines():
        typer.echo(line)
