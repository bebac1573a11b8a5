"""settings, task, grade: commands that need no run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.folders import Invoke
from tests.cli.test_bad_input import SAMPLE, lay

from mlmaster.settings import Settings
from mlmaster.settings.layers import walk


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task laid out as MLE-bench does, with answers."""
    folder = tmp_path / "task"
    (folder / "prepared" / "private").mkdir(parents=True)
    lay(folder / "prepared" / "public")
    answers = "id,y\n" + "".join(f"{i},{i % 2}\n" for i in range(100, 120))
    (folder / "prepared" / "private" / "test.csv").write_text(answers, encoding="utf-8")
    return folder


def test_settings_lists_every_key_with_value_and_source(invoke: Invoke) -> None:
    Path("mlmaster.yaml").write_text("engine:\n  folds: 3\n", encoding="utf-8")
    result = invoke("settings", "--set", "seed=5")
    assert result.exit_code == 0
    assert "engine.folds = 3 (from mlmaster.yaml; default none)" in result.output
    assert "seed = 5 (from --set seed; default 0)" in result.output
    assert all(f"{key} = " in result.output for key, _ in walk(Settings))


def test_settings_as_json(invoke: Invoke) -> None:
    rows = {row["key"]: row for row in json.loads(invoke("settings", "--json").stdout)}
    assert set(rows) == {key for key, _ in walk(Settings)}
    assert (rows["budget.time"]["value"], rows["budget.time"]["source"]) == ("30m", "default")
    assert rows["engine.folds"]["allowed"] == "at least 1 and at most 20"


def test_settings_refuses_what_run_would_refuse(invoke: Invoke) -> None:
    Path("mlmaster.yaml").write_text("engine:\n  fold: 3\n", encoding="utf-8")
    result = invoke("settings")
    assert result.exit_code == 2
    assert (
        "unknown setting engine.fold (from mlmaster.yaml); did you mean engine.folds or engine.fold_key?"
        in result.stderr
    )


def test_task_check_says_what_and_why(invoke: Invoke, task: Path) -> None:
    result = invoke("task", "check", task)
    assert result.exit_code == 0
    assert any(line.split()[:2] == ["target", "y"] for line in result.output.splitlines())


def test_task_check_as_json_with_a_correction(invoke: Invoke, task: Path) -> None:
    found = json.loads(invoke("task", "check", task, "--set", "task.metric=f1", "--json").stdout)
    assert found["task"]["metric"] == "f1"
    assert found["task"]["targets"] == ["y"]
    assert {line["name"] for line in found["inferences"]} >= {"target", "metric", "kind"}


def test_task_init_writes_what_check_reads(invoke: Invoke, task: Path) -> None:
    public = task / "prepared" / "public"
    result = invoke("task", "init", public, "--set", "task.metric=f1")
    assert result.exit_code == 0
    assert "metric: f1" in (public / "task.yaml").read_text(encoding="utf-8")
    assert json.loads(invoke("task", "check", public, "--json").stdout)["task"]["metric"] == "f1"
    again = invoke("task", "init", public)
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_task_init_needs_a_folder(invoke: Invoke) -> None:
    result = invoke("task", "init", "breast-cancer")
    assert result.exit_code == 2
    assert "breast-cancer is no folder" in result.stderr


@pytest.mark.parametrize("place", [".", "prepared/public"])
def test_grade(invoke: Invoke, task: Path, tmp_path: Path, place: str) -> None:
    submission = tmp_path / "mine.csv"
    submission.write_text(
        "id,y\n" + "".join(f"{i},{i % 2 if i < 115 else 0}\n" for i in range(100, 120)), encoding="utf-8"
    )
    words = ("grade", submission, "--task", task / place)
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    assert "over 20 rows (higher is better)" in result.output
    found = json.loads(invoke(*words, "--json").stdout)
    assert found["rows"] == 20
    assert 0.8 < found["score"] < 1.0


def test_grade_with_answers_named(invoke: Invoke, task: Path, tmp_path: Path) -> None:
    answers = (task / "prepared" / "private" / "test.csv").rename(tmp_path / "truth.csv")
    submission = tmp_path / "mine.csv"
    submission.write_text(answers.read_text(encoding="utf-8"), encoding="utf-8")
    result = invoke("grade", submission, "--task", task, "--answers", answers, "--json")
    assert json.loads(result.stdout)["score"] == 1.0


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("id,z\n", "y"),
        (SAMPLE.replace("119,0\n", ""), "20"),
        (SAMPLE.replace("119,0", "999,0"), "999"),
        (SAMPLE.replace("119,0", "119,many"), "many"),
    ],
    ids=["column", "row missing", "unknown id", "no label"],
)
def test_grade_refuses_a_broken_submission(invoke: Invoke, task: Path, tmp_path: Path, content: str, word: str) -> None:
    submission = tmp_path / "mine.csv"
    submission.write_text(content, encoding="utf-8")
    result = invoke("grade", submission, "--task", task)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert word in result.stderr


@pytest.mark.parametrize("which", ["submission", "task", "answers", "private"])
def test_grade_names_what_is_missing(invoke: Invoke, task: Path, tmp_path: Path, which: str) -> None:
    submission = tmp_path / "mine.csv"
    if which != "submission":
        submission.write_text(SAMPLE, encoding="utf-8")
    folder = tmp_path / "nowhere" if which == "task" else task
    words = ["--answers", str(tmp_path / "nothing.csv")] if which == "answers" else []
    if which == "private":
        (task / "prepared" / "private" / "test.csv").unlink()
    result = invoke("grade", submission, "--task", folder, *words)
    assert result.exit_code == 2
    assert "--answers" in result.stderr or "no such" in result.stderr or "no answers" in result.stderr


def test_predict_needs_a_result_and_a_table(invoke: Invoke, ended: Path, tmp_path: Path) -> None:
    table = tmp_path / "new.csv"
    table.write_text("id,x\n1,2\n", encoding="utf-8")
    result = invoke("predict", ended, table)
    assert result.exit_code == 2
    assert "no result yet" in result.stderr
    taken = invoke("predict", ended, table, "--out", table)
    assert taken.exit_code == 2
    assert "exists already" in taken.stderr
