"""`mlmaster status`: where a run stands; it may be running."""

from __future__ import annotations

from mlmaster.cli.options import JsonOption, RunArgument


def status(run: RunArgument, as_json: JsonOption = False) -> None:
    """Say where a run stands.

    Best so far, tree and faults; safe while it runs.
    """
    import typer

    from mlmaster.cli.closing import as_object, closing_lines, print_json
    from mlmaster.core.tree import Tree
    from mlmaster.report import text
    from mlmaster.report.summary import summarise
    from mlmaster.report.text import tree_lines
    from mlmaster.store.run_directory import RunDirectory

    store = RunDirectory.open_for_reading(run)
    try:
        records = store.read()
    finally:
        store.close()
    tree = Tree(record.event for record in records)
    summary = summarise(records, tree)
    if as_json:
        print_json(as_object(summary, run))
        return
    whose = ", self-reported by the scripts" if summary.is_self_reported else ""
    typer.echo(f"task         {summary.task}: {summary.metric} ({summary.direction}){whose}")
    state = f"ended: {summary.reason}" if summary.reason else f"{summary.state}, {summary.in_flight} in flight"
    typer.echo(f"state        {state}")
    for name in summary.sandboxes:
        typer.echo(f"ran in       {text.sandbox(name)}")
    for line in closing_lines(summary, run):
        typer.echo(line)
    for line in tree_lines(tree, is_over=summary.state == "ended"):
        typer.echo(line)
