from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.task import ColumnKind, ColumnProfile, FileRule, Profile
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import Overrides, load
from mlmaster.tasks.profile import _Moments, profile

WORDS = ("the quick brown fox", "jumps over a lazy dog", "and runs into the wood")


def profile_of(folder: Path, **overrides: object) -> Profile:
    return profile(load(folder, Overrides.model_validate(overrides), Registry(), folder / "workspace").task)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    header = ["id", "price", "cabin", "deck", "on", "day", "text", "same", "empty", "only_train", "y"]
    with (tmp_path / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for i in range(100):
            key, price, cabin = f"g{i:03}_{i % 4}", "" if i < 10 else i / 2, f"{'AB'[i % 2]}/{i}/S"
            day, text = f"2024-01-{i % 28 + 1:02}", f"{WORDS[i % 3]} {i}"
            writer.writerow([key, price, cabin, "ABC"[i % 3], i % 2 == 0, day, text, "x", "NA", i, i * i])
    with (tmp_path / "test.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header[:-2])
        writer.writerows([[f"h{i}", 1, "A/1/S", "A", True, "2024-02-01", "some text", "x", ""] for i in range(7)])
    return tmp_path


def test_columns_are_described(mixed: Path) -> None:
    given = profile_of(mixed, target="y")
    columns = {column.name: column for column in given.columns}
    assert {name: column.kind for name, column in columns.items()} == {
        "id": ColumnKind.IDENTIFIER,
        "price": ColumnKind.NUMBER,
        "cabin": ColumnKind.IDENTIFIER,
        "deck": ColumnKind.CATEGORY,
        "on": ColumnKind.BOOLEAN,
        "day": ColumnKind.DATE,
        "text": ColumnKind.TEXT,
        "same": ColumnKind.CONSTANT,
        "empty": ColumnKind.CONSTANT,
        "only_train": ColumnKind.NUMBER,
        "y": ColumnKind.NUMBER,
    }
    assert columns["price"] == ColumnProfile(
        name="price", kind=ColumnKind.NUMBER, missing=0.1, distinct=90, mean=27.25, minimum=5.0, maximum=49.5
    )
    assert (columns["id"].separators, columns["cabin"].separators, columns["deck"].separators) == ("_", "/", "")
    assert columns["text"].mean_words == pytest.approx(5.66)
    assert (columns["empty"].missing, columns["empty"].distinct) == (1.0, 0)
    assert [name for name, column in columns.items() if not column.is_in_test] == ["only_train", "y"]
    assert [name for name, column in columns.items() if column.is_target] == ["y"]
    assert given.of_kind(ColumnKind.NUMBER) == ("price",)


def test_sizes_and_the_target(mixed: Path) -> None:
    from scipy.stats import skew

    given = profile_of(mixed, target="y")
    assert (given.train_rows, given.test_rows, given.target_minimum) == (100, 7, 0.0)
    assert given.target_skew == pytest.approx(skew([i * i for i in range(100)]))
    assert given.class_shares == {}


def test_the_largest_numbers_have_a_mean(tmp_path: Path) -> None:
    rows = "".join(f"{1.7e308},{i % 2}\n" for i in range(60))
    (tmp_path / "train.csv").write_text(f"a,y\n{rows}1,0\n")
    columns = {column.name: column for column in profile_of(tmp_path, target="y").columns}
    assert columns["a"].mean == pytest.approx(1.7e308 / 61 * 60)


def test_classes_have_shares(mixed: Path) -> None:
    (mixed / "test.csv").unlink()
    given = profile_of(mixed, target="deck")
    assert given.class_shares == {"A": 0.34, "B": 0.33, "C": 0.33}
    assert (given.test_rows, given.target_skew, given.target_minimum) == (0, None, None)
    assert [column.name for column in given.columns if not column.is_in_test] == ["deck"]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda number: round(number, 3)), min_size=3, max_size=60))
def test_running_skewness_is_the_plain_one(numbers: list[float]) -> None:
    mean = sum(numbers) / len(numbers)
    second = sum((number - mean) ** 2 for number in numbers) / len(numbers)
    third = sum((number - mean) ** 3 for number in numbers) / len(numbers)
    moments = _Moments()
    for number in numbers:
        moments.add(number)
    if second > 1e-3:
        assert moments.skew() == pytest.approx(third / second**1.5, abs=1e-6)


def test_skewness_does_not_change_with_shift_or_order() -> None:
    numbers = [1.0, 2.0, 2.5, 9.0]
    skews = []
    for some in (numbers, numbers[::-1], [number + 1000 for number in numbers]):
        moments = _Moments()
        for number in some:
            moments.add(number)
        skews.append(moments.skew())
    assert skews == [pytest.approx(skews[0])] * 3
    constant = _Moments()
    constant.add(1.0)
    assert constant.skew() is None


def test_images_are_measured_and_broken_ones_passed_over(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "images").mkdir()
    rows = ["id,y"]
    for i in range(30):
        Image.new("RGB", (20 if i else 500, 10)).save(tmp_path / "images" / f"im{i}.png")
        rows.append(f"im{i},{i % 2}")
    (tmp_path / "images" / "im5.png").write_bytes(b"no image")
    (tmp_path / "train.csv").write_text("\n".join(rows) + "\n")
    task = load(tmp_path, Overrides(), Registry(), tmp_path / "workspace").task
    assert task.file_rules == (FileRule(train="images/{key}.png", test="images/{key}.png", key="id"),)
    given = profile(task)
    assert (given.file_extensions, given.image_size, given.image_channels) == ((".png",), (20, 10), 3)


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    peaks = []
    for rows in (25_000, 75_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        with (folder / "train.csv").open("w") as file:
            file.write("a,b,c,y\n")
            file.writelines(f"{i},word{i % 97},{i * 0.37:.3f},{i % 5 * 0.1 + i:.2f}\n" for i in range(rows))
        task = load(folder, Overrides(), Registry(), folder / "workspace").task
        tracemalloc.start()
        assert profile(task).train_rows == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_a_profile_holds_aggregates_and_no_cell(mixed: Path) -> None:
    """Engineers see the profile, and every train row is hidden in some fold: no text of a row may stand in it."""
    given = profile_of(mixed, target="y")
    kinds = {kind.value for kind in ColumnKind}
    assert set(_texts(given.model_dump(mode="json"))) <= {
        *(column.name for column in given.columns),
        *kinds,
        "",
        "_",
        "/",
    }


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            if key != "class_shares":  # names of classes, which the task itself names
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
