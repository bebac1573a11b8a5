"""The end of a run: make the candidates able to answer, choose, and write the final result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from threading import Event as Flag
from threading import Timer
from typing import Protocol

from mlmaster.core.cost import Cost
from mlmaster.core.events import Event, Rescored, Selected, SubmissionWritten
from mlmaster.core.task import Profile, Task
from mlmaster.core.tree import Tree
from mlmaster.engine.evaluation import FRESH, FULL, Evaluation, Evaluator
from mlmaster.engine.forecast import forecast
from mlmaster.engine.ledger import Scores
from mlmaster.engine.refitting import agrees
from mlmaster.engine.rescoring import MOST_MEMBERS, Rescorer
from mlmaster.engine.result import ResultWriter
from mlmaster.engine.selection import Finalist, Judgement, Selector
from mlmaster.errors import InfrastructureError

PREDICTED = 5
"""Where the real test did not ride along, so many of the best nodes are trained on all rows to predict it."""
NONE_HELD = "no honest estimate: no finalist did as well under a fresh key as on the folds of the search"


class Ending(Protocol):
    """Brings a search to its answer."""

    def finish(
        self,
        tree: Tree,
        scores: Mapping[int, Scores],
        costs: Mapping[int, Sequence[Cost]],
        read_code: Callable[[int], str],
        emit: Callable[..., None],
        seconds_left: Callable[[], float],
        *,
        is_judge_reused: bool,
        is_stopped: bool,
    ) -> Selected | None:
        """Choose and write the final answer; None when no node was scored on every fold.

        Args:
            tree: The finished tree.
            scores: By node, with their noise.
            costs: By node, what its evaluations took.
            read_code: Script of a node.
            emit: Appends events to the journal.
            seconds_left: Of the whole run's time; infinity without a limit.
            is_judge_reused: The search went on after the judge part was opened.
            is_stopped: The user wants an end: nothing is run that the answer does not need.
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
        costs: Mapping[int, Sequence[Cost]],
        read_code: Callable[[int], str],
        emit: Callable[..., None],
        seconds_left: Callable[[], float],
        *,
        is_judge_reused: bool,
        is_stopped: bool,
    ) -> Selected | None:
        """Choose and write the final answer; see `Ending`."""
        runs = _LastRuns(costs, self.evaluator, read_code, seconds_left)
        candidates = list(tree.ranking())
        if self.task.test is not None:
            self._predict_test(candidates, runs)
            candidates = [node for node in candidates if self.results.has_test(node)]
        if not candidates:
            return None

        def out_of_time() -> bool:
            return seconds_left() < self.margin_s

        finalists = self.selector.finalists(tree, scores, candidates, out_of_time)
        judgement = Judgement(self.selector.rank_by_guide(finalists), {})
        if self.selector.has_judge:
            opened, judgement = self.selector.open_judge(finalists)
            emit(opened)
        rescored = [] if is_stopped else self._rescore(judgement.ranked, runs)
        failed = {event.choice for event in rescored if not event.holds}
        chosen = next((finalist for finalist in judgement.ranked if finalist.name not in failed), judgement.ranked[0])
        test_rows = self.profile.test_rows or self.profile.train_rows
        if chosen.name in failed:
            selected = self.selector.without_estimate(chosen, NONE_HELD)
        else:
            selected = self.selector.estimate(
                chosen, judgement, candidates, test_rows, out_of_time, is_reused=is_judge_reused
            )
        emit(*rescored, selected)
        refitted = frozenset() if is_stopped else self._refit(chosen, runs)
        rows = self.results.write(chosen.members, chosen.kind, refitted=refitted)
        final: Event = SubmissionWritten(source=selected.choice, rows=rows)
        emit(final)
        return selected

    def _predict_test(self, candidates: Sequence[int], runs: _LastRuns) -> None:
        """Train the best nodes on all rows where that should fit; with no answer at all, try the quickest other one."""
        left_out = []
        for node in candidates[:PREDICTED]:
            if self.results.has_test(node):
                continue
            if runs.expected_s(node, "full") <= runs.seconds_left() - self.margin_s:
                runs.run(self.evaluator.full, node, runs.seconds_left())
            else:
                left_out.append(node)
        if left_out and not any(self.results.has_test(node) for node in candidates):
            quickest = min(left_out, key=lambda node: runs.expected_s(node, "full"))
            runs.run(self.evaluator.full, quickest, runs.seconds_left())

    def _rescore(self, ranked: Sequence[Finalist], runs: _LastRuns) -> list[Rescored]:
        """Score finalists once more, the first choice first, until one holds or cannot be scored again."""
        rescorer = Rescorer(self.task, self.selector.blender, self.results.load)
        found: list[Rescored] = []
        done: dict[int, bool] = {}

        def run(node: int) -> bool:
            if node not in done:
                done[node] = runs.run(self.evaluator.fresh, node, runs.seconds_left() / 2)
            return done[node] and self.results.has(node, FRESH)

        for finalist in ranked:
            heaviest = [node for node, _ in sorted(finalist.members, key=lambda member: -member[1])][:MOST_MEMBERS]
            event = rescorer.rescore(finalist, runs.affordable(heaviest, done.keys()), run)
            if event is None:
                break
            found.append(event)
            if event.holds:
                break
        return found

    def _refit(self, chosen: Finalist, runs: _LastRuns) -> frozenset[int]:
        """Return the members whose fit on all rows may stand for their one fold."""
        hidden = self.selector.hidden
        if self.task.test is None or not self.results.rides_along or len(hidden.fold_slices) > 1:
            return frozenset()
        accepted = set()
        for node, _ in sorted(chosen.members, key=lambda member: -member[1]):
            left = runs.seconds_left() - self.margin_s
            if runs.expected_s(node, "full") > left or not runs.run(self.evaluator.full, node, left):
                continue
            if agrees(self.task, self.results.load(node, 0), self.results.load(node, FULL), hidden.truth):
                accepted.add(node)
        return frozenset(accepted)


@dataclass(frozen=True, slots=True)
class _LastRuns:
    """Runs scripts after the search, one at a time, within the time that is left."""

    costs: Mapping[int, Sequence[Cost]]
    evaluator: Evaluator
    read_code: Callable[[int], str]
    seconds_left: Callable[[], float]

    def expected_s(self, node: int, view: str) -> float:
        """Return the seconds that a run of a node on a view should take; infinity when nothing is known of it."""
        found = forecast(self.costs.get(node, ()), self.evaluator.size(view))
        return inf if found is None else found.expected_s

    def affordable(self, nodes: Sequence[int], done: Collection[int]) -> list[int]:
        """Return the first nodes whose fresh runs fit into half the time that is left; those done cost nothing."""
        left, found = self.seconds_left() / 2, []
        for node in nodes:
            left -= 0.0 if node in done else self.expected_s(node, "fresh")
            if left < 0.0:
                break
            found.append(node)
        return found

    def run(self, evaluate: Callable[[int, str, Flag], Evaluation], node: int, seconds: float) -> bool:
        """Run a node's script once more for so long at most; False when it failed, which changes nothing any more."""
        cancel = Flag()
        timer = Timer(max(0.0, min(seconds, 7 * 86400.0)), cancel.set)
        timer.start()
        try:
            return evaluate(node, self.read_code(node), cancel).fault is None
        except InfrastructureError:
            return False
        finally:
            timer.cancel()
