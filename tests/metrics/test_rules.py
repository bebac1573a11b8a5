from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import TaskError
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.rules import check
from mlmaster.ports import Array

REGISTRY = Registry()
UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE
FLAGS = np.array([[0.0], [1.0]])
AMOUNTS = np.array([[0.0], [2.0]])


def make_task(kind: TaskKind, prediction_kind: PredictionKind, direction: Direction, **changes: Any) -> Task:
    return Task(
        name="toy",
        directory=Path("/nowhere"),
        train="train.csv",
        submission_columns=("y",),
        prediction_columns=("y",),
        targets=("y",),
        kind=kind,
        prediction_kind=prediction_kind,
        metric="any",
        direction=direction,
        **changes,
    )


BINARY = make_task(TaskKind.BINARY, PredictionKind.PROBABILITY, UP)
THREE = make_task(TaskKind.MULTICLASS, PredictionKind.CLASS_PROBABILITIES, UP, classes=("a", "b", "c"))
THREE_LABELS = THREE.model_copy(update={"prediction_kind": PredictionKind.LABEL})
AMOUNT = make_task(TaskKind.REGRESSION, PredictionKind.NUMBER, DOWN)


@pytest.mark.parametrize(
    ("name", "task", "truth", "message"),
    [
        ("roc_auc", THREE, np.array([0, 1, 2]), "multiclass with 3 classes; use roc_auc_macro"),
        ("f1", THREE_LABELS, np.array([["a"], ["b"]]), "use f1_macro or f1_micro"),
        ("rmsle", AMOUNT, AMOUNTS - 1, r"holds -1 \(row 1\), and must be 0 or greater; use rmse"),
        ("rmse_log", AMOUNT, AMOUNTS, r"holds 0 \(row 1\), and must be greater than 0; use rmsle"),
        ("mape", AMOUNT, AMOUNTS, "0 in row 1.*use smape"),
        ("accuracy", BINARY, FLAGS, "scores label, but the submission of toy holds probability; use .*log_loss"),
        ("log_loss", AMOUNT, AMOUNTS, "is regression; use rmse"),
        ("log_loss", BINARY, FLAGS, "the task says maximize, but log_loss is to be minimized"),
        ("roc_auc", BINARY, FLAGS[:1], "every row of target 1 has the same class"),
        ("rmse", AMOUNT, AMOUNTS[:0], "no rows"),
    ],
)
def test_a_metric_that_does_not_fit_says_what_to_do(name: str, task: Task, truth: Array, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        check(REGISTRY.get(name), task, truth)


@pytest.mark.parametrize(
    ("name", "task", "truth"),
    [
        ("roc_auc", BINARY, FLAGS),
        ("roc_auc_macro", THREE, np.array([0, 1, 2])),
        ("accuracy", THREE_LABELS, np.array([["a"], ["b"]])),
        ("rmsle", AMOUNT, AMOUNTS),
    ],
)
def test_a_metric_that_fits_is_let_through(name: str, task: Task, truth: Array) -> None:
    check(REGISTRY.get(name), task, truth)


def test_a_metric_of_the_user_s_own_is_held_to_its_direction(tmp_path: Path) -> None:
    file = tmp_path / "metric.py"
    file.write_text("greater_is_better = True\ndef score(t, p): return 0.0\n", encoding="utf-8")
    metric = REGISTRY.get("own", file=file)
    check(metric, BINARY, FLAGS)
    with pytest.raises(TaskError, match="the task says minimize"):
        check(metric, AMOUNT, AMOUNTS)
