"""The run: choose, propose, check, evaluate, record. The page to read first.

One thread owns the state, which is a fold over the journal; proposals and evaluations run in pools beside it. Whatever must
be done next is derived from the tree (a decision without a proposal wants one, a proposal without its last fold wants the
next), so a killed run goes on where it was by reading its journal. What comes back is judged in `mlmaster.engine.proposing`
and `mlmaster.engine.recording`; the end is in `mlmaster.engine.finish`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from random import Random
from threading import Event as Flag

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import (
    Decided,
    Event,
    Record,
    Remarked,
    RunResumed,
    RunStarted,
    Selected,
)
from mlmaster.core.node import NodeState
from mlmaster.core.scheme import Scheme
from mlmaster.core.tree import Tree
from mlmaster.engine.desk import Slots
from mlmaster.engine.ends import Ends
from mlmaster.engine.evaluation import Evaluation
from mlmaster.engine.foresight import Foresight
from mlmaster.engine.ledger import Ledger
from mlmaster.engine.parts import Parts
from mlmaster.engine.pools import Done, Key, Work
from mlmaster.engine.proposing import Proposing
from mlmaster.engine.recording import Recording
from mlmaster.engine.scripts import Scripts
from mlmaster.engine.settings import EngineSettings
from mlmaster.engine.spending import Spending
from mlmaster.errors import UserError
from mlmaster.search.settings import SearchSettings
from mlmaster.version import __version__

POLL_S = 0.25
"""How often the loop looks at the clock and at signals while it waits."""

Observer = Callable[[Record, Tree], None]


@dataclass(frozen=True, slots=True)
class Running:
    """What a slot is doing: shown live."""

    node: int
    work: str
    since_s: float


class Run:
    """One search over one task, new or resumed."""

    def __init__(
        self,
        parts: Parts,
        limits: BudgetLimits,
        settings: EngineSettings,
        search: SearchSettings,
        seed: int,
        start: RunStarted,
    ) -> None:
        """Take in what the journal holds; nothing is written before `execute`.

        Args:
            parts: The components.
            limits: What the run may spend, over all its processes.
            settings: Of the loop.
            search: Constants of rewards and chains.
            seed: Of every random choice.
            start: First event of a new run.
        """
        self.task, self.profile, self.store = parts.task, parts.profile, parts.store
        self.tree = Tree()
        self.observers: list[Observer] = []
        self._parts = parts
        self._settings, self._seed = settings, seed
        self._busy: dict[Key, tuple[str, float]] = {}
        self._cancel = Flag()
        self._is_stopping = False
        self._is_aborting = False
        self._ledger = Ledger(lambda node, fold: parts.results.load(node, fold).resamples)
        self._spending = Spending(
            limits,
            settings.reserve_s(limits.time_s),
            parts.store.elapsed_s,
            self.tree,
            self._ledger,
            parts.clock,
            parts.expenses,
        )
        self._foresight = Foresight(self.tree, self._ledger, parts.evaluator, parts.views.folds)
        self._start = start
        self._scripts = Scripts(parts.store)
        self._slots = Slots(settings.actual_slots)
        self._proposing = Proposing(
            parts.briefing,
            parts.values,
            parts.engineer,
            self._scripts,
            parts.evaluator,
            self._slots,
            parts.clock,
            attempts=settings.attempts,
            reserve_s=settings.reserve_s(limits.time_s),
            seed=seed,
            expenses=parts.expenses,
            cancel=self._cancel,
        )
        self._ends = Ends(self.tree, self._ledger, self._spending, self._proposing, parts.store.directory)
        self._recording = Recording(parts, settings, search, self.tree, self._ledger, self._foresight, self.emit)
        records = parts.store.read()
        self.is_resumed = bool(records)
        self._replay(records)

    # ---- what is asked of a run from outside

    @property
    def directory(self) -> Path:
        """Return the run directory."""
        return self.store.directory

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the user should know of the views, and of how scripts are run."""
        return (*self._parts.views.notes, *self._parts.remarks)

    @property
    def said(self) -> SimpleQueue[str]:
        """Return where threads put what the user is to be told; the run records it."""
        return self._parts.said

    @property
    def scheme(self) -> Scheme | None:
        """Return how the hidden evaluation is laid out; None where nothing is hidden."""
        return None if self._start.is_self_reported else self._start.scheme

    @property
    def elapsed_s(self) -> float:
        """Return active seconds over all processes of this run."""
        return self._spending.elapsed_s

    def budget(self) -> Budget:
        """Return limits and spending now."""
        return self._spending.budget()

    def running(self) -> Sequence[Running]:
        """Return what is being proposed and evaluated, and for how long."""
        now = self._parts.clock.monotonic()
        return [Running(node, work, now - since) for (_, node), (work, since) in sorted(self._busy.items())]

    def stop(self) -> None:
        """Start nothing more, end what runs, and go on to the final selection."""
        self._is_stopping = True
        self._cancel.set()

    def abort(self) -> None:
        """Stop at once, without a selection; the run can be resumed."""
        self._is_aborting = True
        self.stop()

    def execute(self) -> Selected | None:
        """Search until a budget ends, then choose and write the result; the run is closed afterwards.

        Returns:
            The final choice; None when there is nothing to choose from, or when the run was aborted to be resumed.
        """
        try:
            return self._execute()
        finally:
            self._parts.release()
            self._parts.sandbox.close()
            self.store.close()

    def _execute(self) -> Selected | None:
        if self._ends.is_over:
            return self._ledger.selected
        self._begin()
        reason = self._search_on()
        if self._is_aborting:
            return None
        self._ends.complain(reason)
        selected = self._parts.finisher.finish(
            self.tree,
            self._ledger.scores,
            self._ledger.costs,
            self._scripts.code,
            self.emit,
            lambda: self._spending.time_left_s,
            is_judge_reused=self._ledger.is_judge_reused,
            is_stopped=self._is_stopping,
        )
        self.emit(self._spending.end(reason))
        return selected

    def _search_on(self) -> str:
        """Search; return why it ended, in the words of `RunEnded`."""
        try:
            while (reason := "stopped" if self._is_stopping else self._ends.find()) is None:
                self._pass_on()
                self._decide()
                has_deferred = self._dispatch()
                if not self._busy:
                    if has_deferred:
                        continue
                    break
                if done := self._wait():
                    self._absorb(done)
            self._cancel.set()
            return reason or self._ends.name()
        finally:
            self._cancel.set()
            self._parts.pool.close()
            self._pass_on()
            self.store.beat(self.elapsed_s)

    def emit(self, *events: Event) -> None:
        """Append events to the journal, take them in, and tell the observers."""
        for record in self.store.append(events, self.elapsed_s):
            self._take_in(record.event)
            for observer in self.observers:
                observer(record, self.tree)

    def _pass_on(self) -> None:
        """Record what was said from other threads."""
        while not self._parts.said.empty():
            self.emit(Remarked(text=self._parts.said.get()))

    # ---- choose

    def _decide(self) -> None:
        while not self._is_settled and self._at_work() < self._wanted():
            node = self.tree.next_id
            rng = Random(f"{self._seed}:{node}")
            choice = self._parts.policy.choose(self.tree, self.budget(), rng, self._parts.engineer.operators)
            if choice is None:
                return
            budget = self.budget()
            self.emit(
                Decided(
                    node=node,
                    operator=choice.operator,
                    parents=choice.parents,
                    chain=choice.chain,
                    reason=choice.reason,
                    budget=budget,
                )
            )
            self._proposing.open(self.tree, node, budget)

    @property
    def _is_settled(self) -> bool:
        """Return True when nothing more is to be decided."""
        return self._proposing.end is not None or self._spending.is_at_node_limit or self._ends.is_fruitless

    def _wanted(self) -> int:
        """Return how many nodes should be in flight: the slots, and as many as are proposed meanwhile."""
        slots, workers = self._settings.actual_slots, self._settings.actual_proposal_workers
        share = self._ledger.proposal_share(self._parts.views.folds)
        return slots + (0 if share < 0.05 else min(workers, 1 + math.ceil(slots * share)))

    def _at_work(self) -> int:
        """Return how many nodes are in flight that the run has time for."""
        return len(self.tree.in_flight) - len(self._ledger.deferred)

    # ---- dispatch

    def _dispatch(self) -> bool:
        """Start what is wanted and fits; return True when a node was put off instead."""
        busy = {node for work, node in self._busy if work is not Work.PREDICT}
        has_deferred = False
        for node in self.tree.in_flight:
            if node in busy or node in self._ledger.deferred:
                continue
            if self.tree[node].state is NodeState.DECIDED and self._proposing.end is not None:
                self.emit(self._proposing.decline(node))
            elif self.tree[node].state is NodeState.DECIDED:
                self._submit(
                    (Work.PROPOSE, node), "proposing", self._proposing.job(self.tree, self._ledger.hashes, node)
                )
            elif self._free_slots():
                if put_off := self._foresight.defer(node, self._spending.search_left_s):
                    self.emit(put_off)
                    has_deferred = True
                else:
                    self._submit((Work.EVALUATE, node), *self._next_evaluation(node))
        best = self.tree.best
        if (
            best is not None
            and (Work.PREDICT, best) not in self._busy
            and self._free_slots()
            and self._wants_test(best)
        ):
            job = partial(self._parts.evaluator.full, best, self._scripts.code(best), self._cancel)
            self._submit((Work.PREDICT, best), "predicting the test", job)
        return has_deferred

    def _wants_test(self, node: int) -> bool:
        if not self._recording.wants_test(node):
            return False
        # what the search has no time for, the end may do in its reserve
        return self._foresight.fits(node, "full", self._spending.search_left_s)

    def _free_slots(self) -> int:
        return self._settings.actual_slots - sum(work is not Work.PROPOSE for work, _ in self._busy)

    def _submit(self, key: Key, description: str, job: Callable[[], object]) -> None:
        self._busy[key] = (description, self._parts.clock.monotonic())
        self._parts.pool.submit(key, job if key[0] is Work.PROPOSE else partial(self._in_a_slot, job))

    def _in_a_slot(self, job: Callable[[], object]) -> object:
        """Do a job when there is room: engineers try scripts out too. A cancelled one finds out by itself."""
        with self._slots.taken(self._cancel):
            return job()

    def _next_evaluation(self, node: int) -> tuple[str, Callable[[], Evaluation]]:
        code = self._scripts.code(node)
        if self._parts.views.has_smoke and node not in self._ledger.smoked:
            return "smoke", partial(self._parts.evaluator.smoke, node, code, self._cancel)
        fold = len(self.tree[node].folds)
        return f"fold {fold}", partial(self._parts.evaluator.fold, node, code, fold, self._cancel)

    # ---- wait

    def _wait(self) -> Done | None:
        done = self._parts.pool.wait(min(POLL_S, self._spending.time_left_s))
        self.store.beat(self.elapsed_s)
        return done

    # ---- absorb

    def _absorb(self, done: Done) -> None:
        del self._busy[done.key]
        if isinstance(done.error, UserError):
            raise done.error
        work, node = done.key
        if work is not Work.PROPOSE:
            self._recording.absorb(done)
        elif event := self._proposing.absorb(self.tree, self._ledger.hashes, node, done):
            self.emit(event)

    # ---- the folds over the journal

    def _replay(self, records: Sequence[Record]) -> None:
        for record in records:
            self._take_in(record.event)
        for node in self.tree.in_flight:
            if self.tree[node].state is NodeState.DECIDED:
                self._proposing.reopen(records, node)

    def _begin(self) -> None:
        self._spending.begin()
        resumed = RunResumed(version=__version__, sandbox=self._start.sandbox)
        self.emit(resumed if self.is_resumed else self._start)
        self._recording.catch_up()

    def _take_in(self, event: Event) -> None:
        self.tree.apply(event)
        self._ledger.take_in(event)
