from __future__ import annotations

from pathlib import Path

import pytest

from mlmaster.core.task import Modality, PredictionKind, TaskKind
from mlmaster.errors import TaskError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.builtin import BUILTIN, write_builtin
from mlmaster.tasks.check import check
from mlmaster.tasks.load import Overrides, load
from mlmaster.tasks.table import read_columns, read_header


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", BUILTIN)
def test_written_twice_and_elsewhere_it_is_the_same(name: str, tmp_path: Path) -> None:
    first = write_builtin(name, tmp_path / "a")
    assert first == tmp_path / "a" / name
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    assert write_builtin(name, tmp_path / "a") == first
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == before
    assert contents(first) == contents(write_builtin(name, tmp_path / "b"))
    assert [path.name for path in (tmp_path / "a").iterdir()] == [name]


@pytest.mark.parametrize("name", BUILTIN)
def test_answers_belong_to_the_test_rows_and_are_nowhere_in_public(name: str, tmp_path: Path) -> None:
    folder = write_builtin(name, tmp_path) / "prepared"
    answers, test, train = (
        folder / "private" / "answers.csv",
        folder / "public" / "test.csv",
        folder / "public" / "train.csv",
    )
    key, target = read_header(answers)
    ids = read_columns(test, [key])[key]
    assert read_columns(answers, [key])[key] == ids
    assert read_columns(folder / "public" / "sample_submission.csv", [key])[key] == ids
    assert target not in read_header(test)
    assert set(read_header(train)) == {*read_header(test), target}
    assert set(ids).isdisjoint(read_columns(train, [key])[key])
    assert not list((folder / "public").rglob("answers*"))


@pytest.mark.parametrize("name", BUILTIN)
def test_classes_are_mixed_and_ids_say_nothing(name: str, tmp_path: Path) -> None:
    train = write_builtin(name, tmp_path) / "prepared" / "public" / "train.csv"
    key, target = read_header(train)[0], BUILTIN[name].target
    columns = read_columns(train, [key, target])
    labels = columns[target]
    half = len(labels) // 2
    for label in set(labels) if len(set(labels)) < 20 else ():
        assert labels[:half].count(label) > 0.5 * labels[half:].count(label) > 0
    assert columns[key] != sorted(columns[key])


def test_they_cover_what_they_promise(tmp_path: Path) -> None:
    kinds = {}
    for name in BUILTIN:
        given = load(name, Overrides(), Registry(), tmp_path)
        assert check(given) == []
        kinds[name] = given.task.kind, given.task.prediction_kind, given.task.modality, given.task.metric
    assert kinds == {
        "breast-cancer": (TaskKind.BINARY, PredictionKind.PROBABILITY, Modality.TABULAR, "roc_auc"),
        "wine": (TaskKind.MULTICLASS, PredictionKind.CLASS_PROBABILITIES, Modality.TABULAR, "log_loss"),
        "diabetes": (TaskKind.REGRESSION, PredictionKind.NUMBER, Modality.TABULAR, "rmse"),
        "digits": (TaskKind.MULTICLASS, PredictionKind.LABEL, Modality.IMAGE, "accuracy"),
    }


def test_digits_are_png_files_of_the_pixels(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    public = write_builtin("digits", tmp_path) / "prepared" / "public"
    columns = read_columns(public / "train.csv", ["image", "digit"])
    with Image.open(public / "images" / columns["image"][0]) as image:
        assert (image.size, image.mode, image.format) == ((8, 8), "L", "PNG")
    # A zero has ink around an empty middle.
    zeros = [name for name, digit in zip(columns["image"], columns["digit"], strict=True) if digit == "0"]
    mean = np.mean([np.asarray(Image.open(public / "images" / name)) for name in zeros], axis=0)
    assert mean[3:5, 3:5].mean() < 30 < 150 < mean[3:5, 2].mean()


def test_a_broken_off_write_is_done_again(tmp_path: Path) -> None:
    half = tmp_path / "wine" / "prepared" / "public"
    half.mkdir(parents=True)
    (half / "train.csv").write_text("id\n")
    write_builtin("wine", tmp_path)
    assert len(read_columns(half / "train.csv", ["cultivar"])["cultivar"]) == 133


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no built-in task 'iris'; there are breast-cancer, wine, diabetes, digits"):
        write_builtin("iris", tmp_path)
