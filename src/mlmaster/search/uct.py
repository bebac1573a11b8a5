"""UCT over the tree: the value of a child, and the way down to a node that still offers something."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, sqrt

from mlmaster.core.node import ROOT, Operator
from mlmaster.core.tree import Tree


def uct(tree: Tree, node: int, parent: int, exploration: float) -> float:
    """Return Q/N + C·sqrt(ln N_parent / N); +inf when unvisited. A decision in flight counts as a visit of value 0."""
    visits = tree.visits(node)
    if visits == 0:
        return inf
    return tree.total_reward(node) / visits + exploration * sqrt(log(tree.visits(parent)) / visits)


def descend(
    tree: Tree,
    exploration: float,
    find_move: Callable[[int], Operator | None],
    dead: dict[int, int],
) -> tuple[Operator, int] | None:
    """Return the first move met on the way down by best UCT, or None when no branch at rest has any.

    Branches with anything in flight are leased and skipped. A node that offers a move itself is taken before its
    children; a subtree without any is backed out of, and remembered.

    Args:
        tree: The tree.
        exploration: The constant C.
        find_move: What a node offers.
        dead: Subtrees found to have nothing, as node -> finished visits then. Nothing but an outcome below can revive a
            subtree at rest, so an entry holds as long as the count does. This spares walking through them again and
            never changes the answer.
    """

    def rank(parent: int) -> list[int]:
        """Return the children that may have something, the best by UCT last; the older one is better on a tie."""
        children = [
            child
            for child in tree.children(parent)
            if tree.pending(child) == 0 and dead.get(child) != tree.finished_visits(child)
        ]
        return sorted(children, key=lambda child: (uct(tree, child, parent, exploration), -child))

    stack = [(ROOT, rank(ROOT))]
    while stack:
        parent, waiting = stack[-1]
        if not waiting:
            stack.pop()
            if parent != ROOT:
                dead[parent] = tree.finished_visits(parent)
            continue
        node = waiting.pop()
        operator = find_move(node)
        if operator is not None:
            return operator, node
        stack.append((node, rank(node)))
    return None
