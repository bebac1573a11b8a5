from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, Modality, PredictionKind, Task, TaskKind
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import LoadedTask, Overrides, load

TASKS = Path(os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[2].parent / "shared" / "tasks")


def loaded(name: str, workspace: Path, overrides: Overrides | None = None) -> LoadedTask:
    folder = TASKS / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set ML_MASTER_TASKS to a folder holding {name}")
    return load(folder, overrides or Overrides(), Registry(), workspace)


def facts(task: Task) -> tuple[object, ...]:
    return task.kind, task.prediction_kind, task.metric, task.direction, task.modality, task.id_column, task.reads_order


def test_spooky_wants_the_probability_of_every_author(tmp_path: Path) -> None:
    task = loaded("spooky-author-identification", tmp_path).task
    assert facts(task) == (
        TaskKind.MULTICLASS,
        PredictionKind.CLASS_PROBABILITIES,
        "log_loss",
        Direction.MINIMIZE,
        Modality.TEXT,
        "id",
        False,
    )
    assert task.targets == ("author",)
    assert task.classes == task.prediction_columns == ("EAP", "HPL", "MWS")
    assert task.submission_columns == ("id", "EAP", "HPL", "MWS")


def test_nomad_has_two_numbers_files_of_rows_and_answers_by_position(tmp_path: Path) -> None:
    task = loaded("nomad2018-predict-transparent-conductors", tmp_path).task
    assert facts(task) == (
        TaskKind.REGRESSION,
        PredictionKind.NUMBER,
        "rmsle",
        Direction.MINIMIZE,
        Modality.TABULAR,
        "id",
        True,
    )
    assert task.targets == task.prediction_columns == ("formation_energy_ev_natom", "bandgap_energy_ev")
    assert task.file_rules == (FileRule(train="train/{key}/geometry.xyz", test="test/{key}/geometry.xyz", key="id"),)
    assert task.extra_files == ()


def test_insults_has_no_id_and_echoes_the_comment(tmp_path: Path) -> None:
    task = loaded("detecting-insults-in-social-commentary", tmp_path).task
    assert facts(task) == (
        TaskKind.BINARY,
        PredictionKind.PROBABILITY,
        "roc_auc",
        Direction.MAXIMIZE,
        Modality.TEXT,
        None,
        True,
    )
    assert task.classes == ("0", "1")
    assert task.echo_columns == ("Date", "Comment")
    assert task.submission_columns == ("Insult", "Date", "Comment")
    assert task.sample == "sample_submission_null.csv"


def test_spaceship_wants_labels_as_they_are_written(tmp_path: Path) -> None:
    task = loaded("spaceship-titanic", tmp_path).task
    assert facts(task) == (
        TaskKind.BINARY,
        PredictionKind.LABEL,
        "accuracy",
        Direction.MAXIMIZE,
        Modality.TABULAR,
        "PassengerId",
        False,
    )
    assert task.classes == ("False", "True")


def test_bike_keeps_the_parts_of_the_target_out(tmp_path: Path) -> None:
    task = loaded("bike-sharing-demand", tmp_path).task
    assert facts(task) == (
        TaskKind.REGRESSION,
        PredictionKind.NUMBER,
        "rmsle",
        Direction.MINIMIZE,
        Modality.TABULAR,
        "datetime",
        False,
    )
    assert task.targets == ("count",)
    assert task.train_only == ("casual", "registered")


def test_house_prices_keeps_its_data_dictionary(tmp_path: Path) -> None:
    given = loaded("house-prices-advanced-regression-techniques", tmp_path)
    assert facts(given.task) == (
        TaskKind.REGRESSION,
        PredictionKind.NUMBER,
        "rmse_log",
        Direction.MINIMIZE,
        Modality.TABULAR,
        "Id",
        False,
    )
    assert given.task.extra_files == ("data_description.txt",)
    assert given.notes == ()


def test_the_public_folder_itself_is_the_same_task(tmp_path: Path) -> None:
    task = loaded("spaceship-titanic", tmp_path).task
    public = load(TASKS / "spaceship-titanic" / "prepared" / "public", Overrides(), Registry(), tmp_path)
    assert public.task == task
    assert task.name == "spaceship-titanic"
    assert task.directory == (TASKS / "spaceship-titanic" / "prepared" / "public").resolve()


def test_what_the_user_says_wins(tmp_path: Path) -> None:
    given = loaded(
        "spaceship-titanic", tmp_path, Overrides(metric="auc", positive="False", name="ship", modality=Modality.TEXT)
    )
    task = given.task
    assert (task.metric, task.prediction_kind, task.classes) == (
        "roc_auc",
        PredictionKind.PROBABILITY,
        ("True", "False"),
    )
    assert (task.name, task.modality) == ("ship", Modality.TEXT)
    assert {line.name: line.why for line in given.inferences}["metric"] == "as you said"
