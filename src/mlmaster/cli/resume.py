"""`mlmaster resume`: go on with a run that was interrupted, killed, or is to have a larger budget."""

from __future__ import annotations

import typer

from mlmaster.cli.options import (
    BaseUrlOption,
    CostOption,
    JsonOption,
    ModelOption,
    NodesOption,
    PlainOption,
    RunArgument,
    TimeOption,
    TokensOption,
)


def resume(
    run: RunArgument,
    time: TimeOption = None,
    nodes: NodesOption = None,
    cost: CostOption = None,
    tokens: TokensOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    as_json: JsonOption = False,
    is_plain: PlainOption = False,
) -> None:
    """Go on with a run that was interrupted or killed.

    Spent time and money count. A larger budget may be given; it is that of the whole run. Where the language model cannot be
    asked any more, another one goes on with --model.
    """
    from mlmaster.cli.conduct import Manner, conduct
    from mlmaster.settings import Layered, load_settings
    from mlmaster.store.run_directory import RunDirectory
    from mlmaster.wiring import change_model, reopen, settings_of

    flags = {
        "budget.time": Layered(time, "--time"),
        "budget.nodes": Layered(nodes, "--nodes"),
        "budget.cost": Layered(cost, "--cost"),
        "budget.tokens": Layered(tokens, "--tokens"),
        "llm.model": Layered(model, "--model"),
        "llm.base_url": Layered(base_url, "--base-url"),
    }
    resolved = load_settings(flags)
    store = RunDirectory.open_for_reading(run)
    try:
        before = settings_of(store)
    finally:
        store.close()
    names = [key.removeprefix("budget.") for key in resolved.sources if key.startswith("budget.")]
    limits = before.budget.model_copy(update={name: getattr(resolved.settings.budget, name) for name in names}).limits
    again = reopen(run, limits, change_model(before.llm, resolved.settings.llm.model, resolved.settings.llm.base_url))
    manner = Manner(as_json=as_json, is_plain=is_plain)
    typer.echo(f"going on with {run}: {again.tree.count_nodes()} solutions so far", err=True)
    conduct(again, manner)
