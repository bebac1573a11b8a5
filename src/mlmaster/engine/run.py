"""The run: choose, propose, check, evaluate, record. The page to read first.

One thread owns the state, which is a fold over the journal; proposals and evaluations run in pools beside it. Whatever must
be done next is derived from the tree (a decision without a proposal wants one, a proposal without its last fold wants the
next), so a killed run goes on where it was by reading its journal. The end is in `mlmaster.engine.finish`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from threading import Event as Flag

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.cost import Size
from mlmaster.core.events import (
    Decided,
    Deferred,
    Event,
    FoldScored,
    Record,
    RunEnded,
    RunResumed,
    RunStarted,
    Selected,
    SmokePassed,
    SubmissionWritten,
)
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState
from mlmaster.core.scheme import Scheme
from mlmaster.core.task import Profile, Task
from mlmaster.core.tree import Tree
from mlmaster.engine import verdicts
from mlmaster.engine.evaluation import Evaluation, Evaluator
from mlmaster.engine.finish import Ending
from mlmaster.engine.forecast import defer, forecast, refuse
from mlmaster.engine.ledger import Ledger
from mlmaster.engine.pools import Done, Key, Pool, Work
from mlmaster.engine.proposing import Proposing
from mlmaster.engine.result import ResultWriter
from mlmaster.engine.scripts import Scripts
from mlmaster.engine.settings import EngineSettings
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import InfrastructureError, UserError
from mlmaster.ports import Clock, Engineer, Policy, RunStore, Sandbox, ViewSource
from mlmaster.search.settings import SearchSettings
from mlmaster.version import __version__

POLL_S = 0.25
"""How often the loop looks at the clock and at signals while it waits."""

ABANDONED_IN_A_ROW = 5
"""So many nodes given up for failures of our own, one after another, end the run: something is broken here."""

DEFERRED_IN_A_ROW = 3
"""So many nodes that the rest of the run does not hold, with no fold scored meanwhile, end the search: the next would not fit
either, and proposals cost too."""

Observer = Callable[[Record, Tree], None]


@dataclass(frozen=True, slots=True)
class Running:
    """What a slot is doing: shown live."""

    node: int
    work: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is put together from; see `mlmaster.wiring`.

    Attributes:
        packages: What scripts can import, as in `Context`.
    """

    task: Task
    profile: Profile
    values: TellingValues
    views: ViewSource
    evaluator: Evaluator
    engineer: Engineer
    policy: Policy
    sandbox: Sandbox
    store: RunStore
    results: ResultWriter
    finisher: Ending
    pool: Pool
    clock: Clock
    packages: Mapping[str, str]


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
        self._limits, self._settings, self._search, self._seed = limits, settings, search, seed
        self._busy: dict[Key, tuple[str, float]] = {}
        self._retries: dict[int, int] = {}
        self._cancel = Flag()
        self._is_stopping = False
        self._is_aborting = False
        self._is_unfit_for_test: set[int] = set()
        self._ledger = Ledger(lambda node, fold: parts.results.load(node, fold).resamples)
        self._had_s = parts.store.elapsed_s
        self._since = parts.clock.monotonic()
        self._start = start
        self._scripts = Scripts(parts.store)
        self._proposing = Proposing(
            parts.task,
            parts.profile,
            parts.values,
            parts.engineer,
            self._scripts,
            parts.clock,
            attempts=settings.attempts,
            script_limit_s=settings.timeout_s(limits.time_s),
            threads=settings.actual_threads,
            packages=parts.packages,
            seed=seed,
        )
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
        """Return what the user should know of the views."""
        return self._parts.views.notes

    @property
    def scheme(self) -> Scheme | None:
        """Return how the hidden evaluation is laid out; None where nothing is hidden."""
        return None if self._start.is_self_reported else self._start.scheme

    @property
    def elapsed_s(self) -> float:
        """Return active seconds over all processes of this run."""
        return self._had_s + self._parts.clock.monotonic() - self._since

    def budget(self) -> Budget:
        """Return limits and spending now."""
        return Budget(
            limits=self._limits,
            elapsed_s=self.elapsed_s,
            nodes=self.tree.count_nodes(),
            cost_usd=self._ledger.cost_usd,
            tokens=self._ledger.tokens,
        )

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
            self._parts.sandbox.close()
            self.store.close()

    def _execute(self) -> Selected | None:
        if self._ledger.is_ended and (self._spent_budget() or (self._is_at_node_limit() and not self.tree.in_flight)):
            return self._ledger.selected
        self._begin()
        reason = self._search_on()
        if self._is_aborting:
            return None
        selected = self._parts.finisher.finish(
            self.tree,
            self._ledger.scores,
            self._ledger.costs,
            self._scripts.code,
            self.emit,
            lambda: self.budget().time_left_s,
            is_judge_reused=self._ledger.is_judge_reused,
            is_stopped=self._is_stopping,
        )
        self.emit(RunEnded(reason=reason))
        return selected

    def _search_on(self) -> str:
        """Search; return why it ended: `time`, `nodes`, `cost`, `tokens`, `exhausted`, `infrastructure` or `stopped`."""
        try:
            while (reason := self._reason_to_end()) is None:
                self._decide()
                has_deferred = self._dispatch()
                if not self._busy:
                    if has_deferred:
                        continue
                    break
                if done := self._wait():
                    self._absorb(done)
            self._cancel.set()
            if reason is None and self._ledger.deferred:
                return "time"
            return reason or ("nodes" if self._is_at_node_limit() else "exhausted")
        finally:
            self._cancel.set()
            self._parts.pool.close()
            self.store.beat(self.elapsed_s)

    def emit(self, *events: Event) -> None:
        """Append events to the journal, take them in, and tell the observers."""
        for record in self.store.append(events, self.elapsed_s):
            self._take_in(record.event)
            for observer in self.observers:
                observer(record, self.tree)

    # ---- budget

    def _reason_to_end(self) -> str | None:
        if self._is_stopping:
            return "stopped"
        if self._ledger.abandoned_in_a_row >= ABANDONED_IN_A_ROW:
            return "infrastructure"
        if self._ledger.deferred_in_a_row >= DEFERRED_IN_A_ROW:
            return "time"
        return self._spent_budget()

    def _spent_budget(self) -> str | None:
        """Return the budget that leaves no more than the final reserve, or None."""
        budget, limits = self.budget(), self._limits
        if self._search_left_s() <= 0.0:
            return "time"
        if limits.cost_usd is not None and budget.cost_usd >= limits.cost_usd:
            return "cost"
        if limits.tokens is not None and budget.tokens >= limits.tokens:
            return "tokens"
        return None

    def _search_left_s(self) -> float:
        """Return the seconds until what is left is reserved for the end; infinity without a limit."""
        return self.budget().time_left_s - self._settings.reserve_s(self._limits.time_s)

    def _is_at_node_limit(self) -> bool:
        return self._limits.nodes is not None and self.tree.count_nodes() >= self._limits.nodes

    def _wanted(self) -> int:
        """Return how many nodes should be in flight: the slots, and as many as are proposed meanwhile."""
        slots, workers = self._settings.actual_slots, self._settings.actual_proposal_workers
        share = self._ledger.proposal_share(self._parts.views.folds)
        return slots + (0 if share < 0.05 else min(workers, 1 + math.ceil(slots * share)))

    # ---- choose

    def _decide(self) -> None:
        while self._at_work() < self._wanted() and not self._is_at_node_limit():
            node = self.tree.next_id
            rng = Random(f"{self._seed}:{node}")
            choice = self._parts.policy.choose(self.tree, self.budget(), rng, self._parts.engineer.operators)
            if choice is None:
                return
            self.emit(
                Decided(
                    node=node,
                    operator=choice.operator,
                    parents=choice.parents,
                    chain=choice.chain,
                    reason=choice.reason,
                    budget=self.budget(),
                )
            )
            self._proposing.open(self.tree, node)

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
            if self.tree[node].state is NodeState.DECIDED:
                self._submit((Work.PROPOSE, node), "proposing", self._proposing.job(node))
            elif self._free_slots():
                if self._defer(node):
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
        if node in self._is_unfit_for_test or self._can_answer(node):
            return False
        found = forecast(self._ledger.costs.get(node, ()), self._parts.evaluator.size("full"))
        return found is None or found.expected_s <= self._search_left_s()  # else the end may do it, in its reserve

    def _lacking(self, node: int) -> list[Size]:
        """Return the views of the folds that a node is still to be run on."""
        done = len(self.tree[node].folds)
        return [self._parts.evaluator.size(f"fold-{fold}") for fold in range(done, self._parts.views.folds)]

    def _defer(self, node: int) -> bool:
        """Put a node off when the rest of the run does not hold what it still needs: nobody's fault, no outcome.

        Until there is an answer, a single fold is worth running: `best/` takes it.
        """
        detail = defer(
            self._ledger.costs.get(node, ()),
            self._lacking(node),
            self._search_left_s(),
            is_measured=bool(self.tree[node].folds),
            needs_all=bool(self._ledger.answered_by),
        )
        if detail is not None:
            self.emit(Deferred(node=node, detail=detail))
        return detail is not None

    def _refuse(self, node: int) -> None:
        """Fail a node that cannot finish within the limits of a script, by what its runs so far took."""
        refusal = refuse(self._ledger.costs.get(node, ()), self._lacking(node), self._parts.evaluator.limits)
        if refusal is not None:
            self._finish(node, NodeState.FAILED, fault=refusal[0], detail=refusal[1])

    def _free_slots(self) -> int:
        return self._settings.actual_slots - sum(work is not Work.PROPOSE for work, _ in self._busy)

    def _submit(self, key: Key, description: str, job: Callable[[], object]) -> None:
        self._busy[key] = (description, self._parts.clock.monotonic())
        self._parts.pool.submit(key, job)

    def _next_evaluation(self, node: int) -> tuple[str, Callable[[], Evaluation]]:
        code = self._scripts.code(node)
        if self._parts.views.has_smoke and node not in self._ledger.smoked:
            return "smoke", partial(self._parts.evaluator.smoke, node, code, self._cancel)
        fold = len(self.tree[node].folds)
        return f"fold {fold}", partial(self._parts.evaluator.fold, node, code, fold, self._cancel)

    # ---- wait

    def _wait(self) -> Done | None:
        left = self._limits.time_s - self.elapsed_s if self._limits.time_s is not None else POLL_S
        done = self._parts.pool.wait(max(0.0, min(POLL_S, left)))
        self.store.beat(self.elapsed_s)
        return done

    # ---- absorb

    def _absorb(self, done: Done) -> None:
        del self._busy[done.key]
        work, node = done.key
        if isinstance(done.error, UserError):
            raise done.error
        if work is Work.PROPOSE:
            if event := self._proposing.absorb(self.tree, self._ledger.hashes, node, done):
                self.emit(event)
        elif done.error is not None:
            self._absorb_failure_of_ours(work, node, done.error)
        elif done.value.fault is Fault.CANCELLED:
            return
        elif work is Work.PREDICT:
            if done.value.fault is not None:
                self._is_unfit_for_test.add(node)
            elif self.tree.best == node:
                self._write_best(node)
        elif done.value.fault is not None:
            self._finish(
                node, NodeState.FAILED, fault=done.value.fault, detail=done.value.detail, wall_s=done.value.wall_s
            )
        elif done.value.value is None:
            evaluation = done.value
            self.emit(
                SmokePassed(
                    node=node, wall_s=evaluation.wall_s, peak_bytes=evaluation.peak_bytes, costs=evaluation.costs
                )
            )
            self._refuse(node)
        else:
            self._absorb_fold(node, done.value)

    def _absorb_failure_of_ours(self, work: Work, node: int, error: BaseException) -> None:
        if not isinstance(error, InfrastructureError):
            raise error
        self._retries[node] = self._retries.get(node, 0) + 1
        if self._retries[node] <= self._settings.infrastructure_retries:
            return
        if work is Work.PREDICT:
            self._is_unfit_for_test.add(node)
        else:
            self._finish(node, NodeState.ABANDONED, fault=Fault.INFRASTRUCTURE, detail=str(error))

    def _absorb_fold(self, node: int, evaluation: Evaluation) -> None:
        assert evaluation.value is not None
        assert evaluation.resamples is not None
        fold = len(self.tree[node].folds)
        self._ledger.bring(node, fold, evaluation.resamples)
        self.emit(
            FoldScored(
                node=node,
                fold=fold,
                value=evaluation.value,
                wall_s=evaluation.wall_s,
                cpu_s=evaluation.cpu_s,
                peak_bytes=evaluation.peak_bytes,
                size=evaluation.costs[0].size,
            )
        )
        self._conclude(node)

    def _conclude(self, node: int) -> None:
        """Finish a node whose folds allow it: all scored, or too far behind to catch up."""
        scored = self._ledger.scores[node]
        if len(scored) == self._parts.views.folds:
            self._finish(node, NodeState.SCORED, value=sum(value for value, _ in scored.values()) / len(scored))
        elif (value := self._value_if_hopeless(node)) is not None:
            self._finish(node, NodeState.RACED, value=value)
        else:
            if not self._ledger.answered_by and self.task.test is not None and self._parts.views.rides_along:
                self._write_best(node)
            self._refuse(node)

    def _value_if_hopeless(self, node: int) -> float | None:
        return verdicts.hopeless_value(self.tree, self._ledger, self.task.direction, self._settings.racing_se, node)

    def _finish(
        self,
        node: int,
        state: NodeState,
        *,
        value: float | None = None,
        fault: Fault | None = None,
        detail: str = "",
        wall_s: float = 0.0,
    ) -> None:
        event = verdicts.finish(
            self.tree,
            self._ledger,
            self.task.direction,
            self._search,
            node,
            state,
            value=value,
            fault=fault,
            detail=detail,
            wall_s=wall_s,
        )
        self.emit(event)
        if event.is_new_best and self._can_answer(node):
            self._write_best(node)

    def _can_answer(self, node: int) -> bool:
        return self.task.test is None or self._parts.results.has_test(node)

    def _write_best(self, node: int) -> None:
        rows = self._parts.results.write_single(self.tree[node])
        self.emit(SubmissionWritten(source=f"node {node}", rows=rows))

    # ---- the folds over the journal

    def _replay(self, records: Sequence[Record]) -> None:
        for record in records:
            self._take_in(record.event)
        for node in self.tree.in_flight:
            if self.tree[node].state is NodeState.DECIDED:
                self._proposing.reopen(records, node)

    def _begin(self) -> None:
        self._since = self._parts.clock.monotonic()
        self.emit(RunResumed(version=__version__) if self.is_resumed else self._start)
        for node in self.tree.in_flight:
            if node in self._ledger.scores:
                self._conclude(node)
            elif node in self._ledger.smoked:
                self._refuse(node)
        best = self.tree.best
        if best is not None and self._ledger.answered_by != f"node {best}" and self._can_answer(best):
            self._write_best(best)

    def _take_in(self, event: Event) -> None:
        self.tree.apply(event)
        self._ledger.take_in(event)
