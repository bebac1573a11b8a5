"""Runs of a policy against made-up outcomes: no engineer, no script, no clock.

Uses the same fold, judgement and policy as the engine, with any number of nodes in flight that end in random order. Good
for comparing policies, for measuring them, and for testing their laws.
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

_FAULTS = {NodeState.FAILED: Fault.ERROR, NodeState.ABANDONED: Fault.INFRASTRUCTURE}


class Board:
    """A tree that grows by choices and outcomes, judged as the engine does; keeps the events."""

    def __init__(self, settings: SearchSettings, direction: Direction = Direction.MAXIMIZE) -> None:
        self.tree = Tree()
        self.events: list[Event] = []
        self._settings, self._direction = settings, direction

    def decide(self, choice: Choice, budget: Budget) -> int:
        """Put a node in flight and return its id."""
        node = self.tree.next_id
        self._apply(
            Decided(
                node=node,
                operator=choice.operator,
                parents=choice.parents,
                chain=choice.chain,
                reason=choice.reason,
                budget=budget,
            )
        )
        return node

    def refuse(self, node: int, reason: str) -> None:
        """End a node in flight without a proposal."""
        self._apply(Refused(node=node, reason=reason))

    def end(self, node: int, state: NodeState, utility: float | None = None, standard_error: float = 0.0) -> None:
        """Propose a node in flight and end it; abandoned ones are not proposed."""
        if state is not NodeState.ABANDONED:
            self._apply(Proposed(node=node, plan="", edit="", recipe=None, code_hash=str(node)))
        best = self.tree.branches[self.tree[node].branch].best
        best_utility = None if best is None else self.tree[best].utility
        difference = None if utility is None or best_utility is None else utility - best_utility
        verdict = judge(self.tree, node, Outcome(state, utility, difference, standard_error), self._settings)
        self._apply(
            NodeFinished(
                node=node,
                state=state,
                value=None if utility is None else self._direction.to_value(utility),
                utility=utility,
                fault=_FAULTS.get(state),
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


@dataclass(frozen=True, slots=True)
class World:
    """What the simulated engineer and its scripts are like; chances are probabilities.

    Attributes:
        refused, abandoned, failed, raced: Chances of these ends, tried in this order; what is left is scored. Only what is
            worse than its branch's best is raced.
        abandonments: At most this many nodes are abandoned.
        scripts: Distinct scripts the engineer can write; then it is exhausted. None means no end.
        drift, spread: Mean and standard deviation of the step in utility from the primary parent (drafts: from 0).
        standard_error: Of every paired difference.
        direction: Of the metric; it mirrors values, never utilities.
        operators: What the engineer has.
    """

    refused: float = 0.05
    abandoned: float = 0.0
    failed: float = 0.2
    raced: float = 0.15
    abandonments: int = 20
    scripts: int | None = None
    drift: float = -0.3
    spread: float = 1.0
    standard_error: float = 0.1
    direction: Direction = Direction.MAXIMIZE
    operators: frozenset[Operator] = frozenset(Operator)


class Simulation:
    """One simulated run: `start` and `finish` nodes one at a time, or `run` to the end."""

    def __init__(self, policy: Policy, settings: SearchSettings, world: World, *, seed: int, nodes: int) -> None:
        self.board = Board(settings, world.direction)
        self.choices: list[Choice] = []
        self._policy, self._world, self._seed = policy, world, seed
        self._limits = BudgetLimits(nodes=nodes)
        self._rng = Random(seed)
        self._scripts = 0
        self._abandoned = 0

    @property
    def tree(self) -> Tree:
        """Return the tree so far."""
        return self.board.tree

    @property
    def budget(self) -> Budget:
        """Return what is spent."""
        return Budget(limits=self._limits, nodes=self.tree.count_nodes())

    def choose(self, policy: Policy | None = None, tree: Tree | None = None) -> Choice | None:
        """Ask the policy (or another, or about another tree) as the engine would at this event."""
        rng = Random(f"{self._seed}:{len(self.board.events)}")
        return (policy or self._policy).choose(tree or self.tree, self.budget, rng, self._world.operators)

    def start(self) -> int | None:
        """Start the next node; None when the budget is spent or the policy has nothing to start."""
        choice = None if self.budget.is_spent else self.choose()
        if choice is None:
            return None
        self.choices.append(choice)
        return self.board.decide(choice, self.budget)

    def finish(self, node: int) -> None:
        """End a node in flight by chance."""
        world, draw = self._world, self._rng.random
        if world.scripts is not None and self._scripts >= world.scripts:
            self.board.refuse(node, EXHAUSTED)
        elif draw() < world.refused:
            self.board.refuse(node, "duplicate")
        elif draw() < world.abandoned and self._abandoned < world.abandonments:
            self._abandoned += 1
            self.board.end(node, NodeState.ABANDONED)
        else:
            self._scripts += 1
            self._run(node)

    def run(self, slots: int = 1, watch: Callable[[], None] = lambda: None) -> None:
        """Go on until the budget is spent or nothing is left; `watch` is called after every start and finish."""
        while True:
            while len(self.tree.in_flight) < slots and self.start() is not None:
                watch()
            if not self.tree.in_flight:
                return
            self.finish(self._rng.choice(self.tree.in_flight))
            watch()

    def _run(self, node: int) -> None:
        if self._rng.random() < self._world.failed:
            self.board.end(node, NodeState.FAILED)
            return
        parent = self.tree[node].parent
        base = 0.0 if parent == ROOT else self.tree[parent].utility or 0.0
        utility = base + self._rng.gauss(self._world.drift, self._world.spread)
        best = self.tree.branches[self.tree[node].branch].best
        is_behind = best is not None and utility < (self.tree[best].utility or 0.0)
        is_raced = self._rng.random() < self._world.raced and is_behind
        self.board.end(node, NodeState.RACED if is_raced else NodeState.SCORED, utility, self._world.standard_error)
