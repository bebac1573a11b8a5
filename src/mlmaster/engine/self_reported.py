"""Runs in which nothing can be hidden: the scripts say themselves how well they do, and are taken at their word.

A script sees the whole task folder, writes `submission.csv` for every row of the sample, and beside it `metrics.json`:

    {"value": 0.873}

The number is the node's value. There is no hidden row behind it, so there is no noise to race against, nothing to fit a
blend on, no judge and no honest estimate; the node of the best word is the answer, and every screen says whose word it is. A
run is of this kind or is scored by the harness, from its first event to its last: the two sorts of value never meet.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cost import Cost
from mlmaster.core.events import Selected, SubmissionWritten
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task
from mlmaster.core.tree import Tree
from mlmaster.core.view import View
from mlmaster.engine import noise, predictions
from mlmaster.engine.evaluation import Evaluation, Evaluator
from mlmaster.engine.ledger import Scores
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.engine.result import ResultWriter
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.ports import Array

REPORT_FILE = "metrics.json"
MOST_BYTES = 64 * 1024
EXPECTED = 'it must be {"value": NUMBER}, the score as the script itself has measured it'
NOTE = "self-reported: the score is the script's own word, measured by nobody else; this is no honest estimate"


class SelfReportedEvaluator(Evaluator):
    """Runs scripts on the whole folder and reads what they say of themselves."""

    def trial_view(self) -> View:
        """Return the whole folder: there is no small view of it."""
        return self._views.fold(0)

    @staticmethod
    def _discard(view: View, answer: Array, probabilities: Array | None, folder: Path) -> None:  # noqa: ARG004
        """Keep nothing of a trial; a script that does not say its value fails there as it would in earnest."""
        read_report(folder / REPORT_FILE)

    def fold(self, node: int, code: str, fold: int, cancel: Flag) -> Evaluation:
        """Run the script on the whole folder, keep its answers, and take its own word for its value."""

        def keep(view: View, answer: Array, probabilities: Array | None, folder: Path) -> tuple[float, noise.Vector]:
            value, none = read_report(folder / REPORT_FILE), np.empty(0)
            found = FoldPredictions(
                rows=view.hidden,
                hidden=answer[:0],
                test=answer,
                hidden_probabilities=None,
                test_probabilities=probabilities,
                resamples=none,
            )
            predictions.save(self._node_directory(node), fold, found)
            return value, none

        return self._run(node, code, self._views.fold(fold), cancel, keep)


@dataclass(frozen=True, slots=True)
class SelfReportedFinisher:
    """Ends a search by taking the node that says best of itself; implements `mlmaster.engine.finish.Ending`."""

    results: ResultWriter

    def finish(
        self,
        tree: Tree,
        scores: Mapping[int, Scores],  # noqa: ARG002
        costs: Mapping[int, Sequence[Cost]],  # noqa: ARG002
        read_code: Callable[[int], str],  # noqa: ARG002
        emit: Callable[..., None],
        seconds_left: Callable[[], float],  # noqa: ARG002
        *,
        is_judge_reused: bool,  # noqa: ARG002
        is_stopped: bool,  # noqa: ARG002
    ) -> Selected | None:
        """Choose and write the final answer; None when no node ran through."""
        if tree.best is None:
            return None
        best = tree[tree.best]
        selected = Selected(
            choice=f"best by its own word (node {best.id})",
            members=((best.id, 1.0),),
            basis="self_reported",
            guide=best.value,
            judge=None,
            note=NOTE,
        )
        emit(selected)
        rows = self.results.write(selected.members)
        emit(SubmissionWritten(source=selected.choice, rows=rows))
        return selected


@dataclass(slots=True)
class ReportedMetric:
    """A metric of which only name and direction are known; implements `mlmaster.ports.Metric`, but cannot score."""

    name: str
    direction: Direction
    title: str
    kinds: frozenset[PredictionKind] = frozenset(PredictionKind)
    perfect: float | None = None
    is_rank_based: bool = False

    @classmethod
    def of(cls, task: Task) -> ReportedMetric:
        """Return the metric a self-reported task names."""
        return cls(task.metric, task.direction, task.metric)

    def score(self, truth: Array, predictions: Array) -> float:  # noqa: ARG002
        """Raise: scripts report this metric themselves."""
        raise TaskError(f"{self.name} is reported by the scripts of this run and computed by nobody else")

    def resampled(
        self,
        truth: Array,  # noqa: ARG002
        predictions: Array,  # noqa: ARG002
        counts: NDArray[np.integer[Any]],  # noqa: ARG002
    ) -> NDArray[np.float64]:
        """Raise: scripts report this metric themselves."""
        raise TaskError(f"{self.name} is reported by the scripts of this run and computed by nobody else")


def read_report(path: Path) -> float:
    """Return the value a script reports of itself; anything may lie at the path.

    Raises:
        SubmissionError: The file is missing, is no regular file, is too large, or does not hold one finite number.
    """
    try:
        # NONBLOCK, so that a pipe put there cannot hold the harness; NOFOLLOW likewise for links
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise SubmissionError(
            f"{path.name} is missing: in this run the script reports its own score; {EXPECTED}"
        ) from None
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read ({error.strerror}); {EXPECTED}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise SubmissionError(f"{path.name} is no regular file of at most {MOST_BYTES:,} bytes; {EXPECTED}")
        content = file.read(MOST_BYTES)
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SubmissionError(f"{path.name} is no JSON ({type(error).__name__}); {EXPECTED}") from error
    value = found.get("value") if isinstance(found, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SubmissionError(f'{path.name} holds no number under "value"; {EXPECTED}')
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SubmissionError(f"{path.name} holds the value {number}, which is not finite; {EXPECTED}")
    return number
