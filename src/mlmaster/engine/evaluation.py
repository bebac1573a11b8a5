"""One evaluation: run a script on a view, read what it predicted, score it. Runs in a worker thread; touches no tree.

The script's directory is deleted here; what is kept are the predictions (`mlmaster.engine.predictions`), the notes and the
log, which stays whole: what engineers see of it is decided when they are asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag

import numpy as np

from mlmaster.core.cost import Cost, Size
from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.core.task import Task
from mlmaster.core.view import View
from mlmaster.engine import noise, predictions
from mlmaster.engine.checks import SUBMISSION_FILE
from mlmaster.engine.excerpts import mask
from mlmaster.engine.forecast import needs_second_size
from mlmaster.engine.notes import read_notes
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import InfrastructureError, SubmissionError, TaskError
from mlmaster.metrics.submission import read_probabilities, read_submission
from mlmaster.ports import Array, Metric, Sandbox, ViewSource
from mlmaster.store.run_directory import NOTES_FILE, write_atomically
from mlmaster.tasks.pool import discard

PROBABILITIES_FILE = "probabilities.csv"
LOOK_S = 300.0
"""Wall seconds that lines which only look at the data may take."""
FULL = -1
"""Number under which predictions of the real test by a script trained on all rows are kept."""
FRESH = -2
"""Number under which predictions of the rows that the fresh view hides are kept."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one evaluation.

    Attributes:
        fault: None when the script ran through and its submission is valid.
        detail: One line on the fault, without train rows.
        value: The metric on the guide part, for folds.
        resamples: The metric under the fold's resamples, for folds.
        wall_s, cpu_s, peak_bytes: As in `Execution`; of all runs, where there were several.
        costs: What each run that ended validly took.
    """

    fault: Fault | None
    detail: str
    value: float | None
    resamples: noise.Vector | None
    wall_s: float
    cpu_s: float
    peak_bytes: int
    costs: tuple[Cost, ...] = ()


class Evaluator:
    """Evaluates scripts of one run.

    Attributes:
        limits: Of each evaluation.
    """

    def __init__(
        self,
        task: Task,
        metric: Metric,
        views: ViewSource,
        sandbox: Sandbox,
        limits: Limits,
        seed: int,
        node_directory: Callable[[int], Path],
        values: TellingValues,
    ) -> None:
        self._task = task
        self._metric = metric
        self._views = views
        self._sandbox = sandbox
        self.limits = limits
        self._seed = seed
        self._node_directory = node_directory
        self._values = values

    def size(self, name: str) -> Size:
        """Return the rows of a view; see `mlmaster.ports.ViewSource.size`."""
        return self._views.size(name)

    def smoke(self, node: int, code: str, cancel: Flag) -> Evaluation:
        """Run the script on the small view; only that it runs, answers validly and what it takes counts.

        An error counts only when it comes again at twice the size: few rows alone can cause one. A script that may be too
        dear for a fold is run at twice the size as well, so that the growth of its cost is known.
        """
        first = self._run(node, code, self._views.smoke(), cancel, self._discard)
        if first.fault is None and not self._may_be_too_dear(first):
            return first
        if first.fault not in (None, Fault.ERROR, Fault.INVALID_SUBMISSION):
            return _on_few_rows(first, self._views.size("smoke"))
        second = self._run(node, code, self._views.smoke(scale=2), cancel, self._discard)
        if first.fault is None and second.fault in (Fault.ERROR, Fault.INVALID_SUBMISSION):
            second = replace(second, fault=None, detail="")  # it did not come twice
        return replace(
            _on_few_rows(second, self._views.size("smoke-2")),
            wall_s=first.wall_s + second.wall_s,
            cpu_s=first.cpu_s + second.cpu_s,
            peak_bytes=max(first.peak_bytes, second.peak_bytes),
            costs=first.costs + second.costs,
        )

    def _may_be_too_dear(self, first: Evaluation) -> bool:
        return needs_second_size(first.costs[0], self._views.size("smoke-2"), self.largest_fold, self.limits)

    @property
    def _looking(self) -> Limits:
        """Return what lines that only look at the data may use: they hold a slot, and may never end."""
        return replace(self.limits, wall_s=min(self.limits.wall_s, LOOK_S))

    @property
    def largest_fold(self) -> Size:
        """Return the rows of the largest view of a fold."""
        return max((self._views.size(f"fold-{fold}") for fold in range(self._views.folds)), key=lambda size: size.rows)

    @property
    def input_directory(self) -> Path:
        """Return what a script finds as `./input/` in an evaluation."""
        return self._views.fold(0).directory

    def trial_view(self) -> View:
        """Return the view that scripts are tried out on while they are being written."""
        return self._views.smoke()

    def trial(self, node: int, code: str, name: str, cancel: Flag, *, has_answer: bool) -> tuple[Evaluation, str]:
        """Run something that is being written on the small view, and return its log, whole, beside what came of it.

        A script that may be too dear for a fold is run at twice the size as well, as in `smoke`.

        Args:
            node: The node that is being made.
            code: A script, or lines that only look at the data.
            name: Of the log that is kept.
            cancel: Ends it.
            has_answer: Whether it must write a valid submission.
        """
        keep = self._discard if has_answer else None
        limits = self.limits if has_answer else self._looking
        found = self._run(node, code, self.trial_view(), cancel, keep, name, limits)
        if has_answer and found.fault is None and self._views.has_smoke and self._may_be_too_dear(found):
            again = self._run(node, code, self._views.smoke(scale=2), cancel, keep, name)
            found = replace(found, wall_s=found.wall_s + again.wall_s, costs=found.costs + again.costs)
        path = self._log(node, name)
        return found, path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def fold(self, node: int, code: str, fold: int, cancel: Flag) -> Evaluation:
        """Run the script on a fold's view, keep its predictions and score them on the guide part."""

        def keep(
            view: View,
            answer: Array,
            probabilities: Array | None,
            folder: Path,  # noqa: ARG001
        ) -> tuple[float, noise.Vector]:
            is_guide = self._views.guide[view.hidden]
            hidden = answer[view.rows >= 0]
            truth = self._views.truth[view.hidden][is_guide]
            value = self._metric.score(truth, hidden[is_guide])
            clusters = self._views.clusters[view.hidden][is_guide]
            resamples = noise.resample(self._metric, truth, hidden[is_guide], clusters, self._seed)
            found = FoldPredictions(
                rows=view.hidden,
                hidden=hidden,
                test=_of_test(view, answer),
                hidden_probabilities=None if probabilities is None else probabilities[view.rows >= 0],
                test_probabilities=None if probabilities is None else _of_test(view, probabilities),
                resamples=resamples,
            )
            predictions.save(self._node_directory(node), fold, found)
            return value, resamples

        return self._run(node, code, self._views.fold(fold), cancel, keep)

    def full(self, node: int, code: str, cancel: Flag) -> Evaluation:
        """Train on all rows, predict the real test, and keep the answer."""
        return self._answer(node, code, self._views.full(), FULL, cancel)

    def fresh(self, node: int, code: str, cancel: Flag) -> Evaluation:
        """Run the script on the fresh view and keep its predictions."""
        return self._answer(node, code, self._views.fresh(), FRESH, cancel)

    def _answer(self, node: int, code: str, view: View, number: int, cancel: Flag) -> Evaluation:
        """Run the script on a view and keep its predictions, unscored."""

        def keep(view: View, answer: Array, probabilities: Array | None, folder: Path) -> None:  # noqa: ARG001
            is_hidden = view.rows >= 0
            found = FoldPredictions(
                rows=view.hidden,
                hidden=answer[is_hidden],
                test=_of_test(view, answer),
                hidden_probabilities=None if probabilities is None else probabilities[is_hidden],
                test_probabilities=None if probabilities is None else _of_test(view, probabilities),
                resamples=np.empty(0),
            )
            predictions.save(self._node_directory(node), number, found)

        return self._run(node, code, view, cancel, keep)

    @staticmethod
    def _discard(view: View, answer: Array, probabilities: Array | None, folder: Path) -> None:
        """Keep nothing of a smoke run."""

    def _run(
        self,
        node: int,
        code: str,
        view: View,
        cancel: Flag,
        keep: Callable[[View, Array, Array | None, Path], tuple[float, noise.Vector] | None] | None,
        name: str = "",
        limits: Limits | None = None,
    ) -> Evaluation:
        """Run a script; without `keep` nothing of an answer is looked at."""
        try:
            execution = self._sandbox.run(code, view.directory, limits or self.limits, cancel)
        except InfrastructureError:
            self._views.forget(view)  # it may be the view that is broken
            raise
        if execution.fault is Fault.POLICY:
            self._views.forget(view)
        try:
            log = self._log(node, name or view.name)
            log.write_text(execution.log, encoding="utf-8")
            if execution.fault is not None:
                return _outcome(execution, execution.fault, mask(execution.detail, self._values))
            folder, rows = execution.directory, len(view.rows)
            if keep is None:
                return _outcome(execution, None, "")
            try:
                answer = read_submission(folder / SUBMISSION_FILE, self._task, view.keys, rows)
                probabilities = read_probabilities(folder / PROBABILITIES_FILE, self._task, view.keys, rows)
                kept = keep(view, answer, probabilities, folder)
            except (SubmissionError, TaskError) as error:
                return _outcome(execution, Fault.INVALID_SUBMISSION, mask(str(error), self._values))
            if kept is not None:
                self._keep_notes(node, folder / NOTES_FILE, log)
            cost = Cost(self._views.size(view.name), execution.wall_s, execution.peak_bytes)
            return replace(_outcome(execution, None, "", *(kept or (None, None))), costs=(cost,))
        except OSError as error:
            raise InfrastructureError(f"what node {node} predicted cannot be kept: {error}") from error
        finally:
            discard(execution.directory)

    def _log(self, node: int, name: str) -> Path:
        return self._node_directory(node) / f"{name}.log"

    def _keep_notes(self, node: int, path: Path, log: Path) -> None:
        """Keep what the script noted on its last fold; what is left out of it is said in the log."""
        notes, left_out = read_notes(path, self._values)
        if left_out:
            with log.open("a", encoding="utf-8") as file:
                file.write(f"[{left_out}]\n")
        if notes:
            write_atomically(self._node_directory(node) / NOTES_FILE, json.dumps(notes, ensure_ascii=False, indent=1))


def _outcome(
    execution: Execution,
    fault: Fault | None,
    detail: str,
    value: float | None = None,
    resamples: noise.Vector | None = None,
) -> Evaluation:
    return Evaluation(fault, detail, value, resamples, execution.wall_s, execution.cpu_s, execution.peak_bytes)


def _on_few_rows(evaluation: Evaluation, size: Size) -> Evaluation:
    """Return a smoke run that broke a limit with the rows it broke it on: a fold has more."""
    if evaluation.fault not in (Fault.TIMEOUT, Fault.OUT_OF_MEMORY, Fault.DISK):
        return evaluation
    return replace(evaluation, detail=f"on {size.trained:,} rows: {evaluation.detail}")


def _of_test(view: View, answer: Array) -> Array | None:
    """Return the answers for the real test rows in the test table's own order."""
    if not view.has_real_test:
        return None
    positions = np.flatnonzero(view.rows < 0)
    return answer[positions[np.argsort(-1 - view.rows[positions], kind="stable")]]
