"""`mlmaster models`: the providers that are known by name, and whether a model can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlmaster.cli.options import BaseUrlOption, JsonOption, SetOption

if TYPE_CHECKING:
    from mlmaster.llm.presets import Preset
    from mlmaster.wiring.engineers import Checked


def models(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="Model to check with one short call: openai:gpt-5.", show_default=False),
    ] = None,
    base_url: BaseUrlOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the providers of language models, or check a model.

    A check sends one short message, shows what came back and what it cost. Nothing is sent without a MODEL.
    """
    import os
    from pathlib import Path

    from mlmaster.cli.closing import print_json
    from mlmaster.report.foreign import visible
    from mlmaster.settings import Layered, load_settings
    from mlmaster.wiring.engineers import check_model

    flags = {"llm.model": Layered(model, "MODEL"), "llm.base_url": Layered(base_url, "--base-url")}
    settings = load_settings(flags, assignments=assignments or (), environ=os.environ, folder=Path.cwd()).settings
    if model is None:
        from mlmaster.llm.presets import presets

        known = [_plain(preset, os.environ) for preset in presets().values()]
        if as_json:
            print_json(known)
            return
        _list(known)
        return
    checked = check_model(settings, lambda line: typer.echo(f"note: {visible(line)}", err=True))
    if as_json:
        print_json(checked.plain())
    else:
        _tell(checked)


def _plain(preset: Preset, environ: Any) -> dict[str, Any]:
    return {
        "name": preset.name,
        "title": preset.title,
        "address": preset.base_url,
        "protocol": preset.protocol,
        "keys": list(preset.key_envs),
        "has_key": any(environ.get(name) for name in preset.key_envs) or not preset.needs_key,
        "memory": [placement.value for placement in preset.placements] or ["prompt"],
        "note": preset.note,
    }


def _list(known: list[dict[str, Any]]) -> None:
    width = max(len(each["name"]) for each in known)
    for each in known:
        needs = " or ".join(each["keys"]) or "no key"
        has = typer.style("ok", fg="green") if each["has_key"] else typer.style("--", fg="yellow")
        typer.echo(f"{has}  {each['name']:<{width}}  {each['title']}: {each['address'] or 'give --base-url'} ({needs})")
    typer.echo(
        "\nok: a key is set, or none is needed. Name a model as PROVIDER:MODEL, check it with `mlmaster models "
        "PROVIDER:MODEL`, and use it with `mlmaster run … --model PROVIDER:MODEL`."
    )


def _tell(checked: Checked) -> None:
    from mlmaster.report import text
    from mlmaster.report.foreign import visible

    facts, reply = checked.facts, checked.reply
    context = f"{text.tokens(facts.context_tokens)} tokens" if facts.context_tokens else "not known"
    native = [name for name, has in (("tools", facts.has_tools), ("schemas", facts.has_schema)) if has]
    typer.echo(f"model        {facts.name}" + (f", answered as {visible(reply.model)}" if reply.model else ""))
    typer.echo(f"said         {visible(' '.join(reply.text.split())[:200]) or '(nothing)'}")
    typer.echo(f"took         {text.duration(reply.seconds)}, {text.spent(reply.usage)}")
    typer.echo(f"context      {context}, at most {text.tokens(facts.max_output_tokens)} in a reply")
    typer.echo(f"native       {', '.join(native) or 'nothing: tools and schemas are offered in words'}")
    typer.echo(f"memory       in {'the prompt' if facts.placement == 'prompt' else facts.placement}")
