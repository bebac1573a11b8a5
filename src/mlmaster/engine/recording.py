"""From a finished evaluation to the events that say what it means: a score, an end, a better answer.

The counterpart of `mlmaster.engine.proposing`. What scores are worth against the noise is in `mlmaster.engine.verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable

from mlmaster.core.events import FoldScored, SmokePassed, SubmissionWritten
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState
from mlmaster.core.tree import Tree
from mlmaster.engine import verdicts
from mlmaster.engine.evaluation import Evaluation
from mlmaster.engine.foresight import Foresight
from mlmaster.engine.ledger import Ledger
from mlmaster.engine.parts import Parts
from mlmaster.engine.pools import Done, Work
from mlmaster.engine.settings import EngineSettings
from mlmaster.errors import InfrastructureError
from mlmaster.search.settings import SearchSettings


class Recording:
    """Takes in what evaluations came to, and keeps `best/` the answer of the best node."""

    def __init__(
        self,
        parts: Parts,
        settings: EngineSettings,
        search: SearchSettings,
        tree: Tree,
        ledger: Ledger,
        foresight: Foresight,
        emit: Callable[..., None],
    ) -> None:
        """Take what is read; nothing is written.

        Args:
            parts: The components of the run.
            settings: Of the loop.
            search: Constants of rewards and chains.
            tree: As the journal has it; `emit` changes it.
            ledger: Likewise.
            foresight: Says which nodes cannot finish.
            emit: Appends events to the journal, and takes them in.
        """
        self._task, self._results, self._views = parts.task, parts.results, parts.views
        self._settings, self._search = settings, search
        self._tree, self._ledger, self._foresight = tree, ledger, foresight
        self._emit = emit
        self._retries: dict[int, int] = {}
        self._is_unfit_for_test: set[int] = set()

    def catch_up(self) -> None:
        """Say of a journal that broke off what its last event came to, where nothing says so yet."""
        for node in self._tree.in_flight:
            if node in self._ledger.scores:
                self._conclude(node)
            elif node in self._ledger.smoked:
                self._refuse(node)
        best = self._tree.best
        if best is not None and self._ledger.answered_by != f"node {best}" and self._can_answer(best):
            self._write_best(best)

    def wants_test(self, node: int) -> bool:
        """Return True when a node lacks an answer for the real test, and may still come to one."""
        return node not in self._is_unfit_for_test and not self._can_answer(node)

    def absorb(self, done: Done) -> None:
        """Take in a finished evaluation.

        Raises:
            BaseException: What it raised, unless that was a failure of our own.
        """
        work, node = done.key
        if done.error is not None:
            self._absorb_failure_of_ours(work, node, done.error)
        elif done.value.fault is Fault.CANCELLED:
            return
        elif work is Work.PREDICT:
            if done.value.fault is not None:
                self._is_unfit_for_test.add(node)
            elif self._tree.best == node:
                self._write_best(node)
        elif done.value.fault is not None:
            self._finish(
                node, NodeState.FAILED, fault=done.value.fault, detail=done.value.detail, wall_s=done.value.wall_s
            )
        elif done.value.value is None:
            self._absorb_smoke(node, done.value)
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

    def _absorb_smoke(self, node: int, evaluation: Evaluation) -> None:
        self._emit(
            SmokePassed(node=node, wall_s=evaluation.wall_s, peak_bytes=evaluation.peak_bytes, costs=evaluation.costs)
        )
        self._refuse(node)

    def _absorb_fold(self, node: int, evaluation: Evaluation) -> None:
        assert evaluation.value is not None
        assert evaluation.resamples is not None
        fold = len(self._tree[node].folds)
        self._ledger.bring(node, fold, evaluation.resamples)
        self._emit(
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
        if len(scored) == self._views.folds:
            self._finish(node, NodeState.SCORED, value=sum(value for value, _ in scored.values()) / len(scored))
        elif (value := self._value_if_hopeless(node)) is not None:
            self._finish(node, NodeState.RACED, value=value)
        else:
            if not self._ledger.answered_by and self._task.test is not None and self._views.rides_along:
                self._write_best(node)
            self._refuse(node)

    def _value_if_hopeless(self, node: int) -> float | None:
        return verdicts.hopeless_value(self._tree, self._ledger, self._task.direction, self._settings.racing_se, node)

    def _refuse(self, node: int) -> None:
        """Fail a node that cannot finish within the limits of a script, by what its runs so far took."""
        refusal = self._foresight.refuse(node)
        if refusal is not None:
            self._finish(node, NodeState.FAILED, fault=refusal[0], detail=refusal[1])

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
            self._tree,
            self._ledger,
            self._task.direction,
            self._search,
            node,
            state,
            value=value,
            fault=fault,
            detail=detail,
            wall_s=wall_s,
        )
        self._emit(event)
        if event.is_new_best and self._can_answer(node):
            self._write_best(node)

    def _can_answer(self, node: int) -> bool:
        return self._task.test is None or self._results.has_test(node)

    def _write_best(self, node: int) -> None:
        rows = self._results.write_single(self._tree[node])
        self._emit(SubmissionWritten(source=f"node {node}", rows=rows))
