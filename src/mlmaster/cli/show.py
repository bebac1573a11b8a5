"""`mlmaster show`: one node of a run: plan, scores, what changed, what a model was asked and answered, log."""

from __future__ import annotations

from typing import Annotated

import typer

from mlmaster.cli.options import RunArgument


def show(
    run: RunArgument,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Number of the node, or best.", show_default=False)],
    has_code: Annotated[
        bool | None, typer.Option("--code/--no-code", help="Show the whole script; by default where it has no parent.")
    ] = None,
    has_diff: Annotated[bool, typer.Option("--diff/--no-diff", help="Show what changed against the parent.")] = True,
    has_prompt: Annotated[
        bool, typer.Option("--prompt", help="Show what a language model was asked, and all it answered.")
    ] = False,
    has_log: Annotated[bool, typer.Option("--log/--no-log", help="Show what the script printed.")] = True,
) -> None:
    """Show one solution of a run.

    Where it comes from, its plan, scores, what changed, what a model was asked, and the log.
    """
    from mlmaster.core.tree import Tree
    from mlmaster.report.asked import call_lines, conversation
    from mlmaster.report.foreign import visible
    from mlmaster.report.node import changes, describe
    from mlmaster.store.run_directory import RunDirectory

    store = RunDirectory.open_for_reading(run)
    try:
        tree = Tree(record.event for record in store.read())
        number = _number(node, tree.best, len(tree))
        folder = store.directory / "nodes"
        calls = store.calls().read(number)
    finally:
        store.close()
    script = folder / str(number) / "solution.py"
    parent = folder / str(tree[number].parent) / "solution.py"
    typer.echo(visible(describe(tree, number)))
    for line in call_lines(calls):
        typer.echo(visible(line))
    if has_prompt:
        for call in calls:
            typer.echo(visible(f"\n{conversation(call)}"))
    elif calls:
        typer.echo("(--prompt shows what was asked and answered)")
    if has_diff and script.exists() and parent.exists():
        difference = changes(parent.read_text(encoding="utf-8"), script.read_text(encoding="utf-8"), tree[number])
        typer.echo(visible(f"\n--- changes against #{tree[number].parent}\n{difference}"))
    if script.exists() and (has_code or (has_code is None and not parent.exists())):
        typer.echo(visible(f"\n--- {script}\n{script.read_text(encoding='utf-8')}"))
    if has_log:
        for log in sorted((folder / str(number)).glob("*.log")):
            typer.echo(visible(f"\n--- {log}\n{log.read_text(encoding='utf-8', errors='replace')}"))


def _number(words: str, best: int | None, nodes: int) -> int:
    from mlmaster.errors import UserError

    if words == "best":
        if best is None:
            raise UserError("no node has been scored yet, so there is no best one; name a node by its number")
        return best
    plain = words.removeprefix("#")
    if not (plain.isascii() and plain.isdigit() and 1 <= int(plain) <= nodes):
        known = f"the run has nodes 1 to {nodes}" if nodes else "the run has no nodes yet"
        raise UserError(f"there is no node {words}; {known}")
    return int(plain)
