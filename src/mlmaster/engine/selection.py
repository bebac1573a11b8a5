"""The final choice and the honest answer.

At most three finalists are named from guide alone, before the judge part is opened: the best single node, the blend, and the
cheapest node within one standard error of the best. Of single nodes the better by guide and judge pooled is taken; the blend
is preferred to it unless judge puts the blend behind by more than one standard error. The estimate comes from judge alone,
less what choosing among the finalists flatters. Without a judge (too few rows) `unjudged` estimates it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlmaster.core.blend import BlendKind
from mlmaster.core.events import JudgeOpened, Selected
from mlmaster.core.task import PredictionKind, Task
from mlmaster.core.tree import Tree
from mlmaster.engine import noise, unjudged
from mlmaster.engine.blending import Blender, Loader, Members
from mlmaster.engine.hidden import Hidden, Mask
from mlmaster.engine.intervals import Belief, correct_few, optimism_of_choice
from mlmaster.engine.ledger import Scores
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.ports import Array, Metric, ViewSource

REUSED = "judge reused: it was opened before, so the estimate may be optimistic"
TOO_FEW = (
    "too few rows for a judge: the estimate rests on repeated folds that the search saw, corrected for having chosen"
)
ONE_CLUSTER = "no interval: too few rows that stand for themselves"
FLOORED = frozenset({PredictionKind.LABEL, PredictionKind.PROBABILITY, PredictionKind.CLASS_PROBABILITIES})


@dataclass(frozen=True, slots=True, eq=False)
class Finalist:
    """A candidate for the final answer, with its answers for all hidden rows."""

    name: str
    members: Members
    kind: BlendKind
    answers: Array


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A finalist seen by the judge: its values, and its values under resamples of the judge's rows."""

    finalist: Finalist
    pooled: float
    judge: float
    resamples: noise.Vector


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of opening the judge part.

    Attributes:
        ranked: The finalists, the chosen first, then in the order in which they take its place.
        judged: By name, those that judge could score; empty without a judge, or where it cannot be scored.
        optimism: Utility by which choosing among them flatters the chosen.
        problem: Why judge cannot be scored, or empty.
    """

    ranked: tuple[Finalist, ...]
    judged: Mapping[str, Judged]
    optimism: float = 0.0
    problem: str = ""


class Selector:
    """Chooses among the scored nodes of a finished search."""

    def __init__(
        self, task: Task, metric: Metric, views: ViewSource, load: Loader, seed: int, blend_members: int
    ) -> None:
        """Take what is needed; nothing is read before the search has ended.

        Args:
            task: The task.
            metric: Its metric.
            views: Its views.
            load: Reads a node's stored predictions of a fold.
            seed: Of the run.
            blend_members: Best nodes a blend may choose from.
        """
        self.views = views
        self._task, self._metric, self._load = task, metric, load
        self._seed, self._blend_members = seed, blend_members
        self._direction = metric.direction

    @cached_property
    def hidden(self) -> Hidden:
        """Return the hidden rows of all folds."""
        return Hidden.of(self.views, self._metric, self._seed)

    @cached_property
    def blender(self) -> Blender:
        """Return what fits blends."""
        return Blender(self._task, self.hidden, self._load, self.views.rides_along, self._seed)

    def finalists(
        self, tree: Tree, scores: Mapping[int, Scores], candidates: Sequence[int], out_of_time: Callable[[], bool]
    ) -> list[Finalist]:
        """Return the finalists, best single first; needs the guide part alone.

        Args:
            tree: The finished tree.
            scores: By node, with their noise.
            candidates: SCORED nodes that can answer for the real test, best first; not empty.
            out_of_time: True ends the fitting of weights early.
        """
        found = [self._single(candidates[0], "best single")]
        blend = self.blender.fit(candidates[: self._blend_members], out_of_time)
        if blend is not None:
            found.append(Finalist(_name(blend.kind, len(blend.members)), blend.members, blend.kind, blend.answers))
        cheapest = self._cheapest(tree, scores, candidates)
        if cheapest is not None:
            found.append(self._single(cheapest, "simplest within one standard error"))
        return found

    @property
    def has_judge(self) -> bool:
        """Return True when some hidden rows were kept from the search."""
        return self.views.scheme.has_judge and bool(self.hidden.judge.any())

    def open_judge(self, finalists: Sequence[Finalist]) -> tuple[JudgeOpened, Judgement]:
        """Look at the judge part, once, and choose."""
        opened = JudgeOpened(finalists=tuple(finalist.name for finalist in finalists))
        try:
            judged = [self._judge(finalist) for finalist in finalists]
        except (SubmissionError, TaskError) as error:
            return opened, Judgement(self.rank_by_guide(finalists), {}, problem=str(error))
        vectors = np.array([self._direction.to_utility(1.0) * each.resamples for each in judged])
        judge = np.array([self._direction.to_utility(each.judge) for each in judged])
        pooled = np.array([self._direction.to_utility(each.pooled) for each in judged])
        order = self._order(judged, judge, pooled)
        share = float(self.hidden.judge.mean())
        known = vectors[:, ~np.isnan(vectors).any(axis=0)]
        choices = [
            self._order(judged, column, pooled + share * (column - judge), self._errors(vectors))[0]
            for column in known.T
        ]
        optimism = optimism_of_choice(np.array(choices, dtype=np.int64), known, judge)
        ranked = tuple(judged[i].finalist for i in order)
        return opened, Judgement(ranked, {each.finalist.name: each for each in judged}, optimism)

    @staticmethod
    def rank_by_guide(finalists: Sequence[Finalist]) -> tuple[Finalist, ...]:
        """Return the finalists as they are preferred where judge says nothing: the blend, then the best single."""
        return tuple(sorted(finalists, key=lambda finalist: len(finalist.members) == 1))

    def estimate(
        self,
        chosen: Finalist,
        judgement: Judgement,
        candidates: Sequence[int],
        test_rows: int,
        out_of_time: Callable[[], bool],
        *,
        is_reused: bool,
    ) -> Selected:
        """Return the honest answer for the chosen finalist.

        Args:
            chosen: One of the ranked.
            judgement: As `open_judge` returned it; without a judge, only ranked.
            candidates: All nodes that were chosen from, best first.
            test_rows: Rows of the test the score is predicted for.
            out_of_time: True leaves out what can be left out.
            is_reused: The search went on after the judge part was opened.
        """
        if judgement.problem:
            problem = f"no honest estimate: the judge part cannot be scored ({judgement.problem})"
            return self.without_estimate(chosen, problem)
        selected = self.without_estimate(chosen)
        if not self.has_judge:
            value = unjudged.corrected_value(
                self.blender, chosen.kind, chosen.members, candidates, self._blend_members, out_of_time
            )
            selected = selected.model_copy(update={"basis": "repeats"})
            error = noise.standard_error([self.hidden.resample(chosen.answers, self.hidden.everything)])
            return self._bounded(_noted(selected, TOO_FEW), chosen, value, error, self.hidden.everything, test_rows)
        judged = judgement.judged[chosen.name]
        selected = selected.model_copy(update={"basis": "judge", "judge": judged.judge})
        value = self._direction.to_value(self._direction.to_utility(judged.judge) - judgement.optimism)
        error = noise.standard_error([judged.resamples])
        noted = _noted(selected, REUSED) if is_reused else selected
        return self._bounded(noted, chosen, value, error, self.hidden.judge, test_rows)

    def without_estimate(self, chosen: Finalist, note: str = "") -> Selected:
        """Return the choice with its value on guide alone, and why there is no more."""
        return Selected(
            choice=chosen.name,
            members=chosen.members,
            blend=chosen.kind,
            basis="none",
            guide=self.hidden.score(chosen.answers, self.hidden.guide),
            judge=None,
            note=note,
        )

    # ---- finalists

    def _single(self, node: int, name: str) -> Finalist:
        return Finalist(f"{name} (node {node})", ((node, 1.0),), BlendKind.MEAN, self.blender.answers(node))

    def _cheapest(self, tree: Tree, scores: Mapping[int, Scores], candidates: Sequence[int]) -> int | None:
        best = candidates[0]
        within = []
        for node in candidates:
            difference, error = noise.paired_difference(scores[node], scores[best], self._direction)
            if difference >= -error:
                within.append(node)
        cheapest = min(within, key=lambda node: (tree[node].wall_s, node), default=best)
        return None if cheapest == best else cheapest

    # ---- judge

    def _judge(self, finalist: Finalist) -> Judged:
        hidden, answers = self.hidden, finalist.answers
        pooled, judge = hidden.score(answers, hidden.everything), hidden.score(answers, hidden.judge)
        return Judged(finalist, pooled, judge, hidden.resample(answers, hidden.judge))

    @staticmethod
    def _errors(utilities: noise.Vector) -> noise.Vector:
        """Return the standard error of every finalist's difference from every other."""
        count = len(utilities)
        errors = np.zeros((count, count))
        for i in range(count):
            for j in range(i):
                errors[i, j] = errors[j, i] = noise.standard_error([utilities[i] - utilities[j]])
        return errors

    def _order(
        self,
        judged: Sequence[Judged],
        judge: noise.Vector,
        pooled: noise.Vector,
        errors: noise.Vector | None = None,
    ) -> list[int]:
        """Return the finalists' positions by preference, from their utilities on judge and on all hidden rows."""
        if errors is None:
            errors = self._errors(np.array([each.resamples for each in judged]))
        singles = [i for i, each in enumerate(judged) if len(each.finalist.members) == 1]
        singles.sort(key=lambda i: -pooled[i])
        blends = [i for i in range(len(judged)) if i not in singles]
        best = singles[0]
        is_rejected = [i for i in blends if judge[i] - judge[best] < -errors[i, best]]
        return [*(i for i in blends if i not in is_rejected), *singles, *is_rejected]

    # ---- intervals

    def _bounded(
        self, selected: Selected, chosen: Finalist, value: float, error: float, part: Mask, test_rows: int
    ) -> Selected:
        """Return the event with both intervals around a value, where the part tells of its own noise."""
        hidden, clusters = self.hidden, self.hidden.count_clusters(chosen.answers, part)
        if clusters <= 1.0 or not np.isfinite(error):
            return _noted(selected, ONE_CLUSTER).model_copy(update={"basis": "none"})
        belief = Belief(
            direction=self._direction,
            perfect=self._metric.perfect,
            value=value,
            error=correct_few(error, clusters),
            clusters=clusters,
            wrong=hidden.cost_of_a_wrong_cluster(chosen.answers, part),
            is_floored=self._task.prediction_kind in FLOORED and not self._metric.is_rank_based,
        )
        rows, shift = len(np.unique(hidden.rows[part])), self.views.scheme.shift
        deviations = hidden.resample_tests(chosen.answers, test_rows or rows)
        low, high = belief.expected()
        test_low, test_high = belief.predicted(
            deviations, rows, test_rows or rows, None if shift is None else shift.auc, self._seed
        )
        return selected.model_copy(
            update={
                "expected_low": low,
                "expected_high": high,
                "predicted_low": test_low,
                "predicted_high": test_high,
            }
        )


def _name(kind: BlendKind, members: int) -> str:
    return f"blend of {members}" if kind is BlendKind.MEAN else f"{kind} blend of {members}"


def _noted(selected: Selected, note: str) -> Selected:
    return selected.model_copy(update={"note": f"{selected.note}; {note}" if selected.note else note})
