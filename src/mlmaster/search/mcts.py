"""The default policy: Monte Carlo tree search after ML-Master 1.0, well-defined with any number of nodes in flight.

Chains of greedy work on one branch alternate with selections by UCT, late in the budget among elites. A branch is leased
to the one node that is in flight on it. `MctsPolicy.choose` lists the rules in their order; the parts are in `chains`,
`stagnation`, `elites`, `uct` and `schedules`.
"""

from __future__ import annotations

from random import Random
from weakref import WeakKeyDictionary

from mlmaster.core.budget import Budget
from mlmaster.core.node import ROOT, Operator
from mlmaster.core.tree import Tree
from mlmaster.ports import Choice
from mlmaster.search.chains import find_continuations
from mlmaster.search.elites import draw_by_rank, find_elites
from mlmaster.search.moves import Operators, can_draft, find_improvement, find_move, is_possible
from mlmaster.search.schedules import exploration, uct_share
from mlmaster.search.settings import SearchSettings
from mlmaster.search.stagnation import find_merge
from mlmaster.search.uct import descend


class MctsPolicy:
    """UCT over the tree, greedy chains in between, elites late, evolution and merges where nothing gets better."""

    name = "mcts"

    def __init__(self, settings: SearchSettings) -> None:
        self._settings = settings
        # A cache and nothing more (see `descend`), one for each tree and set of operators.
        self._dead: WeakKeyDictionary[Tree, dict[Operators, dict[int, int]]] = WeakKeyDictionary()

    def choose(self, tree: Tree, budget: Budget, rng: Random, operators: Operators) -> Choice | None:
        """See `mlmaster.ports.Policy`; the first rule that applies decides."""
        is_by_uct = rng.random() < uct_share(budget.fraction, self._settings)
        return (
            next(find_continuations(tree, operators, self._settings), None)
            or self._merge(tree, operators)
            or (None if is_by_uct else self._elite(tree, budget, rng, operators, "elite"))
            or self._draft(tree, operators, cap=self._settings.drafts, reason="draft")
            or self._uct(tree, budget, operators)
            or self._elite(tree, budget, rng, operators, "last elite")
            or self._widen(tree, operators)
        )

    def _merge(self, tree: Tree, operators: Operators) -> Choice | None:
        parents = find_merge(tree, self._settings) if Operator.MERGE in operators else None
        if parents is None or not is_possible(tree, parents[0], Operator.MERGE, operators, self._settings):
            return None
        return Choice(Operator.MERGE, parents, chain="new", reason="stagnation")

    def _elite(self, tree: Tree, budget: Budget, rng: Random, operators: Operators, reason: str) -> Choice | None:
        """Improve one of the best nodes whose branch is at rest, drawn by rank, beyond the usual cap on improves."""
        moves: dict[int, Operator] = {}
        ranked: list[tuple[int, int]] = []
        for rank, node in enumerate(find_elites(tree, budget.fraction, self._settings), start=1):
            operator = find_improvement(tree, node, operators, self._settings, self._settings.elite_improves)
            if operator is not None and tree.pending(tree[node].branch) == 0:
                moves[node] = operator
                ranked.append((rank, node))
        if not ranked:
            return None
        node = draw_by_rank(ranked, rng)
        return Choice(moves[node], (node,), chain="new", reason=reason)

    def _draft(self, tree: Tree, operators: Operators, *, cap: int | None, reason: str) -> Choice | None:
        if not can_draft(tree, operators, self._settings, cap=cap):
            return None
        return Choice(Operator.DRAFT, (ROOT,), chain="new", reason=reason)

    def _uct(self, tree: Tree, budget: Budget, operators: Operators) -> Choice | None:
        found = descend(
            tree,
            exploration(tree, budget, self._settings),
            lambda node: find_move(tree, node, operators, self._settings),
            self._dead.setdefault(tree, {}).setdefault(operators, {}),
        )
        return None if found is None else Choice(found[0], (found[1],), chain="new", reason="uct")

    def _widen(self, tree: Tree, operators: Operators) -> Choice | None:
        """Draft beyond the cap: no branch at rest can go on, and not too many are at work already."""
        at_work = sum(tree.pending(draft) > 0 for draft in tree.children(ROOT))
        return self._draft(tree, operators, cap=None, reason="widen") if at_work < self._settings.widest else None
