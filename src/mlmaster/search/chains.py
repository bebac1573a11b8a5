"""How an open chain goes on: debug what it broke, else improve its branch's best."""

from __future__ import annotations

from collections.abc import Iterator

from mlmaster.core.node import Operator
from mlmaster.core.tree import Branch, Tree
from mlmaster.ports import Choice
from mlmaster.search.moves import Operators, can_debug, find_improvement
from mlmaster.search.settings import SearchSettings


def find_continuations(tree: Tree, operators: Operators, settings: SearchSettings) -> Iterator[Choice]:
    """Yield the next step of every open chain with nothing in flight, oldest chain first.

    A chain whose next step is impossible (a full, exhausted or raced node) yields none: it has expired, and the branch is
    free for a new selection.
    """
    waiting = [
        (branch.chain.start, branch)
        for branch in tree.branches.values()
        if branch.chain is not None and branch.chain.is_open and branch.chain.in_flight is None
    ]
    for _, branch in sorted(waiting, key=lambda pair: pair[0]):
        step = _find_step(tree, branch, operators, settings)
        if step is not None:
            yield Choice(step[0], (step[1],), chain="continue", reason="chain")


def _find_step(
    tree: Tree, branch: Branch, operators: Operators, settings: SearchSettings
) -> tuple[Operator, int] | None:
    current = None if branch.chain is None else branch.chain.current
    if current is not None and tree[current].is_faulty:
        return (Operator.DEBUG, current) if can_debug(tree, current, operators, settings) else None
    if branch.best is None:
        return None
    operator = find_improvement(tree, branch.best, operators, settings, settings.improves)
    return None if operator is None else (operator, branch.best)
