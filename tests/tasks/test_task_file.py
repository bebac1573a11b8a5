from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlmaster.core.task import FileRule, Modality, PredictionKind, TaskKind
from mlmaster.errors import DataError, TaskError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.builtin import BUILTIN, write_builtin
from mlmaster.tasks.load import LoadedTask, Overrides, load
from mlmaster.tasks.task_file import TASK_FILE, init, read_task_file

TASKS = Path(os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[2].parent / "shared" / "tasks")


def loaded(folder: Path, **overrides: object) -> LoadedTask:
    return load(folder, Overrides.model_validate(overrides), Registry(), folder.parent / "workspace")


def write(folder: Path, text: str) -> Path:
    path = folder / TASK_FILE
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", BUILTIN)
def test_what_init_writes_loads_as_the_same_task(name: str, tmp_path: Path) -> None:
    public = write_builtin(name, tmp_path) / "prepared" / "public"
    before = loaded(public).task
    path = init(public, loaded(public))
    assert path == public / TASK_FILE
    assert loaded(public).task == before


def test_the_real_tasks_survive_init(tmp_path: Path) -> None:
    folders = sorted(path / "prepared" / "public" for path in TASKS.glob("*") if path.is_dir())
    if not folders:
        pytest.skip(f"{TASKS} is absent; set ML_MASTER_TASKS to a folder of tasks")
    for folder in folders:
        linked = tmp_path / folder.parent.parent.name
        linked.mkdir()
        for entry in folder.iterdir():
            (linked / entry.name).symlink_to(entry)
        before = loaded(linked).task
        init(linked, loaded(linked))
        assert loaded(linked).task == before


def test_every_line_says_why(tmp_path: Path) -> None:
    public = write_builtin("breast-cancer", tmp_path) / "prepared" / "public"
    text = init(public, loaded(public)).read_text()
    assert "# predicted in the sample submission, and in train\ntarget: malignant\n" in text
    assert "# named by the description\nmetric: roc_auc\n" in text
    assert "positive: '1'\n" in text


def test_converted_tables_are_found_again(tmp_path: Path) -> None:
    import pandas as pd

    folder = tmp_path / "t"
    folder.mkdir()
    pd.DataFrame({"a": range(40), "y": [i * 0.5 for i in range(40)]}).to_parquet(folder / "train.parquet")
    before = loaded(folder).task
    path = init(folder, loaded(folder))
    assert "train:" not in path.read_text()
    assert loaded(folder).task == before


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    public = write_builtin("wine", tmp_path) / "prepared" / "public"
    given = loaded(public)
    write(public, "name: mine\n")
    with pytest.raises(DataError, match=r"task.yaml: exists already; edit it, or delete it"):
        init(public, given)
    assert (public / TASK_FILE).read_text() == "name: mine\n"


def test_flags_win_over_the_file_and_the_file_over_inference(tmp_path: Path) -> None:
    public = write_builtin("breast-cancer", tmp_path) / "prepared" / "public"
    write(public, "metric: accuracy\nname: tumour\npositive: 0\n")
    task = loaded(public).task
    assert (task.metric, task.name, task.classes) == ("accuracy", "tumour", ("1", "0"))
    assert task.prediction_kind is PredictionKind.LABEL
    assert loaded(public, metric="log_loss").task.metric == "log_loss"


def test_a_file_beside_prepared_is_read_too(tmp_path: Path) -> None:
    folder = write_builtin("wine", tmp_path)
    write(folder, "name: beside\n")
    assert loaded(folder).task.name == "beside"
    assert loaded(folder / "prepared" / "public").task.name == "wine"


def test_every_key_is_honoured(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    (folder / "pics").mkdir(parents=True)
    rows = [f"k{i},{i},{i % 2},{i % 3}" for i in range(30)]
    (folder / "old.csv").write_text("key,a,b,c\n" + "\n".join(rows) + "\n")
    (folder / "new.csv").write_text("key,a\nz,1\n")
    (folder / "format.csv").write_text("key,b,c\nz,0,0\n")
    (folder / "about.txt").write_text("Find them.")
    (folder / "legend.bin").write_text("")
    for key in [*(f"k{i}" for i in range(30)), "z"]:
        (folder / "pics" / f"{key}.dat").write_text("")
    path = write(
        folder,
        """
goal: Find them.
target: [b, c]
id: key
kind: regression
metric: rmse
prediction_kind: number
modality: image
train: old.csv
test: new.csv
sample: format.csv
description: about.txt
extra_files: [legend.bin]
file_rules:
  - {train: 'pics/{key}.dat', test: 'pics/{key}.dat', key: key}
reads_order: true
""",
    )
    task = loaded(folder).task
    assert read_task_file(path).target == ("b", "c")
    assert (task.train, task.test, task.sample, task.description) == ("old.csv", "new.csv", "format.csv", "about.txt")
    assert (task.goal, task.targets, task.id_column, task.kind) == (
        "Find them.",
        ("b", "c"),
        "key",
        TaskKind.REGRESSION,
    )
    assert (task.metric, task.modality, task.reads_order) == ("rmse", Modality.IMAGE, True)
    assert task.extra_files == ("legend.bin",)
    assert task.file_rules == (FileRule(train="pics/{key}.dat", test="pics/{key}.dat", key="key"),)


def test_none_says_that_there_is_none(tmp_path: Path) -> None:
    public = write_builtin("wine", tmp_path) / "prepared" / "public"
    write(public, "sample: none\ntest: no\nid: none\ndescription: none\ntarget: cultivar\n")
    task = loaded(public).task
    assert (task.sample, task.test, task.id_column, task.description) == (None, None, None, None)
    assert task.submission_columns == task.prediction_columns == ("class_0", "class_1", "class_2")
    assert task.reads_order


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("taget: y\n", TaskError, r"task.yaml: unknown key 'taget'; near: target"),
        ("kind: classes\n", TaskError, r"kind: Input should be 'binary', .*found 'classes'"),
        ("target: {a: b}\n", TaskError, "target: Input should be a valid tuple"),
        ("- a\n", DataError, "holds list, not keys with values"),
        ("a: [\n", DataError, "is no YAML"),
        ("", DataError, "is empty"),
        ("reads_order: perhaps\n", TaskError, "reads_order: .*found 'perhaps'"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(error, match=message):
        read_task_file(path)


def test_comments_alone_say_nothing(tmp_path: Path) -> None:
    assert read_task_file(write(tmp_path, "# nothing yet\n")) == Overrides()
