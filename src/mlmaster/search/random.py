"""The baseline every policy must beat: any legal move, each as likely as the other."""

from __future__ import annotations

from random import Random

from mlmaster.core.budget import Budget
from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.core.tree import Tree
from mlmaster.ports import Choice
from mlmaster.search.moves import Operators, can_debug, can_draft, has_room, is_possible
from mlmaster.search.settings import SearchSettings

_TRIES = 64
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
        ordered = sorted(operators)
        finished = tree.finished
        if not ordered:
            return None
        for _ in range(_TRIES):
            position = rng.randrange(len(finished) + 1)
            node = finished[position] if position < len(finished) else ROOT
            operator = rng.choice(ordered)
            if self._is_legal(tree, node, operator, operators):
                return self._choice(tree, node, operator, rng)
        pairs = [
            (node, operator)
            for node in (*finished, ROOT)
            for operator in ordered
            if self._is_legal(tree, node, operator, operators)
        ]
        if pairs:
            return self._choice(tree, *rng.choice(pairs), rng)
        return (
            Choice(Operator.DRAFT, (ROOT,), "none", "widen")
            if can_draft(tree, operators, self._settings, cap=None)
            else None
        )

    def _is_legal(self, tree: Tree, node: int, operator: Operator, operators: Operators) -> bool:
        if operator is Operator.DRAFT:
            return node == ROOT and can_draft(tree, operators, self._settings, cap=self._settings.drafts)
        if node == ROOT or not is_possible(tree, node, operator, operators, self._settings):
            return False
        if operator is Operator.DEBUG:
            return tree[node].is_faulty and can_debug(tree, node, operators, self._settings)
        if tree[node].state is not NodeState.SCORED:
            return False
        if operator is Operator.MERGE:
            return self._has_merge_left(tree) and bool(_find_partners(tree, node))
        return has_room(tree, node, self._settings.improves)

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
