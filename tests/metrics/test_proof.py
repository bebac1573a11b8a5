"""A task's own metric must put the truth first; each planted mistake is found, and every metric of the registry passes."""

from pathlib import Path

import numpy as np
import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import TaskError
from mlmaster.metrics.custom import load_metric
from mlmaster.metrics.proof import prove
from mlmaster.metrics.registry import DEFINITIONS, Registry
from mlmaster.metrics.rules import check
from mlmaster.ports import Array

RNG = np.random.default_rng(1)
NUMBERS = RNG.uniform(1, 9, (200, 1))
CLASSES = ("a", "b", "c")

GOOD = "greater_is_better = False\ndef score(truth, predictions):\n    return abs(truth - predictions).mean()\n"


def make_task(folder: Path, kind: TaskKind, prediction_kind: PredictionKind, direction: Direction) -> Task:
    columns = CLASSES if prediction_kind is PredictionKind.CLASS_PROBABILITIES else ("y",)
    multiclass = kind is TaskKind.MULTICLASS
    return Task(
        name="toy",
        directory=folder,
        train="train.csv",
        submission_columns=columns,
        prediction_columns=columns,
        targets=("y",),
        kind=kind,
        prediction_kind=prediction_kind,
        classes=CLASSES if multiclass else ("0", "1") if kind is not TaskKind.REGRESSION else (),
        metric="own",
        direction=direction,
    )


def regression(folder: Path, direction: Direction = Direction.MINIMIZE) -> Task:
    return make_task(folder, TaskKind.REGRESSION, PredictionKind.NUMBER, direction)


def prove_source(folder: Path, source: str, sample: str | None = None) -> None:
    (folder / "metric.py").write_text(source, encoding="utf-8")
    metric = load_metric(folder / "metric.py")
    task = regression(folder, metric.direction)
    if sample is not None:
        (folder / "sample.csv").write_text(sample, encoding="utf-8")
        task = task.model_copy(update={"sample": "sample.csv"})
    check(metric, task, NUMBERS)
    prove(metric, task, NUMBERS)


def test_an_honest_metric_passes(tmp_path: Path) -> None:
    prove_source(tmp_path, GOOD)


def test_a_metric_that_refuses_some_answers_passes(tmp_path: Path) -> None:
    refusal = "    if (predictions == 0).any():\n        raise ValueError('zero')\n"
    source = GOOD.replace("    return", refusal + "    return")
    prove_source(tmp_path, source, "y\n0\n0\n")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (GOOD.replace("False", "True"), r"better than the truth itself with 0 \(maximize\)"),
        (GOOD.replace("abs(truth - predictions).mean()", "predictions.std()"), "gives the constant .* 0, better"),
        (GOOD.replace("abs(truth - predictions).mean()", "abs(predictions - 3).mean()"), "sample submission 0, better"),
        (GOOD.replace("abs(truth - predictions).mean()", "1.5"), "gives every answer tried 1.5"),
        (GOOD.replace("abs(truth", "__import__('random').random() + abs(truth"), "seed what is random"),
        (GOOD.replace("abs(truth - predictions).mean()", "float('nan')"), "refuses a perfect answer .*nan"),
        (
            "greater_is_better = False\ndef score(truth, predictions):\n"
            "    if (truth != predictions).any():\n        raise ValueError('no')\n    return 0.0\n",
            "scores nothing but the truth itself",
        ),
        (
            "greater_is_better = False\ndef score(truth, predictions):\n    return {}[1]\n",
            "metric.py failed: KeyError",
        ),
    ],
)
def test_every_planted_mistake_is_found(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        prove_source(tmp_path, source, "y\n3\n3\n")


def test_a_metric_that_changes_the_arrays_is_found(tmp_path: Path) -> None:
    class Careless:
        name, title = "careless", "Careless"
        perfect: float | None = None
        is_rank_based = False
        direction, kinds = Direction.MINIMIZE, frozenset(PredictionKind)

        def score(self, truth: Array, predictions: Array) -> float:
            predictions -= truth
            return float(abs(predictions).mean())

        def resampled(self, truth: Array, predictions: Array, counts: Array) -> Array:
            raise NotImplementedError

    with pytest.raises(TaskError, match="changes the arrays"):
        prove(Careless(), regression(tmp_path), NUMBERS)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_every_metric_of_the_registry_puts_the_truth_first(tmp_path: Path, name: str) -> None:
    definition = DEFINITIONS[name]
    for kind in sorted(definition.tasks - {TaskKind.MULTILABEL}):
        for prediction_kind in sorted(definition.kinds):
            truth = _truth(kind, prediction_kind)
            if truth is None:
                continue
            task = make_task(tmp_path, kind, prediction_kind, definition.direction).model_copy(update={"metric": name})
            prove(Registry().for_task(task), task, truth)


def _truth(kind: TaskKind, prediction_kind: PredictionKind) -> Array | None:
    """Return a truth of 60 rows in the encoding of the kinds, or None where they do not go together."""
    labels = RNG.integers(0, 2 if kind is TaskKind.BINARY else 3, 60)
    match (kind, prediction_kind):
        case (TaskKind.REGRESSION, PredictionKind.NUMBER):
            return NUMBERS[:60]
        case (TaskKind.BINARY, PredictionKind.PROBABILITY | PredictionKind.NUMBER):
            return labels[:, None].astype(float)
        case (TaskKind.BINARY, PredictionKind.LABEL):
            return labels[:, None].astype(str)
        case (TaskKind.MULTICLASS, PredictionKind.CLASS_PROBABILITIES):
            return labels
        case (TaskKind.MULTICLASS, PredictionKind.LABEL | PredictionKind.RANKING):
            return np.array(CLASSES)[labels][:, None]
        case _:
            return None
