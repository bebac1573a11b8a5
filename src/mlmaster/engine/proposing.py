"""From a decision to a script that may be run: the context, the engineer's answer, the checks, a second try.

A context is a function of the journal up to its decision, so a resumed run asks the very same question again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from mlmaster.core.events import EXHAUSTED, Decided, Proposed, Record, Refused
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import Profile, Task
from mlmaster.core.tree import Tree
from mlmaster.engine.checks import check
from mlmaster.engine.excerpts import excerpt
from mlmaster.engine.pools import Done
from mlmaster.engine.scripts import Scripts
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import Exhausted, ProposalRefused
from mlmaster.memory.scoped import build_context
from mlmaster.ports import Clock, Engineer

Answer = tuple[Proposal, float]
"""A proposal and the seconds it took."""


@dataclass(slots=True)
class Proposing:
    """Asks the engineer, and judges what comes back."""

    task: Task
    profile: Profile
    values: TellingValues
    engineer: Engineer
    scripts: Scripts
    clock: Clock
    attempts: int
    script_limit_s: float
    threads: int
    packages: Mapping[str, str]
    seed: int
    _contexts: dict[int, Context] = field(default_factory=dict)

    def open(self, tree: Tree, node: int) -> None:
        """Fix what the engineer is shown for a decision; `tree` is as it stands right after the decision."""
        self._contexts[node] = build_context(
            tree,
            node,
            self.task,
            self.profile,
            self.scripts.code,
            lambda parent: excerpt(self.scripts.log(parent), self.values),
            self.scripts.notes,
            script_limit_s=self.script_limit_s,
            threads=self.threads,
            packages=self.packages,
            seed=Random(f"{self.seed}:{node}:proposal").getrandbits(32),
        )

    def reopen(self, records: Sequence[Record], node: int) -> None:
        """Do `open` again from a journal."""
        tree = Tree()
        for record in records:
            tree.apply(record.event)
            if isinstance(record.event, Decided) and record.event.node == node:
                break
        self.open(tree, node)

    def job(self, node: int) -> Callable[[], Answer]:
        """Return the job that asks the engineer."""
        context = self._contexts[node]

        def ask() -> Answer:
            began = self.clock.monotonic()
            answer = self.engineer.propose(context), self.clock.monotonic() - began
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
            parents = frozenset(tree[parent].code_hash for parent in tree[node].parents if parent)
            digest = check(proposal.code, parents, seen, self.values)
        except Exhausted as error:
            return Refused(node=node, reason=EXHAUSTED, detail=str(error))
        except ProposalRefused as error:
            context = self._contexts[node]
            refusals = (*context.refusals, str(error))
            if len(refusals) >= self.attempts:
                return Refused(node=node, reason=error.reason, detail=error.detail)
            self._contexts[node] = replace(context, refusals=refusals)
            return None
        self.scripts.save(node, proposal.code)
        return Proposed(
            node=node,
            plan=proposal.plan,
            edit=proposal.edit,
            recipe=proposal.recipe,
            code_hash=digest,
            input_tokens=proposal.usage.input_tokens,
            output_tokens=proposal.usage.output_tokens,
            cost_usd=proposal.usage.cost_usd,
            seconds=seconds,
        )
