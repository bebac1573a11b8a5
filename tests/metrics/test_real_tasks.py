"""Real competitions: what their descriptions ask for, and MLE-bench's own scores of their sample submissions.

The data is not part of the project; `ML_MASTER_TASKS` says where it lies.
"""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import SubmissionError
from mlmaster.metrics.grading import find_answers, grade
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.submission import write_submission

TASKS = Path(os.environ.get("ML_MASTER_TASKS", Path(__file__).parents[3] / "shared" / "tasks"))
ORACLE = TASKS.parent / "facts" / "mle-bench-competitions.json"

pytestmark = pytest.mark.skipif(not TASKS.is_dir(), reason=f"real tasks are not at {TASKS} (set ML_MASTER_TASKS)")

SPOOKY = "spooky-author-identification"
NOMAD = "nomad2018-predict-transparent-conductors"
INSULTS = "detecting-insults-in-social-commentary"
SPACESHIP = "spaceship-titanic"
BIKES = "bike-sharing-demand"
HOUSES = "house-prices-advanced-regression-techniques"


def make_task(name: str, **values: Any) -> Task:
    given: dict[str, Any] = {"sample": "sample_submission.csv", "test": "test.csv"} | values
    return Task(name=name, directory=TASKS / name / "prepared" / "public", train="train.csv", **given)


AUTHORS = ("EAP", "HPL", "MWS")
ENERGIES = ("formation_energy_ev_natom", "bandgap_energy_ev")
ALL = {
    task.name: task
    for task in (
        make_task(
            SPOOKY,
            id_column="id",
            submission_columns=("id", *AUTHORS),
            prediction_columns=AUTHORS,
            targets=("author",),
            kind=TaskKind.MULTICLASS,
            prediction_kind=PredictionKind.CLASS_PROBABILITIES,
            classes=AUTHORS,
            metric="log_loss",
            direction=Direction.MINIMIZE,
        ),
        make_task(
            NOMAD,
            id_column="id",
            submission_columns=("id", *ENERGIES),
            prediction_columns=ENERGIES,
            targets=ENERGIES,
            kind=TaskKind.REGRESSION,
            prediction_kind=PredictionKind.NUMBER,
            metric="rmsle",
            direction=Direction.MINIMIZE,
            reads_order=True,
        ),
        make_task(
            INSULTS,
            sample="sample_submission_null.csv",
            id_column="Comment",
            submission_columns=("Insult", "Date", "Comment"),
            prediction_columns=("Insult",),
            targets=("Insult",),
            kind=TaskKind.BINARY,
            prediction_kind=PredictionKind.PROBABILITY,
            classes=("0", "1"),
            metric="roc_auc",
            direction=Direction.MAXIMIZE,
        ),
        make_task(
            SPACESHIP,
            id_column="PassengerId",
            submission_columns=("PassengerId", "Transported"),
            prediction_columns=("Transported",),
            targets=("Transported",),
            kind=TaskKind.BINARY,
            prediction_kind=PredictionKind.LABEL,
            classes=("False", "True"),
            metric="accuracy",
            direction=Direction.MAXIMIZE,
        ),
        make_task(
            BIKES,
            id_column="datetime",
            submission_columns=("datetime", "count"),
            prediction_columns=("count",),
            targets=("count",),
            kind=TaskKind.REGRESSION,
            prediction_kind=PredictionKind.NUMBER,
            metric="rmsle",
            direction=Direction.MINIMIZE,
        ),
        make_task(
            HOUSES,
            id_column="Id",
            submission_columns=("Id", "SalePrice"),
            prediction_columns=("SalePrice",),
            targets=("SalePrice",),
            kind=TaskKind.REGRESSION,
            prediction_kind=PredictionKind.NUMBER,
            metric="rmse_log",
            direction=Direction.MINIMIZE,
        ),
    )
}


def columns_of(file: Path) -> dict[str, list[str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        header, *records = csv.reader(stream)
    return {name: list(cells) for name, cells in zip(header, zip(*records, strict=True), strict=True)}


@pytest.mark.parametrize("name", ALL)
def test_the_description_says_which_metric(name: str) -> None:
    task = ALL[name]
    text = (task.directory / "description.md").read_text(encoding="utf-8")
    assert Registry().find(text, task.kind) == task.metric
    assert Registry().find(text, task.kind, task.prediction_kind) == task.metric
    assert Registry().get(task.metric).direction is task.direction


@pytest.mark.parametrize("name", [SPOOKY, NOMAD, INSULTS, SPACESHIP])
def test_the_sample_submission_scores_what_mle_bench_gives_it(name: str) -> None:
    if not ORACLE.is_file():
        pytest.skip(f"MLE-bench's scores are not at {ORACLE}")
    expected = {each["id"]: each["sample_submission_score"] for each in json.loads(ORACLE.read_text(encoding="utf-8"))}
    task = ALL[name]
    assert task.sample is not None
    found = grade(task.directory / task.sample, find_answers(TASKS / name), task)
    assert round(found.score, 5) == expected[name]
    assert found.rows == len(next(iter(columns_of(task.directory / "test.csv").values())))


def test_the_gold_submission_is_perfect() -> None:
    gold = TASKS / INSULTS / "prepared" / "private" / "gold_submission.csv"
    assert grade(gold, find_answers(TASKS / INSULTS), ALL[INSULTS]).score == 1.0


@pytest.mark.parametrize("name", ALL)
def test_the_truth_itself_scores_best_and_any_other_row_order_is_treated_as_the_task_says(
    name: str, tmp_path: Path
) -> None:
    from mlmaster.core.encoding import encode_truth

    task, file = ALL[name], tmp_path / "submission.csv"
    answers = find_answers(TASKS / name)
    columns = columns_of(answers)
    truth = encode_truth(task, columns)
    if truth.ndim == 1:
        import numpy as np

        truth = np.eye(len(task.classes))[truth]
    write_submission(file, task, columns, truth)
    best = 1.0 if task.direction is Direction.MAXIMIZE else 0.0
    assert grade(file, answers, task).score == pytest.approx(best, abs=1e-12)

    write_submission(file, task, {key: cells[::-1] for key, cells in columns.items()}, truth[::-1])
    if name == INSULTS:
        with pytest.raises(SubmissionError, match="rows must stand in the order of the test file"):
            grade(file, answers, task)
    elif task.reads_order:
        assert grade(file, answers, task).score > 0.01
    else:
        assert grade(file, answers, task).score == pytest.approx(best, abs=1e-12)
