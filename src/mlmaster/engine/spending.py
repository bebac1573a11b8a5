"""What a run may spend and what it has spent, over all its processes: which of its budgets is used up."""

from __future__ import annotations

from dataclasses import asdict

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import RunEnded
from mlmaster.core.tree import Tree
from mlmaster.core.usage import Usage
from mlmaster.engine.ledger import Ledger
from mlmaster.ports import Clock, Expenses


class Spending:
    """Measures the time, and reads the rest from the tree and the ledger."""

    def __init__(
        self,
        limits: BudgetLimits,
        reserve_s: float,
        had_s: float,
        tree: Tree,
        ledger: Ledger,
        clock: Clock,
        expenses: Expenses | None = None,
    ) -> None:
        """Begin to measure.

        Args:
            limits: What the run may spend, over all its processes.
            reserve_s: Seconds kept for the final selection.
            had_s: Active seconds of the processes before this one.
            tree: The nodes.
            ledger: What proposals cost.
            clock: The time.
            expenses: What calls of language models cost, those in flight included; else the ledger says it.
        """
        self._limits, self._reserve_s, self._had_s = limits, reserve_s, had_s
        self._tree, self._ledger, self._clock, self._expenses = tree, ledger, clock, expenses
        self._since = clock.monotonic()

    def begin(self) -> None:
        """Measure the time of this process from here on."""
        self._since = self._clock.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Return active seconds over all processes of the run."""
        return self._had_s + self._clock.monotonic() - self._since

    @property
    def usage(self) -> Usage:
        """Return what proposals have used."""
        return self._ledger.usage if self._expenses is None else self._expenses.total()

    @property
    def was_answered(self) -> bool:
        """Return True when calls have used more than those did that failed; while some are in flight, it may seem so."""
        wasted = Usage() if self._expenses is None else self._expenses.wasted()
        return self.usage.tokens > wasted.tokens

    def budget(self) -> Budget:
        """Return limits and spending now."""
        usage = self.usage
        return Budget(
            limits=self._limits,
            elapsed_s=self.elapsed_s,
            nodes=self._tree.count_nodes(),
            cost_usd=usage.cost_usd,
            tokens=usage.tokens,
        )

    def end(self, reason: str) -> RunEnded:
        """Return the event that ends the run, with all that it has used."""
        wasted = Usage() if self._expenses is None else self._expenses.wasted()
        return RunEnded(reason=reason, wasted_tokens=wasted.tokens, wasted_usd=wasted.cost_usd, **asdict(self.usage))

    @property
    def time_left_s(self) -> float:
        """Return the seconds left of the run; infinity without a limit."""
        return self.budget().time_left_s

    @property
    def search_left_s(self) -> float:
        """Return the seconds until what is left is reserved for the end; infinity without a limit."""
        return self.time_left_s - self._reserve_s

    @property
    def is_at_node_limit(self) -> bool:
        """Return True when no further node may be decided."""
        return self._limits.nodes is not None and self._tree.count_nodes() >= self._limits.nodes

    def find_spent(self) -> str | None:
        """Return the budget that leaves no more than the final reserve: `time`, `cost` or `tokens`; None while all do.

        Where calls are paid for one by one, whoever pays says when nothing is left: what is reserved may come back.
        """
        if self.search_left_s <= 0.0:
            return "time"
        if self._expenses is not None:
            return None
        usage = self.usage
        if self._limits.cost_usd is not None and usage.cost_usd >= self._limits.cost_usd:
            return "cost"
        if self._limits.tokens is not None and usage.tokens >= self._limits.tokens:
            return "tokens"
        return None

    @property
    def is_ended_for_good(self) -> bool:
        """Return True when the run ended by tokens or dollars and is given no more of them.

        What was left did not hold another call, and would not now.
        """
        before = self._ledger.limits
        match self._ledger.ended_by:
            case "cost":
                now, then = self._limits.cost_usd, before.cost_usd
            case "tokens":
                now, then = self._limits.tokens, before.tokens
            case _:
                return False
        return now is not None and then is not None and now <= then
