"""The finalist once more, under a fresh key: does it hold up where the layout it was found under is gone?

A script may lean on what only the first layout had: row numbers, an order, keys it has learned. So each member (the heaviest,
as far as time allows) is run on a view that hides guide rows afresh, and its answers for these rows are compared with its
earlier ones. No row of the judge part is in that view.

The fresh view shows no fewer rows to learn from than a fold's view, so whatever is worse by more than three standard errors
leaned on the old layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlmaster.core.blend import BlendKind
from mlmaster.core.events import Rescored
from mlmaster.core.task import Task
from mlmaster.engine import noise
from mlmaster.engine.blending import Blender, Loader, Members
from mlmaster.engine.combining import combine, takes_probabilities
from mlmaster.engine.evaluation import FRESH
from mlmaster.engine.selection import Finalist
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.ports import Array

MOST_MEMBERS = 3
ERRORS = 3.0

RunFresh = Callable[[int], bool]
"""Runs a node on the fresh view and keeps its predictions; False when it could not be done."""


@dataclass(frozen=True, slots=True)
class Rescorer:
    """Compares fresh answers with earlier ones."""

    task: Task
    blender: Blender
    load: Loader

    def rescore(self, finalist: Finalist, affordable: Sequence[int], run: RunFresh) -> Rescored | None:
        """Return how the finalist holds up, or None when nothing could be run or scored.

        It holds when its members hold, each by itself and together.

        Args:
            finalist: The choice.
            affordable: Its members that there is time for.
            run: Runs one of them, unless it was run before.
        """
        done = [(node, weight) for node, weight in finalist.members if node in affordable and run(node)]
        if not done:
            return None
        total = sum(weight for _, weight in done)
        together: Members = tuple((node, weight / total) for node, weight in done)
        groups = [together] if len(done) == 1 else [together, *(((node, 1.0),) for node, _ in done)]
        try:
            found = [self._compare(finalist.name, finalist.kind, members) for members in groups]
        except (SubmissionError, TaskError):
            return None
        return next((each for each in found if not each.holds), found[0])

    def _compare(self, name: str, kind: BlendKind, members: Members) -> Rescored:
        hidden, metric = self.blender.hidden, self.blender.hidden.metric
        rows = self.load(members[0][0], FRESH).rows
        known, first = np.unique(hidden.rows, return_index=True)
        is_known = np.isin(rows, known)
        place = first[np.searchsorted(known, rows[is_known])]
        truth, clusters = hidden.truth[place], hidden.clusters[place]
        before = self._before(kind, members)[place]
        now = self._now(kind, members)[is_known]
        reference, value = metric.score(truth, before), metric.score(truth, now)
        vectors = [noise.resample(metric, truth, each, clusters, hidden.seed) for each in (now, before)]
        error = noise.standard_error([vectors[0] - vectors[1]])
        worse = metric.direction.to_utility(reference - value)
        return Rescored(choice=name, value=value, reference=reference, error=error, holds=worse <= ERRORS * error)

    def _before(self, kind: BlendKind, members: Members) -> Array:
        alone = len(members) == 1
        return self.blender.answers(members[0][0]) if alone else self.blender.combined(kind, members)

    def _now(self, kind: BlendKind, members: Members) -> Array:
        by_probabilities = takes_probabilities(self.task, kind, len(members))
        parts = []
        for node, weight in members:
            stored = self.load(node, FRESH)
            answer = stored.hidden_probabilities if by_probabilities else stored.hidden
            if answer is None:
                raise SubmissionError(f"node {node} wrote no probabilities this time")
            parts.append((weight, [answer]))
        return combine(self.task, kind, parts)
