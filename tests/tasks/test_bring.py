"""What a task brings for its own evaluation: found, shown with its hash, switched off, or refused with a way out."""

from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind
from mlmaster.errors import DataError, TaskError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import load
from mlmaster.tasks.loaded import LoadedTask, Overrides
from mlmaster.tasks.task_file import init, read_task_file
from mlmaster.testing.toy_run import write_task

METRIC = "greater_is_better = False\ndef score(truth, predictions):\n    return abs(truth - predictions).mean()\n"


def load_said(folder: Path, **said: object) -> LoadedTask:
    return load(folder, Overrides.model_validate(said), Registry(), folder.parent / "workspace")


def line(loaded: LoadedTask, name: str) -> str:
    return next((f"{each.value} | {each.why}" for each in loaded.inferences if each.name == name), "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_task(tmp_path / "data").directory


def test_a_split_is_found_by_its_name_and_shown_with_its_hash(folder: Path) -> None:
    (folder / "split.py").write_text("pass\n")
    loaded = load_said(folder)
    assert loaded.task.split_file == "split.py"
    assert line(loaded, "split") == (
        "split.py | split.py, sha256 9f56e761d79b; found by its name; switch it off with split_file: none"
    )
    assert not any("split.py" in note for note in loaded.notes)


def test_a_split_is_switched_off_or_named(folder: Path) -> None:
    (folder / "split.py").write_text("pass\n")
    (folder / "mine.py").write_text("pass\n")
    assert load_said(folder, split_file="none").task.split_file is None
    assert load_said(folder, split_file="mine.py").task.split_file == "mine.py"
    with pytest.raises(DataError, match=r"no file 'yours\.py' of split_file"):
        load_said(folder, split_file="yours.py")


def test_a_metric_file_is_taken_up_only_when_it_is_named(folder: Path) -> None:
    (folder / "metric.py").write_text(METRIC)
    unnamed = load_said(folder)
    assert unnamed.task.metric_file is None
    assert any("metric.py is not used; if it is yours" in note for note in unnamed.notes)
    named = load_said(folder, metric_file="metric.py")
    assert "metric.py, sha256 " in line(named, "metric")
    assert not any("metric.py" in note for note in named.notes)


def test_what_is_written_down_loads_as_the_same_task(folder: Path) -> None:
    (folder / "split.py").write_text("pass\n")
    before = load_said(folder)
    path = init(folder, before)
    assert read_task_file(path).split_file == "split.py"
    assert load_said(folder).task == before.task
    path.unlink()
    reported = load_said(folder, evaluation="self_reported")
    assert reported.task.is_self_reported
    assert reported.task.split_file is None
    init(folder, reported)
    assert load_said(folder).task == reported.task


def test_the_last_resort_is_never_taken_silently_but_named(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"\1")
    with pytest.raises(DataError, match=r"the last resort is evaluation: self_reported in task\.yaml"):
        load_said(folder)


def test_what_scripts_score_themselves_keeps_its_class_folders(tmp_path: Path) -> None:
    for name in (f"{label}/{number}.png" for label in ("cat", "dog") for number in range(9)):
        (tmp_path / "pets" / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / "train" / name).write_text(name)
    (tmp_path / "pets" / "sample_submission.csv").write_text("id,pixels\n1_1,0\n")
    loaded = load_said(tmp_path / "pets", evaluation="self_reported", metric="rmse")
    assert (loaded.task.directory, loaded.task.train) == ((tmp_path / "pets").resolve(), "")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with a sample submission alone."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "sample_submission.csv").write_text("id,text\nr0,a b\nr1,c\n")
    return folder


def test_a_known_metric_brings_its_direction(bare: Path) -> None:
    loaded = load_said(bare, evaluation="self_reported", metric="rmse")
    assert (loaded.task.direction, loaded.task.prediction_kind) == (Direction.MINIMIZE, PredictionKind.TEXT)
    assert "self_reported" in line(loaded, "evaluation")
    assert "last resort" not in line(loaded, "train")
    assert any("sample submission alone" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "needs the name of its metric"),
        ({"metric": "map_iou"}, "say direction: maximize or minimize"),
        ({"metric": "rmse", "direction": "maximize"}, "direction: maximize does not fit the metric rmse"),
        ({"metric": "rmse", "id": "row"}, "has no column 'row'"),
        ({"metric": "rmse", "target": ["id", "text"], "sample": "no.csv"}, "needs a sample submission"),
    ],
)
def test_what_is_lacking_is_said(bare: Path, said: dict[str, object], message: str) -> None:
    with pytest.raises((TaskError, DataError), match=message):
        load_said(bare, evaluation="self_reported", **said)


def test_a_task_yaml_says_it_all(bare: Path) -> None:
    (bare / "task.yaml").write_text("evaluation: self_reported\nmetric: map_iou\ndirection: maximize\n")
    task = load_said(bare).task
    assert (task.metric, task.direction, task.is_self_reported) == ("map_iou", Direction.MAXIMIZE, True)
