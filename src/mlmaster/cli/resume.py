"""`mlmaster resume`: go on with a run that was interrupted, killed, or is to have a larger budget."""

from __future__ import annotations

import typer

from mlmaster.cli.options import (
    CostOption,
    JsonOption,
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
    as_json: JsonOption = False,
    is_plain: PlainOption = False,
) -> None:
    """Go on with a run that was interrupted or killed.

    Spent time and money count. A larger budget may be given; it is that of the whole run.
    """
    from mlmaster.cli.conduct import Manner, conduct
    from mlmaster.settings import Layered, load_settings
    from mlmaster.store.run_directory import RunDirectory
    from mlmaster.wiring import reopen, settings_of

    flags = {
        "budget.time": Layered(time, "--time"),
        "budget.nodes": Layered(nodes, "--nodes"),
        "budget.cost": Layered(cost, "--cost"),
        "budget.tokens": Layered(tokens, "--tokens"),
    }
    resolved = load_settings(flags)
    store = RunDirectory.open_for_reading(run)
    try:
        before = settings_of(store).budget
    finally:
        store.close()
    given = {key.removeprefix("budget."): getattr(resolved.settings.budget, key[7:]) for key in resolved.sources}
    limits = before.model_copy(update=given).limits
    again = reopen(run, limits)
    manner = Manner(as_json=as_json, is_plain=is_plain)
    typer.echo(f"going on with {run}: {again.tree.count_nodes()} solutions so far", err=True)
    conduct(again, manner)
