"""Nodes with answers and no scripts: what the final selection is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import Decided, Event, FoldScored, NodeFinished, Proposed
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.core.tree import Tree
from mlmaster.engine import noise
from mlmaster.engine.blending import Blender
from mlmaster.engine.evaluation import FRESH
from mlmaster.engine.hidden import Hidden
from mlmaster.engine.ledger import Scores
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.engine.selection import Selector
from mlmaster.metrics.registry import Registry
from mlmaster.ports import Array
from mlmaster.testing.fake_views import FakeViews

KINDS = {
    "rmse": (TaskKind.REGRESSION, PredictionKind.NUMBER),
    "spearman": (TaskKind.REGRESSION, PredictionKind.NUMBER),
    "log_loss": (TaskKind.BINARY, PredictionKind.PROBABILITY),
    "roc_auc": (TaskKind.BINARY, PredictionKind.PROBABILITY),
    "accuracy": (TaskKind.BINARY, PredictionKind.LABEL),
}


def make_task(metric: str, *, has_test: bool = True) -> Task:
    kind, prediction_kind = KINDS[metric]
    return Task(
        name="t",
        directory=Path(),
        train="train.csv",
        test="test.csv" if has_test else None,
        submission_columns=("y",),
        prediction_columns=("y",),
        targets=("y",),
        kind=kind,
        prediction_kind=prediction_kind,
        classes=() if kind is TaskKind.REGRESSION else ("no", "yes"),
        metric=metric,
        direction=Registry().get(metric).direction,
    )


@dataclass
class Answers:
    """Answers of nodes by train row, handed out fold by fold as if they had been stored.

    `whole` and `test` hold a node's answers for all train rows and for the test; `fresh` those under the fresh key;
    `chances` and `test_chances` the probabilities behind labels.
    """

    task: Task
    views: FakeViews
    whole: dict[int, Array]
    test: dict[int, Array] = field(default_factory=dict)
    fresh: dict[int, Array] = field(default_factory=dict)
    chances: dict[int, Array] = field(default_factory=dict)
    test_chances: dict[int, Array] = field(default_factory=dict)

    def load(self, node: int, fold: int) -> FoldPredictions:
        rows = (self.views.fresh() if fold == FRESH else self.views.fold(fold)).hidden
        source = self.fresh.get(node, self.whole[node]) if fold == FRESH else self.whole[node]
        chances = self.chances.get(node)
        return FoldPredictions(
            rows=rows,
            hidden=source[rows],
            test=None if fold == FRESH else self.test.get(node, self.whole[node][:5]),
            hidden_probabilities=None if chances is None else chances[rows],
            test_probabilities=None if chances is None else self.test_chances.get(node, chances[:5]),
            resamples=np.empty(0),
        )

    @property
    def hidden(self) -> Hidden:
        return Hidden.of(self.views, Registry().for_task(self.task), seed=3)

    def blender(self) -> Blender:
        return Blender(self.task, self.hidden, self.load, self.views.rides_along, seed=3)

    def selector(self) -> Selector:
        return Selector(self.task, Registry().for_task(self.task), self.views, self.load, seed=3, blend_members=20)

    def tree(self, seconds: dict[int, float] | None = None) -> tuple[Tree, dict[int, Scores]]:
        """Return the tree of these nodes, all drafts, and their scores."""
        metric, events, scores = Registry().for_task(self.task), list[Event](), dict[int, Scores]()
        for node, answers in self.whole.items():
            budget = Budget(limits=BudgetLimits())
            events.append(
                Decided(node=node, operator=Operator.DRAFT, parents=(0,), chain="new", reason="r", budget=budget)
            )
            events.append(Proposed(node=node, plan="p", edit="e", recipe=None, code_hash=str(node)))
            scores[node] = {}
            wall_s = (seconds or {}).get(node, 1.0)
            for fold in range(self.views.folds):
                rows = self.views.fold(fold).hidden
                rows = rows[self.views.guide[rows]]
                truth, found = self.views.truth[rows], answers[rows]
                value = metric.score(truth, found)
                scores[node][fold] = (value, noise.resample(metric, truth, found, self.views.clusters[rows], 3))
                events.append(FoldScored(node=node, fold=fold, value=value, wall_s=wall_s))
            value = sum(each for each, _ in scores[node].values()) / self.views.folds
            utility = Direction(self.task.direction).to_utility(value)
            events.append(
                NodeFinished(node=node, state=NodeState.SCORED, value=value, utility=utility, reward=0.0, wall_s=wall_s)
            )
        return Tree(events), scores
