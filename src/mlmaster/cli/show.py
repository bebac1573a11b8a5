"""`mlmaster show`: one node of a run: plan, scores, code, log."""

from __future__ import annotations

from typing import Annotated

import typer

from mlmaster.cli.options import RunArgument


def show(
    run: RunArgument,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Number of the node, or best.", show_default=False)],
    has_code: Annotated[bool, typer.Option("--code/--no-code", help="Show the script.")] = True,
    has_log: Annotated[bool, typer.Option("--log/--no-log", help="Show what the script printed.")] = True,
) -> None:
    """Show one solution of a run.

    Where it comes from, its plan, scores, script and log.
    """
    from mlmaster.core.tree import Tree
    from mlmaster.report.node import describe
    from mlmaster.store.run_directory import RunDirectory

    store = RunDirectory.open_for_reading(run)
    try:
        tree = Tree(record.event for record in store.read())
        number = _number(node, tree.best, len(tree))
        folder = store.directory / "nodes" / str(number)
    finally:
        store.close()
    typer.echo(describe(tree, number))
    if has_code and (script := folder / "solution.py").exists():
        typer.echo(f"\n--- {script}\n{script.read_text(encoding='utf-8')}")
    if has_log:
        for log in sorted(folder.glob("*.log")):
            typer.echo(f"\n--- {log}\n{log.read_text(encoding='utf-8', errors='replace')}")


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
