"""The records of a small hand-made run, for tests of whatever reads runs: every kind of event, every state of a node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import (
    Decided,
    Event,
    FoldScored,
    JudgeOpened,
    NodeFinished,
    Proposed,
    Record,
    Refused,
    Rescored,
    RunEnded,
    RunResumed,
    RunStarted,
    Selected,
    SmokePassed,
    SubmissionWritten,
)
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Profile, Task, TaskKind

TASK = Task(
    name="tumours",
    goal="Find the malignant ones.",
    directory=Path("/data/tumours"),
    train="train.csv",
    test="test.csv",
    id_column="id",
    submission_columns=("id", "malignant"),
    prediction_columns=("malignant",),
    targets=("malignant",),
    kind=TaskKind.BINARY,
    prediction_kind=PredictionKind.PROBABILITY,
    classes=("0", "1"),
    metric="roc_auc",
    direction=Direction.MAXIMIZE,
)
PROFILE = Profile(train_rows=400, test_rows=100, columns=())
LIMITS = BudgetLimits(time_s=120.0, nodes=8)


def recorded_run() -> list[Record]:
    """Return the records of a run that ended, two seconds apart."""
    return [Record(seq=i, at=1e9 + 2 * i, elapsed_s=2.0 * i, event=event) for i, event in enumerate(_events(), start=1)]


def unfinished_run() -> list[Record]:
    """Return the records up to the last decision: one node is being made, nothing is selected."""
    records = recorded_run()
    last = next(i for i, record in enumerate(records) if isinstance(record.event, JudgeOpened))
    return records[:last]


def _events() -> Iterator[Event]:
    yield RunStarted(
        version="0.1.0",
        task=TASK.name,
        metric=TASK.metric,
        direction=TASK.direction,
        engineer="offline",
        policy="mcts",
        sandbox="namespaces, warm, cgroup v1",
        folds=2,
        seed=7,
    )
    yield from scored_node(1, Operator.DRAFT, (0,), "lightgbm", (0.80, 0.82), is_new_best=True)
    yield SubmissionWritten(source="node 1", rows=100)
    yield _decided(2, Operator.DRAFT, (0,))
    yield _proposed(2, "extra_trees")
    yield NodeFinished(
        node=2,
        state=NodeState.FAILED,
        fault=Fault.TIMEOUT,
        detail="30 s of wall time were\nspent | stopped",
        reward=-1.0,
        wall_s=30.0,
    )
    yield from scored_node(3, Operator.IMPROVE, (1,), "target_encoding", (0.84, 0.86), is_new_best=True)
    yield SubmissionWritten(source="node 3", rows=100)
    yield RunResumed(version="0.1.0")
    yield from scored_node(4, Operator.DEBUG, (2,), "fewer_trees", (0.78, 0.80), is_new_best=False)
    yield _decided(5, Operator.IMPROVE, (3,))
    yield _proposed(5, "more_seeds")
    yield FoldScored(node=5, fold=0, value=0.70, wall_s=1.0)
    yield NodeFinished(node=5, state=NodeState.RACED, value=0.71, utility=0.71, reward=0.0, wall_s=1.0)
    yield _decided(6, Operator.IMPROVE, (3,))
    yield Refused(node=6, reason="exhausted", detail="no edit is left")
    yield _decided(7, Operator.MERGE, (3, 4))
    yield _proposed(7, "stack")
    yield JudgeOpened(finalists=("best single (node 3)", "blend of 2"))
    yield Rescored(choice="blend of 2", value=0.855, reference=0.86, error=0.01, holds=True)
    yield Selected(
        choice="blend of 2",
        members=((3, 0.75), (4, 0.25)),
        guide=0.86,
        judge=0.84,
        expected_low=0.81,
        expected_high=0.87,
        predicted_low=0.78,
        predicted_high=0.90,
    )
    yield SubmissionWritten(source="blend of 2", rows=100)
    yield RunEnded(reason="time")


def _decided(node: int, operator: Operator, parents: tuple[int, ...]) -> Decided:
    return Decided(
        node=node,
        operator=operator,
        parents=parents,
        chain="new",
        reason="uct",
        budget=Budget(limits=LIMITS, nodes=node),
    )


def _proposed(node: int, edit: str) -> Proposed:
    return Proposed(
        node=node, plan=f"Fit it with {edit}.", edit=edit, recipe=None, code_hash=f"hash-{node}", seconds=0.5
    )


def scored_node(
    node: int, operator: Operator, parents: tuple[int, ...], edit: str, values: tuple[float, ...], *, is_new_best: bool
) -> Iterator[Event]:
    """Yield the events of one node that is scored on every fold; `value` is their mean, higher is better."""
    yield _decided(node, operator, parents)
    yield _proposed(node, edit)
    yield SmokePassed(node=node, wall_s=0.5)
    for fold, value in enumerate(values):
        yield FoldScored(node=node, fold=fold, value=value, wall_s=3.0)
    mean = sum(values) / len(values)
    yield NodeFinished(
        node=node,
        state=NodeState.SCORED,
        value=mean,
        utility=mean,
        gain=True,
        is_new_best=is_new_best,
        has_removed_fault=operator is Operator.DEBUG,
        reward=float(is_new_best) + float(operator is Operator.DEBUG),
        wall_s=6.5,
    )
