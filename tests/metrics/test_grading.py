from pathlib import Path
from typing import Any

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import DataError, SubmissionError, TaskError
from mlmaster.metrics.grading import Grade, find_answers, grade
from mlmaster.metrics.registry import Registry


def make_task(kind: TaskKind, prediction_kind: PredictionKind, metric: str, **changes: Any) -> Task:
    columns = changes.get("prediction_columns", ("y",))
    values: dict[str, Any] = {"submission_columns": ("id", *columns), "prediction_columns": columns, "targets": ("y",)}
    return Task(
        name="toy",
        train="train.csv",
        id_column="id",
        kind=kind,
        prediction_kind=prediction_kind,
        metric=metric,
        **(values | {"directory": Path("/nowhere"), "direction": Direction.MINIMIZE} | changes),
    )


NUMBER = make_task(TaskKind.REGRESSION, PredictionKind.NUMBER, "mae")
THREE = make_task(
    TaskKind.MULTICLASS,
    PredictionKind.CLASS_PROBABILITIES,
    "log_loss",
    classes=("a", "b", "c"),
    prediction_columns=("a", "b", "c"),
)


def graded(folder: Path, submission: str, answers: str, task: Task) -> Grade:
    (folder / "submission.csv").write_text(submission, encoding="utf-8")
    (folder / "answers.csv").write_text(answers, encoding="utf-8")
    return grade(folder / "submission.csv", folder / "answers.csv", task, Registry())


def test_unique_ids_pair_rows_whatever_their_order(tmp_path: Path) -> None:
    found = graded(tmp_path, "id,y\n2,5\n1,0\n", "id,Usage,y\n1,Public,1\n2,Private,2\n", NUMBER)
    assert found == Grade(score=2.0, metric="mae", direction=Direction.MINIMIZE, rows=2)


def test_repeated_ids_pair_rows_by_position(tmp_path: Path) -> None:
    answers = "id,y\n1,1\n1,2\n"
    assert graded(tmp_path, "id,y\n1,1\n1,4\n", answers, NUMBER).score == 1.0
    with pytest.raises(SubmissionError, match="found '2', expected '1'"):
        graded(tmp_path, "id,y\n1,1\n2,4\n", answers, NUMBER)


def test_a_task_that_reads_order_is_graded_by_position(tmp_path: Path) -> None:
    task = NUMBER.model_copy(update={"reads_order": True})
    assert graded(tmp_path, "id,y\n2,1\n1,2\n", "id,y\n1,1\n2,2\n", task).score == 0.0
    assert graded(tmp_path, "id,y\n2,1\n1,2\n", "id,y\n1,1\n2,2\n", NUMBER).score == 1.0


def test_answers_may_be_one_column_for_each_class(tmp_path: Path) -> None:
    found = graded(tmp_path, "id,c,b,a\n1,0.5,0.25,0.25\n2,0,0,1\n", "id,a,b,c\n2,1,0,0\n1,0,0,1\n", THREE)
    assert found.score == pytest.approx(0.34657359)


def test_the_task_s_own_metric_is_used(tmp_path: Path) -> None:
    (tmp_path / "metric.py").write_text("greater_is_better = True\ndef score(t, p): return 7.0\n", encoding="utf-8")
    task = NUMBER.model_copy(update={"metric_file": "metric.py", "directory": tmp_path, "metric": "seven"})
    found = graded(tmp_path, "id,y\n1,1\n", "id,y\n1,1\n", task)
    assert (found.score, found.metric, found.direction) == (7.0, "seven", Direction.MAXIMIZE)


def test_the_positive_class_is_the_task_s(tmp_path: Path) -> None:
    task = make_task(TaskKind.BINARY, PredictionKind.LABEL, "f1", classes=("yes", "no"), direction=Direction.MAXIMIZE)
    answers, submission = "id,y\n1,no\n2,yes\n", "id,y\n1,no\n2,no\n"
    assert graded(tmp_path, submission, answers, task).score == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ("", DataError, "hold no rows"),
        ("id,y\n", DataError, "hold no rows"),
        ("id,y\n1\n", DataError, "row 1: 1 cells"),
        ("id,x\n1,2\n", TaskError, "'y' is not in the table"),
        ("id,y\n1,\n", TaskError, "column 'y', row 1: '' is empty"),
    ],
)
def test_answers_that_cannot_be_used_say_why(
    tmp_path: Path, answers: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        graded(tmp_path, "id,y\n1,1\n", answers, NUMBER)


def test_missing_answers_are_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "submission.csv").write_text("id,y\n1,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        grade(tmp_path / "submission.csv", tmp_path / "answers.csv", NUMBER)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["prepared/private/test.csv", "prepared/private/gold_submission.csv"], "prepared/private/test.csv"),
        (["private/answers.csv", "public/test.csv"], "private/answers.csv"),
        (
            ["prepared/private/test_orders.csv", "prepared/private/sample_submission.csv"],
            "prepared/private/test_orders.csv",
        ),
    ],
)
def test_the_answers_are_found(tmp_path: Path, files: list[str], found: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("id\n", encoding="utf-8")
    assert find_answers(tmp_path) == tmp_path / found


def test_no_answers_or_too_many_are_an_error(tmp_path: Path) -> None:
    private = tmp_path / "prepared" / "private"
    private.mkdir(parents=True)
    (private / "gold_submission.csv").touch()
    with pytest.raises(DataError, match="has no answers: looked for"):
        find_answers(tmp_path)
    (private / "a.csv").touch()
    (private / "b.csv").touch()
    with pytest.raises(DataError, match=r"holds a\.csv, b\.csv: name the answers file"):
        find_answers(tmp_path)
