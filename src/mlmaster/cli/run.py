"""`mlmaster run`: solve a task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.options import (
    BaseUrlOption,
    CostOption,
    JsonOption,
    ModelOption,
    NodesOption,
    PlainOption,
    SetOption,
    TimeOption,
    TokensOption,
)


def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Folder, CSV (TSV, Parquet, JSON) file, built-in task, or kaggle:SLUG.",
            show_default=False,
        ),
    ],
    goal: Annotated[str | None, typer.Option("--goal", help="What is wanted, in plain words.")] = None,
    target: Annotated[list[str] | None, typer.Option("--target", help="Column to predict. May be repeated.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column that names the rows, or none.")] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Metric by its standard name: roc_auc, rmse, …")
    ] = None,
    time: TimeOption = None,
    nodes: NodesOption = None,
    cost: CostOption = None,
    tokens: TokensOption = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every random choice.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="New run directory; by default one under runs/.")
    ] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="What is tried next: mcts, greedy or random.")] = None,
    engineer: Annotated[
        str | None, typer.Option("--engineer", help="Who proposes solutions: llm (with --model) or offline.")
    ] = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    has_baseline: Annotated[
        bool | None,
        typer.Option("--baseline/--no-baseline", help="Begin with an offline solution before a model is asked."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="RUN", help="Give the replies recorded in a run instead of asking a model."),
    ] = None,
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate what the run would ask of a model, and what that costs.")
    ] = False,
    slots: Annotated[int | None, typer.Option("--slots", help="Solutions evaluated at a time; 0 chooses.")] = None,
    python: Annotated[
        Path | None,
        typer.Option(
            "--python", metavar="PATH", help="Python or virtual environment that scripts run in; by default this one."
        ),
    ] = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
    is_plain: PlainOption = False,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Never ask; go on with what was inferred.")] = False,
) -> None:
    """Solve a task within a budget.

    Searches until the budget ends, then chooses, estimates and reports.

    Ctrl-C once ends the search and keeps everything; twice stops at once, to be resumed.
    """
    import os

    from mlmaster.cli.conduct import Manner, conduct, confirm
    from mlmaster.settings import Layered, load_settings
    from mlmaster.wiring import new_run

    flags = {
        "task.goal": Layered(goal, "--goal"),
        "task.target": Layered(target or None, "--target"),
        "task.id": Layered(id_column, "--id"),
        "task.metric": Layered(metric, "--metric"),
        "budget.time": Layered(time, "--time"),
        "budget.nodes": Layered(nodes, "--nodes"),
        "budget.cost": Layered(cost, "--cost"),
        "budget.tokens": Layered(tokens, "--tokens"),
        "seed": Layered(seed, "--seed"),
        "search.policy": Layered(policy, "--policy"),
        "engineer": Layered(engineer, "--engineer"),
        "llm.model": Layered(model, "--model"),
        "llm.base_url": Layered(base_url, "--base-url"),
        "llm.replay": Layered(None if replay is None else str(replay), "--replay"),
        "session.baseline": Layered(has_baseline, "--baseline"),
        "engine.slots": Layered(slots, "--slots"),
        "sandbox.python": Layered(None if python is None else str(python), "--python"),
    }
    resolved = load_settings(flags, assignments=assignments or (), environ=os.environ, folder=Path.cwd())
    if is_dry:
        from mlmaster.cli.outlook import show_outlook

        show_outlook(source, resolved.settings, as_json=as_json)
        return
    if resolved.settings.sandbox.packages:
        from mlmaster.sandbox.packages import check

        packages = ", ".join(check(resolved.settings.sandbox.packages))
        typer.echo(f"scripts get an environment of their own with {packages}; this may take a while", err=True)
    made, prepared = new_run(source, resolved.settings, out)
    manner = Manner(as_json=as_json, is_plain=is_plain)
    confirm(made, prepared, manner, is_sure=is_sure)
    conduct(made, manner, source)
