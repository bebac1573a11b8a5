"""From a decision to a script that may be run: the context, the engineer's answer, the checks, a second try.

A context is a function of the journal up to its decision, so a resumed run asks the very same question again. What the
engineer may try out meanwhile is in `mlmaster.engine.desk`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from random import Random
from threading import Event as Flag

from mlmaster.core.budget import Budget
from mlmaster.core.events import BUDGET, EXHAUSTED, PROVIDER, Decided, Proposed, Record, Refused
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.tree import Tree
from mlmaster.core.usage import Usage
from mlmaster.engine.briefing import Briefing
from mlmaster.engine.checks import check
from mlmaster.engine.desk import ProposalDesk, Slots
from mlmaster.engine.evaluation import Evaluator
from mlmaster.engine.excerpts import excerpt
from mlmaster.engine.pools import Done
from mlmaster.engine.scripts import Scripts
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import BudgetSpent, CallCancelled, Exhausted, ProposalRefused, ProviderError
from mlmaster.memory.scoped import build_context
from mlmaster.ports import Clock, Engineer, Expenses

Answer = tuple[Proposal, float]
"""A proposal and the seconds it took."""


@dataclass(slots=True)
class Proposing:
    """Asks the engineer, and judges what comes back.

    Attributes:
        briefing: What every proposal is told alike.
        reserve_s: Seconds of the run that are not the search's.
        expenses: Who counts what calls cost; None where proposals say so themselves.
        cancel: Set when the run ends.
        end: Why nothing more can be proposed; None while it can.
    """

    briefing: Briefing
    values: TellingValues
    engineer: Engineer
    scripts: Scripts
    evaluator: Evaluator
    slots: Slots
    clock: Clock
    attempts: int
    reserve_s: float
    seed: int
    expenses: Expenses | None
    cancel: Flag
    end: BudgetSpent | ProviderError | None = None
    _contexts: dict[int, Context] = field(default_factory=dict)

    def open(self, tree: Tree, node: int, budget: Budget) -> None:
        """Fix what the engineer is shown for a decision; `tree` is as it stands right after it, `budget` what it saw."""
        limit = budget.limits.nodes
        self._contexts[node] = build_context(
            tree,
            node,
            self.briefing.task,
            self.briefing.profile,
            self.scripts.code,
            lambda parent: excerpt(self.scripts.log(parent), self.values),
            self.scripts.notes,
            script_limit_s=self.briefing.script_limit_s,
            threads=self.briefing.machine.threads,
            machine=self.briefing.machine,
            packages=self.briefing.packages,
            modules=self.briefing.modules,
            description=self.briefing.description,
            time_left_s=max(0.0, budget.time_left_s - self.reserve_s),
            nodes_left=None if limit is None else max(0, limit - budget.nodes),
            seed=Random(f"{self.seed}:{node}:proposal").getrandbits(32),
        )

    def reopen(self, records: Sequence[Record], node: int) -> None:
        """Do `open` again from a journal."""
        tree = Tree()
        for record in records:
            tree.apply(record.event)
            if isinstance(record.event, Decided) and record.event.node == node:
                self.open(tree, node, record.event.budget)
                return

    def job(self, tree: Tree, seen: Mapping[str, int], node: int) -> Callable[[], Answer]:
        """Return the job that asks the engineer; `seen` is as for `absorb`."""
        context = self._contexts[node]
        parents, seen_now, known = self._parent_hashes(tree, node), dict(seen), range(1, tree.next_id)

        def check_now(code: str) -> None:
            check(code, parents, seen_now, self.values)

        def read_log(of: int) -> str:
            return self.scripts.log(of) if of in known else ""

        desk = ProposalDesk(node, self.cancel, self.evaluator, self.slots, self.values, check_now, read_log)

        def ask() -> Answer:
            began = self.clock.monotonic()
            answer = self.engineer.propose(context, desk), self.clock.monotonic() - began
            self.values.read()  # here, since a large table would hold up the loop
            return answer

        return ask

    def absorb(self, tree: Tree, seen: Mapping[str, int], node: int, done: Done) -> Proposed | Refused | None:
        """Return the event an answer comes to; None when the engineer shall be asked again, told why.

        Args:
            tree: The tree now.
            seen: Hash of every script of the run, to its node.
            node: The decision.
            done: The finished job.
        """
        try:
            if done.error is not None:
                raise done.error
            proposal, seconds = done.value
            digest = check(proposal.code, self._parent_hashes(tree, node), seen, self.values)
        except Exhausted as error:
            return self._refused(node, EXHAUSTED, str(error))
        except ProposalRefused as error:
            context = self._contexts[node]
            refusals = (*context.refusals, str(error))
            if error.is_final or len(refusals) >= self.attempts:
                return self._refused(node, error.reason, error.detail)
            self._contexts[node] = replace(context, refusals=refusals)
            return None
        except CallCancelled:
            if not self.cancel.is_set():
                raise
            return None  # the run ends, and asks again when it is resumed
        except (BudgetSpent, ProviderError) as error:
            self.end = self.end or error
            return self.decline(node)
        self.scripts.save(node, proposal.code)
        return Proposed(
            node=node,
            plan=proposal.plan,
            edit=proposal.edit,
            recipe=proposal.recipe,
            code_hash=digest,
            seconds=seconds,
            placement=proposal.placement,
            memory=proposal.memory,
            prompt_tokens=proposal.prompt_tokens,
            turns=proposal.turns,
            **asdict(self._usage(node, proposal.usage)),
        )

    def decline(self, node: int) -> Refused:
        """Return the end of a decision that nobody can be asked for any more."""
        reason = BUDGET if isinstance(self.end, BudgetSpent) else PROVIDER
        return self._refused(node, reason, str(self.end))

    def _refused(self, node: int, reason: str, detail: str) -> Refused:
        return Refused(node=node, reason=reason, detail=detail, **asdict(self._usage(node, Usage())))

    def _usage(self, node: int, said: Usage) -> Usage:
        return said if self.expenses is None else self.expenses.of(node)

    @staticmethod
    def _parent_hashes(tree: Tree, node: int) -> frozenset[str]:
        return frozenset(tree[parent].code_hash for parent in tree[node].parents if parent)
