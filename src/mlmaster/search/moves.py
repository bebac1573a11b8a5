"""Which operators a node still offers: the caps and the engineer's limits, counted with what is in flight.

Leases and order of preference are the policies' own. Read next: `mlmaster.search.mcts`.
"""

from __future__ import annotations

from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.core.tree import Tree
from mlmaster.search.settings import SearchSettings
from mlmaster.search.stagnation import is_branch_stagnating

Operators = frozenset[Operator]


def is_possible(tree: Tree, node: int, operator: Operator, operators: Operators, settings: SearchSettings) -> bool:
    """Return True when the engineer has the operator and was not found out of usable ideas for it here."""
    return (
        operator in operators
        and not tree.is_exhausted(node, operator)
        and tree.refusals(node, operator) < settings.refusals
    )


def can_draft(tree: Tree, operators: Operators, settings: SearchSettings, *, cap: int | None) -> bool:
    """Return True when the root takes another draft; `cap` None means without a cap."""
    return is_possible(tree, ROOT, Operator.DRAFT, operators, settings) and (
        cap is None or len(tree.children(ROOT)) < cap
    )


def can_debug(tree: Tree, node: int, operators: Operators, settings: SearchSettings) -> bool:
    """Return True when a faulty node takes another debug: not terminal, not repaired yet, below the cap."""
    children = tree.children(node)
    if len(children) >= settings.debugs or tree[node].debug_depth >= settings.terminal_debug_depth:
        return False
    if not is_possible(tree, node, Operator.DEBUG, operators, settings):
        return False
    return all(tree[child].state not in (NodeState.SCORED, NodeState.RACED) for child in children)


def has_room(tree: Tree, node: int, cap: int) -> bool:
    """Return True when a good node has fewer than `cap` improve and evolve children, those in flight included."""
    if len(tree.children(node)) < cap:
        return True
    return tree.count_children(node, Operator.IMPROVE) + tree.count_children(node, Operator.EVOLVE) < cap


def find_improvement(
    tree: Tree, node: int, operators: Operators, settings: SearchSettings, cap: int
) -> Operator | None:
    """Return how a good node is to be improved: EVOLVE where its branch stagnates, else IMPROVE, or what is left of both.

    None when it has no room left under `cap`, or neither operator is possible.
    """
    if not has_room(tree, node, cap):
        return None
    can_improve = is_possible(tree, node, Operator.IMPROVE, operators, settings)
    if is_possible(tree, node, Operator.EVOLVE, operators, settings) and (
        not can_improve or is_branch_stagnating(tree, tree[node].branch, settings)
    ):
        return Operator.EVOLVE
    return Operator.IMPROVE if can_improve else None


def find_move(tree: Tree, node: int, operators: Operators, settings: SearchSettings) -> Operator | None:
    """Return the operator a node offers within the usual caps; None for one in flight, raced, full or exhausted."""
    match tree[node].state:
        case NodeState.FAILED:
            return Operator.DEBUG if can_debug(tree, node, operators, settings) else None
        case NodeState.SCORED:
            return find_improvement(tree, node, operators, settings, settings.improves)
        case _:
            return None
