"""What the run loop folds from the journal beside the tree: spending, scores with their noise, hashes, progress.

Like the tree it changes only by `take_in`, so a resumed run has what the killed one had.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.cost import Cost
from mlmaster.core.events import (
    BUDGET,
    EXHAUSTED,
    PROVIDER,
    Decided,
    Deferred,
    Event,
    FoldScored,
    JudgeOpened,
    NodeFinished,
    Proposed,
    Refused,
    RunEnded,
    RunResumed,
    Selected,
    SmokePassed,
    SubmissionWritten,
)
from mlmaster.core.node import NodeState
from mlmaster.core.usage import Usage
from mlmaster.engine.noise import Vector

Scores = dict[int, tuple[float, Vector]]
"""By fold: the metric on the guide part, and its resampled values."""


class Ledger:
    """Facts of a run that are no part of the tree.

    Attributes:
        smoked: Nodes that ran through on the small view.
        hashes: Normalised hash of every script that was run, to its first node.
        scores: By node, see `Scores`.
        wall_s: Wall seconds of a node's evaluations so far.
        costs: What each of a node's evaluations took that ran through, smoke runs first.
        deferred: Nodes that this process has no time left for.
        deferred_in_a_row: So many of them since a fold was last scored.
        usage: What proposals have used, as their events say.
        limits: What the run might spend when it last decided.
        ended_by: Why the run ended; "" while it has not, or when it goes on.
        abandoned_in_a_row: Nodes given up for failures of our own since the last one that was not.
        refused_in_a_row: Decisions for which nothing usable was proposed, since the last proposal or end of the run.
        answered_by: Whose answer `best/` holds: `node <id>`, the final choice's name, or empty.
        is_judge_open: The judge part was looked at; `is_judge_reused` when the search went on after that.
        selected: The last final choice.
    """

    def __init__(self, resamples: Callable[[int, int], Vector]) -> None:
        """Start empty; `resamples` reads the stored noise of a node's fold."""
        self._resamples = resamples
        self._fresh: dict[tuple[int, int], Vector] = {}
        self._proposal_s: list[float] = []
        self._evaluation_s: list[float] = []
        self._fold_s: list[float] = []
        self.smoked: set[int] = set()
        self.hashes: dict[str, int] = {}
        self.scores: dict[int, Scores] = {}
        self.wall_s: dict[int, float] = {}
        self.costs: dict[int, list[Cost]] = {}
        self.deferred: set[int] = set()
        self.deferred_in_a_row = 0
        self.usage = Usage()
        self.limits = BudgetLimits()
        self.ended_by = ""
        self.abandoned_in_a_row = self.refused_in_a_row = 0
        self.answered_by = ""
        self.is_judge_open = self.is_judge_reused = False
        self.selected: Selected | None = None

    def bring(self, node: int, fold: int, resamples: Vector) -> None:
        """Hand over the noise of a fold whose score is about to be recorded, to save reading it back."""
        self._fresh[node, fold] = resamples

    def take_in(self, event: Event) -> None:
        """Take in the next event."""
        self.ended_by = event.reason if isinstance(event, RunEnded) else ""
        match event:
            case Decided():
                self.is_judge_reused = self.is_judge_open
                self.limits = event.budget.limits
            case Proposed():
                self.hashes.setdefault(event.code_hash, event.node)
                self.refused_in_a_row = 0
                self.usage += event.usage
                self._proposal_s.append(event.seconds)
            case Refused():
                self.usage += event.usage
                self.refused_in_a_row += event.reason not in (EXHAUSTED, BUDGET, PROVIDER)
            case SmokePassed():
                self.smoked.add(event.node)
                self._spend(event.node, event.wall_s, *event.costs)
            case FoldScored():
                self._spend(event.node, event.wall_s, Cost(event.size, event.wall_s, event.peak_bytes))
                self.deferred_in_a_row = 0
                self._fold_s = [*self._fold_s[-19:], event.wall_s]
                noise = self._fresh.pop((event.node, event.fold), None)
                noise = self._resamples(event.node, event.fold) if noise is None else noise
                self.scores.setdefault(event.node, {})[event.fold] = (event.value, noise)
            case Deferred():
                self.deferred.add(event.node)
                self.deferred_in_a_row += 1
            case NodeFinished():
                is_abandoned = event.state is NodeState.ABANDONED
                self.abandoned_in_a_row = self.abandoned_in_a_row + 1 if is_abandoned else 0
                if not is_abandoned:
                    self._evaluation_s.append(event.wall_s)
            case RunResumed():
                self.abandoned_in_a_row = self.deferred_in_a_row = 0
                self.deferred.clear()
            case SubmissionWritten():
                self.answered_by = event.source
            case JudgeOpened():
                self.is_judge_open = True
            case Selected():
                self.selected = event
            case RunEnded():
                self.refused_in_a_row = 0
            case _:
                pass

    def proposal_share(self, folds: int) -> float:
        """Return how long a recent proposal took, in evaluations of a whole node.

        Before a node is finished its time is that of the folds so far; before any fold, that of a slow proposal.
        """
        if not self._proposal_s:
            return 0.0
        proposal_s = float(np.mean(self._proposal_s[-20:]))
        if self._evaluation_s:
            return proposal_s / max(1e-3, float(np.mean(self._evaluation_s[-20:])))
        if self._fold_s:
            return proposal_s / max(1e-3, folds * float(np.mean(self._fold_s)))
        return 1.0 if proposal_s > 1.0 else 0.0

    def _spend(self, node: int, seconds: float, *costs: Cost) -> None:
        self.wall_s[node] = self.wall_s.get(node, 0.0) + seconds
        self.costs.setdefault(node, []).extend(costs)
