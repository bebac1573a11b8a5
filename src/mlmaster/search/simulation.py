"""Runs of a policy against made-up outcomes: no engineer, no script, no clock.

Drives the same fold, judgement and policy as the engine does, with any number of nodes in flight that end in random order.
Used to compare policies, to measure them, and to test their laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import EXHAUSTED, Decided, Event, NodeFinished, Proposed, Refused
from mlmaster.core.execution import Fault
from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.core.score import Direction
from mlmaster.core.tree import Tree
from mlmaster.ports import Choice, Policy
from mlmaster.search.judgement import Outcome, judge
from mlmaster.search.settings import SearchSettings


@dataclass(frozen=True, slots=True)
class World:
    """What the simulated engineer and its scripts are like; shares are probabilities.

    Attributes:
        refused, abandoned, failed, raced: Chances of these ends, tried in this order; what is left is scored.
        abandonments: At most this many nodes are abandoned.
        scripts: Distinct scripts the engineer can write; then it is exhausted. None means no end.
        spread: Standard deviation of the step in utility from the primary parent (drafts: from 0).
        drift: Mean of that step.
        standard_error: Of every paired difference.
        direction: Of the metric; mirrors values, never utilities.
        operators: What the engineer has.
    """

    refused: float = 0.05
    abandoned: float = 0.0
    failed: float = 0.2
    raced: float = 0.15
    abandonments: int = 20
    scripts: int | None = None
    spread: float = 1.0
    drift: float = -0.3
    standard_error: float = 0.1
    direction: Direction = Direction.MAXIMIZE
    operators: frozenset[Operator] = frozenset(Operator)


class Simulation:
    """One simulated run: `start` and `finish` nodes by hand, or `run` to the end."""

    def __init__(self, policy: Policy, settings: SearchSettings, world: World, *, seed: int, nodes: int) -> None:
        self.tree = Tree()
        self.events: list[Event] = []
        self.choices: list[Choice] = []
        self._policy, self._settings, self._world = policy, settings, world
        self._limits = BudgetLimits(nodes=nodes)
        self._seed = seed
        self._outcomes = Random(seed)
        self._scripts = 0
        self._abandoned = 0

    @property
    def budget(self) -> Budget:
        """Return what is spent."""
        return Budget(limits=self._limits, nodes=self.tree.count_nodes())

    def choose(self) -> Choice | None:
        """Ask the policy, as the engine would at this event."""
        rng = Random(f"{self._seed}:{len(self.events)}")
        return self._policy.choose(self.tree, self.budget, rng, self._world.operators)

    def start(self) -> int | None:
        """Start the next node; None when the budget is spent or the policy has nothing to start."""
        choice = None if self.budget.is_spent else self.choose()
        if choice is None:
            return None
        node = self.tree.next_id
        self.choices.append(choice)
        self._apply(
            Decided(
                node=node,
                operator=choice.operator,
                parents=choice.parents,
                chain=choice.chain,
                reason=choice.reason,
                budget=self.budget,
            )
        )
        return node

    def finish(self, node: int) -> None:
        """End a node in flight by chance."""
        world, draw = self._world, self._outcomes.random
        is_exhausted = world.scripts is not None and self._scripts >= world.scripts
        if draw() < world.refused or is_exhausted:
            self._apply(Refused(node=node, reason=EXHAUSTED if is_exhausted else "duplicate"))
            return
        if draw() < world.abandoned and self._abandoned < world.abandonments:
            self._abandoned += 1
            self._end(node, Outcome(NodeState.ABANDONED))
            return
        self._scripts += 1
        self._apply(Proposed(node=node, plan="", edit="", recipe=None, code_hash=str(node)))
        if draw() < world.failed:
            self._end(node, Outcome(NodeState.FAILED))
            return
        utility = self._draw_utility(node)
        best = self.tree.branches[self.tree[node].branch].best
        difference = None if best is None else utility - (self.tree[best].utility or 0.0)
        is_raced = draw() < world.raced and difference is not None and difference < 0
        state = NodeState.RACED if is_raced else NodeState.SCORED
        self._end(node, Outcome(state, utility, difference, world.standard_error))

    def run(self, slots: int = 1, watch: Callable[[], None] = lambda: None) -> None:
        """Go on until the budget is spent or nothing is left; `watch` is called after every start and finish."""
        while True:
            while len(self.tree.in_flight) < slots and self.start() is not None:
                watch()
            if not self.tree.in_flight:
                return
            self.finish(self._outcomes.choice(self.tree.in_flight))
            watch()

    def _draw_utility(self, node: int) -> float:
        parent = self.tree[node].parent
        base = 0.0 if parent == ROOT else self.tree[parent].utility
        return (base or 0.0) + self._outcomes.gauss(self._world.drift, self._world.spread)

    def _end(self, node: int, outcome: Outcome) -> None:
        verdict = judge(self.tree, node, outcome, self._settings)
        value = None if outcome.utility is None else self._world.direction.to_value(outcome.utility)
        faults = {NodeState.FAILED: Fault.ERROR, NodeState.ABANDONED: Fault.INFRASTRUCTURE}
        self._apply(
            NodeFinished(
                node=node,
                state=outcome.state,
                value=value,
                utility=outcome.utility,
                fault=faults.get(outcome.state),
                gain=verdict.gain,
                is_new_best=verdict.is_new_best,
                has_removed_fault=verdict.has_removed_fault,
                chain_ended=verdict.chain_ended,
                reward=verdict.reward,
            )
        )

    def _apply(self, event: Event) -> None:
        self.tree.apply(event)
        self.events.append(event)
