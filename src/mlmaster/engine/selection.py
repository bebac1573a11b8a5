"""The final choice and the honest answer.

Blend weights are fitted on the guide part. At most three finalists are named before the judge part is opened: the best
single node, the blend, and the cheapest node within one standard error of the best. The blend is preferred unless judge says
otherwise by one standard error; without a blend the better by guide and judge pooled is taken. The estimate comes from
judge alone, widened for having chosen among the finalists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.events import JudgeOpened, Selected
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task
from mlmaster.core.tree import Tree
from mlmaster.engine import noise
from mlmaster.engine.blending import AVERAGED, answer_from, greedy_weights, weighted
from mlmaster.engine.ledger import Scores
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.ports import Array, Metric, ViewSource

CONFIDENCE = 0.90

Loader = Callable[[int, int], FoldPredictions]
Folds = Mapping[int, Array]


@dataclass(frozen=True, slots=True)
class Finalist:
    """A candidate for the final answer, with its answers for the hidden rows of each fold."""

    name: str
    members: tuple[tuple[int, float], ...]
    answers: Folds


@dataclass(frozen=True, slots=True)
class Selector:
    """Chooses among the scored nodes of a finished search."""

    task: Task
    metric: Metric
    views: ViewSource
    load: Loader
    seed: int
    blend_members: int

    def finalists(
        self, tree: Tree, scores: Mapping[int, Scores], candidates: list[int], out_of_time: Callable[[], bool]
    ) -> list[Finalist]:
        """Return the finalists, best single first; needs the guide part alone.

        Args:
            tree: The finished tree.
            scores: By node, with their noise.
            candidates: SCORED nodes that can answer for the real test, best first; not empty.
            out_of_time: True ends the fitting of weights early.
        """
        found = [self._single(candidates[0], "best single")]
        blend = self._blend(candidates[: self.blend_members], out_of_time)
        if blend is not None:
            found.append(blend)
        cheapest = self._cheapest(tree, scores, candidates)
        if cheapest is not None:
            found.append(self._single(cheapest, "simplest within one standard error"))
        return found

    def open_judge(self, finalists: list[Finalist], test_rows: int, is_reused: bool) -> tuple[JudgeOpened, Selected]:
        """Look at the judge part once, choose, and return both events."""
        singles = [f for f in finalists if len(f.members) == 1]
        blend = next((f for f in finalists if len(f.members) > 1), None)
        chosen = max(singles, key=lambda f: self.task.direction.to_utility(self._score(f, self._everything)))
        if blend is not None and not self._is_rejected(blend, finalists[0]):
            chosen = blend
        opened = JudgeOpened(finalists=tuple(f.name for f in finalists))
        return opened, self._estimate(chosen, len(finalists), test_rows, is_reused)

    # ---- finalists

    def _single(self, node: int, name: str) -> Finalist:
        answers = {fold: self.load(node, fold).hidden for fold in range(self.views.folds)}
        return Finalist(f"{name} (node {node})", ((node, 1.0),), answers)

    def _blend(self, candidates: list[int], out_of_time: Callable[[], bool]) -> Finalist | None:
        numbers = {node: parts for node in candidates if (parts := self._numbers(node)) is not None}
        if len(numbers) < 2:
            return None
        nodes = list(numbers)
        sizes = [len(numbers[nodes[0]][fold]) for fold in range(self.views.folds)]
        edges = np.cumsum([0, *sizes])

        def utility(flat: Array) -> float:
            answers = {f: answer_from(self.task, flat[edges[f] : edges[f + 1]]) for f in range(self.views.folds)}
            return self._utility(answers)

        flat = [np.concatenate([numbers[node][fold] for fold in range(self.views.folds)]) for node in nodes]
        weights = greedy_weights(flat, utility, self.seed, out_of_time)
        members = tuple((node, weight) for node, weight in zip(nodes, weights, strict=True) if weight > 0)
        if len(members) < 2:
            return None
        answers = {
            fold: answer_from(self.task, weighted([(weight, numbers[node][fold]) for node, weight in members]))
            for fold in range(self.views.folds)
        }
        return Finalist(f"blend of {len(members)}", members, answers)

    def _numbers(self, node: int) -> list[Array] | None:
        """Return a node's blendable predictions by fold, or None when it has none."""
        if self.task.prediction_kind not in AVERAGED | {PredictionKind.LABEL}:
            return None
        parts = [self.load(node, fold) for fold in range(self.views.folds)]
        found = [
            p.hidden_probabilities if self.task.prediction_kind is PredictionKind.LABEL else p.hidden for p in parts
        ]
        return None if any(part is None for part in found) else [part for part in found if part is not None]

    def _cheapest(self, tree: Tree, scores: Mapping[int, Scores], candidates: list[int]) -> int | None:
        best = candidates[0]
        within = []
        for node in candidates:
            difference, error = noise.paired_difference(scores[node], scores[best], self.task.direction)
            if difference >= -error:
                within.append(node)
        cheapest = min(within, key=lambda node: (tree[node].wall_s, node), default=best)
        return None if cheapest == best else cheapest

    # ---- scores

    def _utility(self, answers: Folds) -> float:
        try:
            return self.task.direction.to_utility(self._score_answers(answers, self._guide))
        except (SubmissionError, TaskError):
            return float("-inf")

    @staticmethod
    def _everything(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.ones(len(rows), dtype=bool)

    def _guide(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.views.guide[rows]
        return mask

    def _judge(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return ~self._guide(rows)

    def _score(self, finalist: Finalist, part: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> float:
        return self._score_answers(finalist.answers, part)

    def _score_answers(self, answers: Folds, part: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> float:
        values = []
        for fold, answer in answers.items():
            rows = self.views.fold(fold).hidden
            mask = part(rows)
            values.append(self.metric.score(self.views.truth[rows][mask], answer[mask]))
        return sum(values) / len(values)

    def _judge_vectors(self, finalist: Finalist) -> dict[int, tuple[float, noise.Vector]]:
        found = {}
        for fold, answer in finalist.answers.items():
            rows = self.views.fold(fold).hidden
            mask = self._judge(rows)
            truth = self.views.truth[rows][mask]
            value = self.metric.score(truth, answer[mask])
            resamples = noise.resample(self.metric, truth, answer[mask], self.views.clusters[rows][mask], self.seed)
            found[fold] = (value, resamples)
        return found

    def _is_rejected(self, blend: Finalist, single: Finalist) -> bool:
        """Return True when judge puts the blend more than one standard error behind the best single.

        A judge part that cannot be scored says nothing against the blend.
        """
        try:
            mine, theirs = self._judge_vectors(blend), self._judge_vectors(single)
        except (SubmissionError, TaskError):
            return False
        difference, error = noise.paired_difference(mine, theirs, self.task.direction)
        return difference < -error

    # ---- the honest answer

    def _estimate(self, chosen: Finalist, finalists: int, test_rows: int, is_reused: bool) -> Selected:
        guide = self._score(chosen, self._guide)
        base = Selected(choice=chosen.name, members=chosen.members, guide=guide, judge=None)
        try:
            vectors = self._judge_vectors(chosen)
        except (SubmissionError, TaskError) as error:
            return base.model_copy(update={"note": f"no honest estimate: the judge part cannot be scored ({error})"})
        judge = sum(value for value, _ in vectors.values()) / len(vectors)
        spread = noise.standard_error([vector for _, vector in vectors.values()])
        if not math.isfinite(spread):
            return base.model_copy(
                update={"judge": judge, "note": "no interval: too few rows that stand for themselves"}
            )
        judge_rows = (
            int((~self.views.guide).sum())
            if self.views.folds > 1
            else int(self._judge(self.views.fold(0).hidden).sum())
        )
        expected = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / finalists) * spread
        scale = 1 + judge_rows / max(1, test_rows or judge_rows)
        predicted = expected * scale**0.5
        note = "judge reused: it was opened before, so the estimate may be optimistic" if is_reused else ""
        expected_low, expected_high = self._interval(judge, expected)
        predicted_low, predicted_high = self._interval(judge, predicted)
        return base.model_copy(
            update={
                "judge": judge,
                "expected_low": expected_low,
                "expected_high": expected_high,
                "predicted_low": predicted_low,
                "predicted_high": predicted_high,
                "note": note,
            }
        )

    def _interval(self, middle: float, half: float) -> tuple[float, float]:
        """Return the bounds around a value, cut off where the metric is perfect."""
        low, high = middle - half, middle + half
        perfect = self.metric.perfect
        if perfect is None:
            return low, high
        return (max(low, perfect), high) if self.task.direction is Direction.MINIMIZE else (low, min(high, perfect))
