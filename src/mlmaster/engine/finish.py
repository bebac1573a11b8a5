"""The end of a run: make the candidates able to answer, choose, and write the final result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event as Flag
from threading import Timer
from typing import Protocol

from mlmaster.core.events import Event, Selected, SubmissionWritten
from mlmaster.core.task import Profile, Task
from mlmaster.core.tree import Tree
from mlmaster.engine.evaluation import Evaluator
from mlmaster.engine.ledger import Scores
from mlmaster.engine.result import ResultWriter
from mlmaster.engine.selection import Selector

REFITTED = 5
"""Where the real test did not ride along, so many of the best nodes are trained on all rows to predict it."""


class Ending(Protocol):
    """Brings a search to its answer."""

    def finish(
        self,
        tree: Tree,
        scores: Mapping[int, Scores],
        read_code: Callable[[int], str],
        emit: Callable[..., None],
        seconds_left: Callable[[], float],
        *,
        is_judge_reused: bool,
    ) -> Selected | None:
        """Choose and write the final answer; None when no node was scored on every fold.

        Args:
            tree: The finished tree.
            scores: By node, with their noise.
            read_code: Script of a node.
            emit: Appends events to the journal.
            seconds_left: Of the whole run's time; infinity without a limit.
            is_judge_reused: The judge part was opened before.
        """
        ...


@dataclass(frozen=True, slots=True)
class Finisher:
    """Brings a search scored on hidden rows to its answer; implements `Ending`."""

    task: Task
    profile: Profile
    selector: Selector
    results: ResultWriter
    evaluator: Evaluator
    margin_s: float
    """Seconds kept from the fitting of weights for judging and writing."""

    def finish(
        self,
        tree: Tree,
        scores: Mapping[int, Scores],
        read_code: Callable[[int], str],
        emit: Callable[..., None],
        seconds_left: Callable[[], float],
        *,
        is_judge_reused: bool,
    ) -> Selected | None:
        """Choose and write the final answer; see `Ending`."""
        candidates = list(tree.ranking())
        if self.task.test is not None:
            self._predict_missing(candidates[:REFITTED], read_code, seconds_left)
            candidates = [node for node in candidates if self.results.has_test(node)]
        if not candidates:
            return None
        finalists = self.selector.finalists(tree, scores, candidates, lambda: seconds_left() < self.margin_s)
        test_rows = self.profile.test_rows or self.profile.train_rows
        opened, selected = self.selector.open_judge(finalists, test_rows, is_judge_reused)
        emit(opened, selected)
        rows = self.results.write(selected.members)
        final: Event = SubmissionWritten(source=selected.choice, rows=rows)
        emit(final)
        return selected

    def _predict_missing(
        self, nodes: list[int], read_code: Callable[[int], str], seconds_left: Callable[[], float]
    ) -> None:
        for node in nodes:
            left = seconds_left()
            if self.results.has_test(node) or left <= 1.0:
                continue
            cancel = Flag()
            timer = Timer(min(left, 7 * 86400.0), cancel.set)
            timer.start()
            try:
                self.evaluator.full(node, read_code(node), cancel)
            finally:
                timer.cancel()
