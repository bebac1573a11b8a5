"""The baseline every policy must beat: any legal move, each as likely as the other."""

from __future__ import annotations

from random import Random

from mlmaster.core.budget import Budget
from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.core.tree import Tree
from mlmaster.ports import Choice
from mlmaster.search.moves import Operators, can_debug, can_draft, has_room, is_possible
from mlmaster.search.settings import SearchSettings

_TRIES = 32
"""Draws before all pairs are listed; drawing again until a pair is legal is as uniform, and does not read the tree."""


class RandomPolicy:
    """Uniform over legal (operator, parent) pairs within the caps; keeps no chains.

    A draft beyond the cap is made only when nothing else is legal.
    """

    name = "random"

    def __init__(self, settings: SearchSettings) -> None:
        self._settings = settings

    def choose(
        self,
        tree: Tree,
        budget: Budget,  # noqa: ARG002 - the port's signature
        rng: Random,
        operators: Operators,
    ) -> Choice | None:
        """See `mlmaster.ports.Policy`."""
        candidates = (ROOT, *tree.finished)
        for _ in range(_TRIES):
            node = rng.choice(candidates)
            operator = rng.choice(tuple(Operator))
            if operator in self._list_moves(tree, node, operators):
                return self._choice(tree, node, operator, rng)
        pairs = [(node, operator) for node in candidates for operator in self._list_moves(tree, node, operators)]
        if pairs:
            return self._choice(tree, *rng.choice(pairs), rng)
        is_free = can_draft(tree, operators, self._settings, cap=None)
        return Choice(Operator.DRAFT, (ROOT,), "none", "widen") if is_free else None

    def _list_moves(self, tree: Tree, node: int, operators: Operators) -> list[Operator]:
        """Return the legal operators of one node, in the order of `Operator`."""
        settings = self._settings
        if node == ROOT:
            return [Operator.DRAFT] if can_draft(tree, operators, settings, cap=settings.drafts) else []
        match tree[node].state:
            case NodeState.FAILED:
                return [Operator.DEBUG] if can_debug(tree, node, operators, settings) else []
            case NodeState.SCORED:
                found = [Operator.IMPROVE, Operator.EVOLVE] if has_room(tree, node, settings.improves) else []
                if self._has_merge_left(tree) and _find_partners(tree, node):
                    found.append(Operator.MERGE)
                return [each for each in found if is_possible(tree, node, each, operators, settings)]
            case _:
                return []

    def _has_merge_left(self, tree: Tree) -> bool:
        return tree.count_nodes(Operator.MERGE) < self._settings.merges

    def _choice(self, tree: Tree, node: int, operator: Operator, rng: Random) -> Choice:
        others = (rng.choice(_find_partners(tree, node)),) if operator is Operator.MERGE else ()
        return Choice(operator, (node, *others), chain="none", reason="random")


def _find_partners(tree: Tree, node: int) -> list[int]:
    """Return the bests of other branches that are no better than the node, when it is its own branch's best."""
    utility, branch = tree[node].utility, tree[node].branch
    if utility is None or tree.branches[branch].best != node:
        return []
    return [
        each.best
        for each in tree.branches.values()
        if each.best is not None and each.best != node and (tree[each.best].utility or 0.0) <= utility
    ]
