"""AIDE's policy (arXiv 2502.13138): some drafts, then debug now and then, else improve the best."""

from __future__ import annotations

from random import Random

from mlmaster.core.budget import Budget
from mlmaster.core.node import ROOT, Operator
from mlmaster.core.tree import Tree
from mlmaster.ports import Choice
from mlmaster.search.moves import Operators, can_debug, can_draft, is_possible
from mlmaster.search.settings import SearchSettings


class GreedyPolicy:
    """Always works on the best node; keeps no chains and improves one node as often as it is best."""

    name = "greedy"

    def __init__(self, settings: SearchSettings) -> None:
        self._settings = settings

    def choose(
        self,
        tree: Tree,
        budget: Budget,  # noqa: ARG002 - the port's signature
        rng: Random,
        operators: Operators,
    ) -> Choice | None:
        """See `mlmaster.ports.Policy`. Where AIDE has nothing left, it debugs, then drafts beyond the cap."""
        wants_debug = rng.random() < self._settings.greedy_debug_probability
        if can_draft(tree, operators, self._settings, cap=self._settings.drafts):
            return _choice(Operator.DRAFT, ROOT, "draft")
        return (
            (self._debug(tree, rng, operators) if wants_debug else None)
            or self._improve(tree, operators)
            or self._debug(tree, rng, operators)
            or (
                _choice(Operator.DRAFT, ROOT, "widen") if can_draft(tree, operators, self._settings, cap=None) else None
            )
        )

    def _debug(self, tree: Tree, rng: Random, operators: Operators) -> Choice | None:
        leaves = [
            node
            for node in tree.faulty_leaves
            if tree[node].debug_depth <= self._settings.greedy_debug_depth
            and can_debug(tree, node, operators, self._settings)
        ]
        return _choice(Operator.DEBUG, rng.choice(leaves), "debug") if leaves else None

    def _improve(self, tree: Tree, operators: Operators) -> Choice | None:
        for node in tree.ranking():
            if is_possible(tree, node, Operator.IMPROVE, operators, self._settings):
                return _choice(Operator.IMPROVE, node, "best")
        return None


def _choice(operator: Operator, parent: int, reason: str) -> Choice:
    return Choice(operator, (parent,), chain="none", reason=reason)
