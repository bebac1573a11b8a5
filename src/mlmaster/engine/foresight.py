"""Which of its nodes a run goes on with, by what their evaluations took so far; the law is in `mlmaster.engine.forecast`."""

from __future__ import annotations

from dataclasses import dataclass

from mlmaster.core.cost import Cost, Size
from mlmaster.core.events import Deferred
from mlmaster.core.execution import Fault
from mlmaster.core.tree import Tree
from mlmaster.engine.evaluation import Evaluator
from mlmaster.engine.forecast import defer, forecast, refuse
from mlmaster.engine.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Foresight:
    """Holds what nodes still need against what is left for them.

    Attributes:
        tree, ledger: As they are now: what was measured, and on which folds.
        evaluator: Knows the sizes of the views and the limits of a script.
        folds: How many folds a node is scored on.
    """

    tree: Tree
    ledger: Ledger
    evaluator: Evaluator
    folds: int

    def defer(self, node: int, left_s: float) -> Deferred | None:
        """Return the event that puts a node off, when the rest of the run does not hold what it still needs.

        That is nobody's fault and no outcome. Until there is an answer, a single fold is worth running: `best/` takes it.

        Args:
            node: The node.
            left_s: Seconds the search has left.
        """
        detail = defer(
            self._costs(node),
            self._lacking(node),
            left_s,
            is_measured=bool(self.tree[node].folds),
            needs_all=bool(self.ledger.answered_by),
        )
        return None if detail is None else Deferred(node=node, detail=detail)

    def refuse(self, node: int) -> tuple[Fault, str] | None:
        """Return the fault of a node that cannot finish within the limits of a script, with the reason; None if it may."""
        return refuse(self._costs(node), self._lacking(node), self.evaluator.limits)

    def fits(self, node: int, view: str, left_s: float) -> bool:
        """Return True when a run of a node on a view should end in time, or when nothing is known of it."""
        found = forecast(self._costs(node), self.evaluator.size(view))
        return found is None or found.expected_s <= left_s

    def _costs(self, node: int) -> list[Cost]:
        return self.ledger.costs.get(node, [])

    def _lacking(self, node: int) -> list[Size]:
        """Return the views of the folds that a node is still to be run on."""
        done = len(self.tree[node].folds)
        return [self.evaluator.size(f"fold-{fold}") for fold in range(done, self.folds)]
