"""`mlmaster settings`: every setting with its meaning, default, value and where the value comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from mlmaster.cli.options import JsonOption, SetOption


def settings(assignments: SetOption = None, as_json: JsonOption = False) -> None:
    """List all settings.

    With meaning, default, value, and the source of the value.
    """
    from mlmaster.cli.closing import print_json
    from mlmaster.settings import load_settings
    from mlmaster.settings.layers import DEFAULT, allowed, type_name, value_of, walk
    from mlmaster.settings.model import Settings

    resolved = load_settings(assignments=assignments or (), environ=os.environ, folder=Path.cwd())
    rows = [
        {
            "key": key,
            "meaning": field.description or "",
            "type": type_name(field),
            "allowed": allowed(field),
            "default": _plain(field.get_default(call_default_factory=True, validated_data={})),
            "value": _plain(value_of(resolved.settings, key)),
            "source": resolved.sources.get(key, DEFAULT),
        }
        for key, field in walk(Settings)
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        value = typer.style(str(row["value"]), bold=row["source"] != DEFAULT)
        origin = "" if row["source"] == DEFAULT else f" (from {row['source']}; default {row['default']})"
        typer.echo(f"{typer.style(row['key'], fg='cyan')} = {value}{origin}")
        typer.echo(f"    {' '.join(row['meaning'].split())}")
        typer.echo(f"    {row['type']}{', ' * bool(row['allowed'])}{row['allowed']}")
    typer.echo(
        "\nSet them in mlmaster.yaml (nested), by environment (MLMASTER_ENGINE__SLOTS=2) or flag (--set engine.slots=2); "
        "the later wins."
    )


def _plain(value: Any) -> Any:
    """Return the value as it would be typed."""
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    return "none" if value is None else value
