"""Odd folders, from loading to the views a script sees: what holds rows is filtered, what tells more is not there."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlmaster.core.task import Modality, PredictionKind, TaskKind
from mlmaster.core.view import View
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.layout import submission_layout
from mlmaster.tasks.load import LoadedTask, Overrides, load
from mlmaster.tasks.table import read_columns, read_header
from mlmaster.tasks.views import Views

Read = Callable[..., LoadedTask]


def put(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


def csv(header: str, rows: list[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def zipped(files: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def files_of(view: View) -> dict[str, str]:
    """Return the content of every file of a view by its path."""
    paths = (path for path in view.directory.rglob("*") if path.is_file())
    return {path.relative_to(view.directory).as_posix(): path.read_text() for path in paths}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(source: Path, **overrides: object) -> LoadedTask:
        return load(source, Overrides.model_validate(overrides), Registry(), tmp_path / "workspace")

    return read


def request(number: int, *, is_test: bool) -> dict[str, Any]:
    """A record as of random-acts-of-pizza: lists as cells, and columns that only train has."""
    record: dict[str, Any] = {
        "request_id": f"t3_{number:04x}",
        "request_text": f"please send the pizza number {number} to us",
        "subreddits": [f"sub{number % 7}", 'pizza, "hot"'] if number % 3 else [],
        "author": {"age": number % 40, "flair": None if number % 2 else "shroom"},
        "score": number % 11 if number % 5 else None,
    }
    if not is_test:
        record |= {"giver": f"giver {number}", "upvotes_at_retrieval": number, "received": number % 4 == 0}
    return record


@pytest.mark.parametrize("is_lines", [False, True])
def test_json_records(tmp_path: Path, read: Read, is_lines: bool) -> None:
    train = [request(i, is_test=False) for i in range(80)]
    test = [request(i, is_test=True) for i in range(100, 130)]
    sample = csv("request_id,received", [f"{record['request_id']},0" for record in test])
    suffix = "jsonl" if is_lines else "json"
    source = put(tmp_path / "pizza", {"sampleSubmission.csv": sample})
    for name, records in (("train", train), ("test", test)):
        text = "\n".join(map(json.dumps, records)) if is_lines else json.dumps(records)
        put(source, {f"{name}.{suffix}": text})
    loaded = read(source, metric="roc_auc")
    task = loaded.task
    assert (task.targets, task.kind, task.id_column) == (("received",), TaskKind.BINARY, "request_id")
    assert task.classes == ("False", "True")
    assert task.train_only == ("giver", "upvotes_at_retrieval")
    views = Views(task, tmp_path / "pool", 0)
    view = views.fold(0)
    assert read_header(view.directory / "test.csv") == ("request_id", "request_text", "subreddits", "author", "score")
    assert read_header(view.directory / "train.csv")[-3:] == ("giver", "upvotes_at_retrieval", "received")
    cells = read_columns(view.directory / "test.csv", ["subreddits", "author", "score"])
    shown = [train[row] if row >= 0 else test[-1 - row] for row in view.rows.tolist()]
    assert [json.loads(cell) for cell in cells["subreddits"]] == [record["subreddits"] for record in shown]
    assert [json.loads(cell) for cell in cells["author"]] == [record["author"] for record in shown]
    assert cells["score"] == ["" if record["score"] is None else str(record["score"]) for record in shown]
    assert set(files_of(view)) == {"train.csv", "test.csv", "sampleSubmission.csv"}


def test_json_files_of_rows_and_archives(tmp_path: Path, read: Read) -> None:
    ours, theirs = [f"r{i}" for i in range(60)], [f"s{i}" for i in range(10)]
    source = put(
        tmp_path / "t",
        {
            "train.csv.zip": zipped({"train.csv": csv("id,y", [f"{key},{i * 0.5}" for i, key in enumerate(ours)])}),
            "test.csv": csv("id", theirs),
            "train.zip": zipped({f"train/{key}.json": f'{{"is": "{key}"}}' for key in ours}),
            "test.zip": zipped({f"test/{key}.json": f'{{"is": "{key}"}}' for key in theirs}),
            "labels.zip": zipped({"answers.txt": csv("", [f"{key} {i}" for i, key in enumerate(ours)])}),
        },
    )
    loaded = read(source)
    assert [(rule.train, rule.test) for rule in loaded.task.file_rules] == [("train/{key}.json", "test/{key}.json")]
    assert any("answers.txt" in note and "not used" in note for note in loaded.notes)
    view = Views(loaded.task, tmp_path / "pool", 0).fold(0)
    content = files_of(view)
    assert view.keys is not None
    for row, key in zip(view.rows.tolist(), view.keys, strict=True):
        origin = ours[row] if row >= 0 else theirs[-1 - row]
        assert content[f"test/{key}.json"] == f'{{"is": "{origin}"}}'
    assert not [path for path in content if path.endswith((".zip", ".txt"))]
    visible = set(read_columns(view.directory / "train.csv", ["id"])["id"])
    assert {path for path in content if path.startswith("train/")} == {f"train/{key}.json" for key in visible}


@pytest.mark.parametrize("form", ["train/{label}/{number}.png", "train/{label}.{number}.png"])
def test_class_folders(tmp_path: Path, read: Read, form: str) -> None:
    labels = ("cat", "dog", "owl")
    source = put(
        tmp_path / "pets",
        {
            **{form.format(label=label, number=i): f"{label} {i}" for label in labels for i in range(20)},
            **{f"test/{i}.png": f"unknown {i}" for i in range(6)},
        },
    )
    task = read(source).task
    assert (task.modality, task.prediction_kind) == (Modality.IMAGE, PredictionKind.CLASS_PROBABILITIES)
    views = Views(task, tmp_path / "pool", 0)
    hidden = Counter[str]()
    for fold in range(views.folds):
        view = views.fold(fold)
        content = files_of(view)
        assert not [path for path in content if any(label in path for label in labels)]
        assert set(read_header(view.directory / "test.csv")) == {"id"}
        assert view.keys is not None
        for row, key in zip(view.rows.tolist(), view.keys, strict=True):
            told = content[f"test/{key}.png"].split()[0]
            if row >= 0:
                assert told == labels[views.truth[row]]
                hidden[told] += 1
            else:
                assert told == "unknown"
        train = read_columns(view.directory / "train.csv", ["id", "label"])
        for key, label in zip(train["id"], train["label"], strict=True):
            assert content[f"train/{key}.png"].split()[0] == label
    assert hidden == dict.fromkeys(labels, 20 * views.scheme.repeats)


@pytest.mark.parametrize("has_test", [True, False])
def test_side_tables(tmp_path: Path, read: Read, has_test: bool) -> None:
    ours, theirs = [f"r{i}" for i in range(60)], [f"s{i}" for i in range(20)]
    known = [*ours, *theirs] if has_test else ours
    source = put(
        tmp_path / "t",
        {
            "train.csv": csv("id,a,y", [f"{key},{i % 7},{(i * 37) % 11}.5" for i, key in enumerate(ours)]),
            "test.csv": csv("id,a", [f"{key},{i % 7}" for i, key in enumerate(theirs)]),
            "visits.csv": csv("key,spent", [f"{key},{i}" for i, key in enumerate(known * 2)]),
            "answers.csv": csv("id,label", [f"{key},{(i * 37) % 11}.5" for i, key in enumerate(ours)]),
        },
    )
    loaded = read(source)
    assert [(t.path, t.column, t.has_test) for t in loaded.task.side_tables] == [("visits.csv", "id", has_test)]
    assert any(note.startswith("answers.csv was left out") for note in loaded.notes)
    view = Views(loaded.task, tmp_path / "pool", 0).fold(0)
    assert set(files_of(view)) == {"train.csv", "test.csv", "sample_submission.csv", "visits.csv"}
    shown = Counter(read_columns(view.directory / "visits.csv", ["key"])["key"])
    visible = read_columns(view.directory / "train.csv", ["id"])["id"]
    asked = read_columns(view.directory / "test.csv", ["id"])["id"]
    assert {key for key in visible if shown[key] != 2} == set()
    assert {key for key in asked if shown[key] != (2 if has_test else 0)} == set()
    assert set(shown) == {*visible, *(asked if has_test else ())}


def test_several_rows_of_one_object(tmp_path: Path, read: Read) -> None:
    """Ids repeat in train, test and sample: rows are matched by position, every one is answered."""
    source = put(
        tmp_path / "t",
        {
            "train.csv": csv("patient,week,fvc", [f"p{i // 4},{i % 4},{i * 1.5}" for i in range(80)]),
            "test.csv": csv("patient,week", [f"q{i // 4},{i % 4}" for i in range(20)]),
            "sample_submission.csv": csv("patient,fvc", [f"q{i // 4},0" for i in range(20)]),
        },
    )
    task = read(source).task
    assert (task.id_column, task.reads_order) == ("patient", True)
    views = Views(task, tmp_path / "pool", 0)
    seen: list[int] = []
    for fold in range(views.folds):
        view = views.fold(fold)
        weeks = read_columns(view.directory / "test.csv", ["week"])["week"]
        assert weeks == [str(row % 4 if row >= 0 else (-1 - row) % 4) for row in view.rows.tolist()]
        seen += view.hidden.tolist()
    assert sorted(seen) == sorted([*range(80)] * views.scheme.repeats)
    layout = submission_layout(task)
    assert layout.order.tolist() == list(range(20))
    assert list(layout.echo["patient"]) == [f"q{i // 4}" for i in range(20)]


@pytest.mark.parametrize("has_sample", [True, False])
def test_no_id_and_several_targets(tmp_path: Path, read: Read, has_sample: bool) -> None:
    """As detecting-insults (no id) and nomad2018 (two targets, ids counted separately) at once."""
    files: dict[str, str | bytes] = {
        "train.csv": csv("a,b,low,high", [f"{i % 9}.5,{i % 5},{i},{i * 2}" for i in range(60)]),
        "test.csv": csv("a,b", [f"{i % 9}.5,{i % 5}" for i in range(12)]),
    }
    if has_sample:
        files["sample_submission.csv"] = csv("low,high", ["0,0"] * 12)
    source = put(tmp_path / "t", files)
    task = read(source, target=["low", "high"]).task
    assert (task.id_column, task.reads_order, task.targets) == (None, True, ("low", "high"))
    views = Views(task, tmp_path / "pool", 0)
    assert views.truth.shape == (60, 2)
    view = views.fold(0)
    assert view.keys is None
    assert read_header(view.directory / "test.csv") == ("a", "b")
    rows = read_columns(view.directory / "test.csv", ["a", "b"])
    told = [f"{(row if row >= 0 else -1 - row) % 9}.5" for row in view.rows.tolist()]
    assert rows["a"] == told


def test_duplicate_and_missing_ids(tmp_path: Path, read: Read) -> None:
    """Some rows of one table share an id or have none; each is still hidden once and answered once."""
    ids = [f"r{i % 50}" if i % 10 else "" for i in range(60)]
    source = put(
        tmp_path / "t",
        {
            "train.csv": csv("id,a,y", [f"{key},{i}.5,{i % 2}" for i, key in enumerate(ids)]),
            "test.csv": csv("id,a", [f"s{i},{i}.5" for i in range(12)]),
            "sample_submission.csv": csv("id,y", [f"s{i},0.5" for i in range(12)]),
        },
    )
    task = read(source).task
    views = Views(task, tmp_path / "pool", 0)
    seen: list[int] = []
    for fold in range(views.folds):
        view = views.fold(fold)
        assert view.keys is not None
        assert len(set(view.keys)) == len(view.keys)
        cells = read_columns(view.directory / "test.csv", ["a"])["a"]
        assert cells == [f"{row if row >= 0 else -1 - row}.5" for row in view.rows.tolist()]
        seen += view.hidden.tolist()
    assert sorted(seen) == sorted([*range(60)] * views.scheme.repeats)
