"""When a search ends, and what that is called: the words of `mlmaster.core.events.RunEnded`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from mlmaster.core.events import PROVIDER
from mlmaster.core.tree import Tree
from mlmaster.engine.ledger import Ledger
from mlmaster.engine.proposing import Proposing
from mlmaster.engine.spending import Spending
from mlmaster.errors import BudgetSpent, ProviderError

ABANDONED_IN_A_ROW = 5
"""So many nodes given up for failures of our own, one after another, end the run: something is broken here."""

DEFERRED_IN_A_ROW = 3
"""So many nodes that the rest of the run does not hold, with no fold scored meanwhile, end the search: the next would not fit
either, and proposals cost too."""

REFUSED_IN_A_ROW = 20
"""So many decisions for which nothing usable was proposed, one after another, end the search: a model that has nothing to say
would say it at every node of a large tree, and be paid for it."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Reads from the state of a run whether it is over.

    Attributes:
        directory: Of the run, for what a user is told.
    """

    tree: Tree
    ledger: Ledger
    spending: Spending
    proposing: Proposing
    directory: Path

    @property
    def is_over(self) -> bool:
        """Return True for a run that ended before and is given nothing that would let it go on."""
        is_spent = self.spending.find_spent() is not None or self.spending.is_ended_for_good
        is_full = self.spending.is_at_node_limit and not self.tree.in_flight
        return bool(self.ledger.ended_by) and (is_spent or is_full)

    def find(self) -> str | None:
        """Return why the search ends now, whatever is at work; None while it goes on."""
        if self._was_never_answered:
            return PROVIDER
        if self.ledger.abandoned_in_a_row >= ABANDONED_IN_A_ROW:
            return "infrastructure"
        if self.ledger.deferred_in_a_row >= DEFERRED_IN_A_ROW:
            return "time"
        return self.spending.find_spent()

    @property
    def is_fruitless(self) -> bool:
        """Return True when nothing more is to be decided, though whatever is at work goes on."""
        return self.ledger.refused_in_a_row >= REFUSED_IN_A_ROW

    def name(self) -> str:
        """Return why a search has come to rest: nothing is at work, and nothing more is decided."""
        match self.proposing.end:
            case BudgetSpent(which=which):
                return which
            case ProviderError():
                return PROVIDER
        if self.ledger.deferred:
            return "time"
        return "nodes" if self.spending.is_at_node_limit else "exhausted"

    def complain(self, reason: str) -> None:
        """Raise when nobody could be asked and there is nothing to choose from, or nothing that was asked for.

        Raises:
            ProviderError: With what the user may do; the run can be resumed.
        """
        end = self.proposing.end
        if (
            reason == PROVIDER
            and isinstance(end, ProviderError)
            and (self._was_never_answered or self.tree.best is None)
        ):
            resume = f"mlmaster resume {shlex.quote(str(self.directory))}"
            raise ProviderError(
                end.cause, f"{str(end).rstrip('.')}. When that is mended, go on with: {resume}"
            ) from end

    @property
    def _was_never_answered(self) -> bool:
        """Return True when the very first question met a provider that cannot be used: a mistake of the user's, as a rule.

        What is replayed costs nothing, so a script that was composed from no recipe is an answer too.
        """
        if not isinstance(self.proposing.end, ProviderError) or self.spending.was_answered:
            return False
        return not any(node.code_hash and node.recipe is None for node in self.tree.nodes.values())
