"""Answers that lie in the folder: in columns only train has, in archives, in other tables, in names of folders."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path
from statistics import fmean

from tests.leaks.corpus import (
    HONEST,
    ROWS,
    Planted,
    check,
    draw_rows,
    plant,
    score_carelessly,
    score_ours,
    understand,
    write_table,
)


def test_columns_of_train_that_sum_to_the_target(tmp_path: Path) -> None:
    draw = random.Random(8)
    rows = []
    for row in draw_rows(300):
        casual, registered = draw.randrange(100), draw.randrange(300)
        rows.append({**row, "casual": casual, "registered": registered, "y": casual + registered})
    planted = plant(tmp_path / "task", rows[:240], rows[240:], metric="rmse", hide=("casual", "registered"))
    code = """
mean = statistics.mean(float(row["y"]) for row in train)
write(lambda row: float(row["casual"]) + float(row["registered"]) if "casual" in row else mean)
"""
    assert max(score_carelessly(planted, code)) == 0
    assert min(score_ours(planted, code)) > 60  # the spread of the target is about 90


def test_an_archive_of_the_whole_train_table(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    train = draw_rows()
    write_table(folder / "train.csv", train)
    with zipfile.ZipFile(folder / "train.csv.zip", "w") as archive:
        archive.write(folder / "train.csv", "train.csv")
    code = """
import io, pathlib, zipfile
known = {}
for path in pathlib.Path("input").rglob("*.zip"):
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            for row in csv.DictReader(io.StringIO(archive.read(name).decode())):
                known[row["x"]] = row.get("y")
for path in pathlib.Path("input").rglob("*.csv"):
    known.update({row["x"]: row["y"] for row in table(path) if row.get("x") and row.get("y")})
write(lambda row: known.get(row["x"]) or shrug(row))
"""
    check(plant(folder, train, draw_rows(40, seed=2)), code)


ANY_TABLE = """
import pathlib
known = {}
for path in pathlib.Path("input").rglob("*.csv"):
    if path.name not in ("train.csv", "test.csv", "sample_submission.csv"):
        known.update({row["id"]: row.get("outcome") for row in table(path)})
write(lambda row: known.get(row["id"]) or shrug(row))
"""


def test_a_table_that_tells_the_outcome_of_every_train_row(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    train = draw_rows()
    write_table(folder / "outcomes.csv", [{"id": row["id"], "outcome": row["y"]} for row in train])
    check(plant(folder, train, draw_rows(40, seed=2)), ANY_TABLE)


def test_a_table_without_rows_of_the_test(tmp_path: Path) -> None:
    """What was noted afterwards, of train rows alone; it agrees with the target in most rows, not in all."""
    folder = tmp_path / "task"
    train = draw_rows()
    draw = random.Random(9)
    notes = [
        {"id": row["id"], "outcome": row["y"] if draw.random() < 0.94 else 1 - int(str(row["y"]))} for row in train
    ]
    write_table(folder / "follow_up.csv", notes)
    check(plant(folder, train, draw_rows(40, seed=2)), ANY_TABLE)


def test_a_column_of_another_table_that_is_filled_for_train_rows_alone(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    train, test = draw_rows(), draw_rows(40, seed=2)
    draw = random.Random(9)
    stays: list[dict[str, object]] = [
        {"id": row["id"], "ward": draw.randrange(9), "outcome": row["y"]} for row in train
    ]
    for place in draw.sample(range(len(stays)), 12):
        stays[place]["outcome"] = 1 - int(str(stays[place]["outcome"]))
    stays += [{"id": row["id"], "ward": draw.randrange(9), "outcome": ""} for row in test]
    write_table(folder / "stays.csv", stays)
    planted = plant(folder, train, test)
    assert [side.has_test for side in planted.task.side_tables] == [True]  # the rest of the table is of use
    check(planted, ANY_TABLE)


def test_folders_named_after_the_class(tmp_path: Path) -> None:
    """A careless harness names rows by their path: `cat/41b0…` says what the file shows."""
    folder = tmp_path / "task"
    draw = random.Random(10)
    rows = []
    for place in range(ROWS):
        label, name = ("cat", "dog")[place % 2], f"{draw.getrandbits(40):010x}"
        path = folder / "train" / label / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{draw.random()}")
        rows.append({"id": f"{label}/{name}", "y": label})
    (folder / "test").mkdir()
    for _ in range(40):
        (folder / "test" / f"{draw.getrandbits(40):010x}.txt").write_text(f"{draw.random()}")
    ours = understand(folder, "accuracy")
    draw.shuffle(rows)
    write_table(tmp_path / "by-path" / "train.csv", rows)
    careless = Planted(tmp_path / "by-path", ours.model_copy(update={"file_rules": ()}))
    code = """
import pathlib
places = {path.stem: path.parts for path in pathlib.Path("input").rglob("*.txt")}
def guess(row):
    words = {*row["id"].split("/"), *places.get(row["id"], ())}
    return next((word for word in ("cat", "dog") if word in words), random.Random(row["id"]).choice(["cat", "dog"]))
"""
    by_path = score_carelessly(careless, code + "write(guess)")
    assert fmean(by_path) == 1
    assert fmean(score_ours(Planted(folder, ours), code + f"write(guess, {ours.targets[0]!r})")) < HONEST
