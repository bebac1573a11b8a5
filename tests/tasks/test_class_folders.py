"""Folders and file names that name classes: every label comes through, and no name in the made folder tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.task import Modality, PredictionKind, Task, TaskKind
from mlmaster.errors import DataError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.class_folders import find_class_folders, write_label_table
from mlmaster.tasks.load import LoadedTask, Overrides, load
from mlmaster.tasks.table import read_columns

CLASSES = ("cat", "dog", "owl")


def put(directory: Path, files: Mapping[str, str] | Sequence[str]) -> Path:
    """Write files; without a content of their own they hold their own path."""
    for name in files:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name] if isinstance(files, Mapping) else name)
    return directory


def by_class(count: int = 8, classes: Sequence[str] = CLASSES, form: str = "train/{label}/{number}.jpg") -> list[str]:
    return [form.format(label=label, number=number) for label in classes for number in range(count)]


def labels_of(task: Task) -> dict[str, str]:
    """Return the label of every train file, by the path that stands in it."""
    columns = read_columns(task.directory / task.train, [str(task.id_column), task.targets[0]])
    (rule,) = task.file_rules
    paths = [task.directory / rule.train.replace("{key}", key) for key in columns[str(task.id_column)]]
    return dict(zip((path.read_text() for path in paths), columns[task.targets[0]], strict=True))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., LoadedTask]:
    def read(source: Path, **overrides: object) -> LoadedTask:
        return load(source, Overrides.model_validate(overrides), Registry(), tmp_path / "workspace")

    return read


def test_class_folders_and_a_flat_test(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    test = [f"test/{name}.jpg" for name in ("x1", "x2", "x3")]
    source = put(tmp_path / "pets", [*by_class(), *test, "README.md"])
    before = sorted(source.rglob("*"))
    loaded = read(source)
    task = loaded.task
    assert (task.name, task.modality, task.kind) == ("pets", Modality.IMAGE, TaskKind.MULTICLASS)
    assert (task.prediction_kind, task.classes) == (PredictionKind.CLASS_PROBABILITIES, CLASSES)
    assert labels_of(task) == {path: path.split("/")[1] for path in by_class()}
    assert read_columns(task.directory / "test.csv", ["id"]) == {"id": ["x1", "x2", "x3"]}
    assert (task.directory / "test" / "x2.jpg").read_text() == "test/x2.jpg"
    assert task.description == "README.md"
    assert any("the folders in train/ name classes: 24 files of 3 classes became train.csv" in n for n in loaded.notes)
    assert sorted(source.rglob("*")) == before
    assert read(source).task == task
    assert labels_of(read(source).task) == labels_of(task)


def test_nothing_in_the_made_folder_tells_a_class(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    task = read(put(tmp_path / "pets", by_class(30))).task
    names = [path.relative_to(task.directory).as_posix() for path in task.directory.rglob("*")]
    assert not [name for name in names if any(label in name for label in CLASSES)]
    columns = read_columns(task.directory / "train.csv", ["id", "label"])
    # Neither the order of the rows nor that of the ids goes with the classes: every third has some of each.
    for order in (
        columns["label"],
        [label for _, label in sorted(zip(map(int, columns["id"]), columns["label"], strict=True))],
    ):
        for third in range(3):
            assert len(Counter(order[third * 30 : third * 30 + 30])) == len(CLASSES)
    assert (task.test, task.sample) == (None, None)


@pytest.mark.parametrize(
    ("train", "test", "ids", "columns", "expected"),
    [
        ("train/{label}.{number}.jpg", "test/{}.jpg", ["1", "2", "3"], "id,label", PredictionKind.PROBABILITY),
        ("train/{label}/{number}.jpg", "test1/{}.jpg", ["1", "2", "3"], "id,label", PredictionKind.PROBABILITY),
        ("train/{label}/{number}.png", "test/{}.png", ["b", "a"], "file,cat,dog", PredictionKind.CLASS_PROBABILITIES),
        ("train/train/{label}_{number}.jpg", "test/test/{}.jpg", ["1", "2"], "id,label", PredictionKind.PROBABILITY),
        ("imgs/train/{label}/{number}.jpg", "imgs/test/{}", ["b.jpg", "a.jpg"], "img,cat,dog", None),
    ],
)
def test_ids_of_the_test_stay_as_the_sample_wants_them(
    tmp_path: Path,
    read: Callable[..., LoadedTask],
    train: str,
    test: str,
    ids: list[str],
    columns: str,
    expected: PredictionKind | None,
) -> None:
    zeros = ",0.5" * columns.count(",")
    sample = f"{columns}\n" + "".join(f"{key}{zeros}\n" for key in ids)
    files = by_class(10, ("cat", "dog"), train)
    source = put(tmp_path / "t", [*files, *(test.format(key) for key in ids)])
    (source / "sample_submission.csv").write_text(sample)
    task = read(source).task
    assert task.id_column == columns.split(",")[0]
    assert read_columns(task.directory / str(task.test), [task.id_column])[task.id_column] == ids
    assert labels_of(task) == {path: "cat" if "cat" in path else "dog" for path in files}
    assert task.prediction_kind is (expected or PredictionKind.CLASS_PROBABILITIES)
    (rule,) = task.file_rules
    for key in ids:
        assert (task.directory / rule.test.replace("{key}", key)).read_text() == test.format(key)
    ours = read_columns(task.directory / "train.csv", [task.id_column])[task.id_column]
    assert not set(ours) & set(ids)


def test_a_test_in_class_folders_is_flattened_too(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = put(tmp_path / "t", [*by_class(), *by_class(4, form="test/{label}/{number}.jpg")])
    task = read(source).task
    assert sorted(read_columns(task.directory / "test.csv", ["id"])["id"], key=int) == [f"{i}" for i in range(1, 13)]
    assert all(path.is_file() for path in (task.directory / "test").iterdir())
    assert sorted(path.read_text() for path in (task.directory / "test").iterdir()) == sorted(
        by_class(4, form="test/{label}/{number}.jpg")
    )
    assert task.file_rules[0].test == "test/{key}.jpg"


def test_other_suffixes_and_sounds(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    files = by_class(form="sounds/{label}/{number}.wav")
    task = read(put(tmp_path / "a", files)).task
    assert (labels_of(task), task.test) == ({path: path.split("/")[1] for path in files}, None)
    mixed = [*by_class(6), *by_class(3, form="train/{label}/{number}.jpeg")]
    task = read(put(tmp_path / "b", mixed)).task
    assert labels_of(task) == {path: path.split("/")[1] for path in mixed}
    assert [rule.train for rule in task.file_rules] == ["train/{key}.jpg"]


@pytest.mark.parametrize(
    "files",
    [
        ["train/cat/1.jpg", "train/dog/2.jpg"],  # as many folders as files: rows, not classes
        [f"train/images/{i}.jpg" for i in range(9)] + [f"train/masks/{i}.jpg" for i in range(9)],
        [f"train/img_{i}.jpg" for i in range(9)],  # one class is none
        [f"train/cat_{i}.jpg" for i in range(9)] + [f"train/dog.{i}.jpg" for i in range(9)],
        [f"train/cat.{i}.jpg" for i in range(9)] + ["train/odd.jpg", *(f"train/dog.{i}.jpg" for i in range(9))],
        [f"src/{i}.py" for i in range(9)] + [f"lib/{i}.py" for i in range(9)],
        [*by_class(), "train/loose.jpg"],
        [f"{part}_data/{i}.wav" for part in ("essential", "supplemental") for i in range(9)],
    ],
)
def test_what_is_no_class_is_left_alone(tmp_path: Path, read: Callable[..., LoadedTask], files: list[str]) -> None:
    source = put(tmp_path / "t", files)
    assert find_class_folders(source) is None
    with pytest.raises(DataError, match="holds no table"):
        read(source)


def test_a_label_table_says_better(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = put(tmp_path / "t", by_class())
    table = "id,a,y\n" + "".join(f"r{i},{i},{i * 0.5}\n" for i in range(60))
    (source / "train.csv").write_text(table)
    assert (read(source).task.directory, read(source).task.targets) == (source, ("y",))
    (source / "train.csv").rename(source / "mine.csv")
    assert read(source, train="mine.csv", target="y").task.train == "mine.csv"
    assert read(source, target="y").task.train == "mine.csv"
    assert read(source).task.targets == ("label",)


def test_a_sample_that_belongs_to_other_files_is_an_error(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = put(tmp_path / "t", [*by_class(10, ("cat", "dog")), *(f"test/{i}.jpg" for i in range(5))])
    (source / "sample_submission.csv").write_text("id,label\n" + "".join(f"q{i},0.5\n" for i in range(5)))
    with pytest.raises(
        DataError, match=r"none of its 5 ids \(first 'q0'\) names a file of the test folder \(first '0.jpg'\)"
    ):
        read(source)
    (source / "sample_submission.csv").write_text("id\n1\n")
    with pytest.raises(DataError, match=r"sample_submission.csv: has the one column 'id'"):
        read(source)


_LABEL = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\0", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9
)


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(_LABEL.filter(lambda x: not x.startswith(".")), st.integers(2, 6), min_size=2, max_size=6),
    st.integers(0, 3),
)
def test_every_label_comes_through(counts: dict[str, int], test_files: int) -> None:
    with TemporaryDirectory() as name:
        source = Path(name) / "source"
        for label, count in counts.items():
            put(source, [f"train/{label}/{number}.png" for number in range(count)])
        put(source, [f"test/{number}.png" for number in range(test_files)])
        found = find_class_folders(source)
        if found is None:  # a name such as `val` or `images` among them
            return
        write_label_table(found, source, None, Path(name) / "made")
        columns = read_columns(Path(name) / "made" / "train.csv", ["id", "label"])
        told = {
            (Path(name) / "made" / "train" / f"{key}.png").read_text(): label
            for key, label in zip(columns["id"], columns["label"], strict=True)
        }
        assert told == {
            f"train/{label}/{number}.png": label for label, count in counts.items() for number in range(count)
        }
        if test_files:
            assert read_columns(Path(name) / "made" / "test.csv", ["id"])["id"] == [f"{i}" for i in range(test_files)]
            assert not set(columns["id"]) & {f"{i}" for i in range(test_files)}
