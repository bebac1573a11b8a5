"""Side tables: joined by the right key, known to cover the test or not, and left out where they tell the target."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mlmaster.core.task import SideTable
from mlmaster.errors import DataError, TaskError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import LoadedTask, Overrides, load
from mlmaster.tasks.task_file import TASK_FILE, init

ROWS, TEST_ROWS, SHOPS = 120, 40, 15
Table = dict[str, Sequence[object]]
Load = Callable[..., LoadedTask]

_random = random.Random(7)
SHOP = [f"{_random.randrange(SHOPS) + 1}" for _ in range(ROWS + TEST_ROWS)]
DAY = [f"2024-{i % 6 + 1:02}-{i % 28 + 1:02}" for i in range(ROWS + TEST_ROWS)]
Y = [_random.random() for _ in range(ROWS)]
CLASS = ["abc"[_random.randrange(3)] for _ in range(ROWS)]
TRAIN: Table = {"id": [f"r{i}" for i in range(ROWS)], "Shop": SHOP[:ROWS], "a": [i * 0.5 for i in range(ROWS)], "y": Y}
TEST: Table = {
    "id": [f"s{i}" for i in range(TEST_ROWS)],
    "Shop": SHOP[ROWS:],
    "a": [i * 0.5 for i in range(TEST_ROWS)],
}
IDS = [*TRAIN["id"], *TEST["id"]]
SHOPS_TABLE: Table = {"shop": range(1, SHOPS + 1), "size": [_random.random() for _ in range(SHOPS)]}


def write(path: Path, table: Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def read(tmp_path: Path) -> Load:
    """Load a folder of the given side tables beside train and test."""

    def read(
        *, train: Table = TRAIN, test: Table | None = TEST, said: dict[str, object] | None = None, **side: Table
    ) -> LoadedTask:
        folder = tmp_path / "task"
        write(folder / "train.csv", train)
        if test is not None:
            write(folder / "test.csv", test)
        for name, table in side.items():
            write(folder / f"{name}.csv", table)
        overrides = Overrides.model_validate({"target": "y", **(said or {})})
        return load(folder, overrides, Registry(), tmp_path / "workspace")

    return read


def seconds(loaded: LoadedTask) -> list[tuple[str, str, str, bool]]:
    return [(table.path, table.key, table.column, table.has_test) for table in loaded.task.side_tables]


def test_facts_of_an_entity_belong_to_rows_by_the_column_of_that_name(read: Load) -> None:
    loaded = read(shops=SHOPS_TABLE)
    assert seconds(loaded) == [("shops.csv", "shop", "Shop", True)]
    line = next(line for line in loaded.inferences if line.name == "side tables")
    assert (line.value, line.why) == ("shops.csv by Shop", "found by keys they share with the rows")
    assert loaded.notes == ()


@pytest.mark.parametrize(("key", "is_found"), [("id", True), ("row_id", True), ("which", True)])
def test_rows_of_their_own_are_found_by_their_keys(read: Load, key: str, is_found: bool) -> None:
    keys = [name for name in IDS for _ in range(3)]
    loaded = read(visits={"visit": range(len(keys)), key: keys, "spent": [_random.random() for _ in keys]})
    assert seconds(loaded) == ([("visits.csv", key, "id", True)] if is_found else [])


def test_keys_in_hexadecimal_digits_are_no_measurements(read: Load) -> None:
    """Some of them read as numbers: 42237475e1."""
    keys = [f"{number:08d}e{number % 10}" if number % 3 else f"{number:010x}" for number in range(ROWS + TEST_ROWS)]
    train, test = TRAIN | {"id": keys[:ROWS]}, TEST | {"id": keys[ROWS:]}
    found = read(train=train, test=test, boxes={"id": keys, "weight": range(len(keys))})
    assert seconds(found) == [("boxes.csv", "id", "id", True)]


def test_a_table_of_train_rows_alone_says_so(read: Load) -> None:
    loaded = read(boxes={"id": TRAIN["id"], "width": [_random.random() for _ in range(ROWS)]})
    assert seconds(loaded) == [("boxes.csv", "id", "id", False)]
    line = next(line for line in loaded.inferences if line.name == "side tables")
    assert line.value == "boxes.csv by id (train rows alone)"


def test_a_table_of_test_rows_alone_is_left_out(read: Load) -> None:
    loaded = read(stage={"id": TEST["id"], "width": [_random.random() for _ in range(TEST_ROWS)]})
    assert seconds(loaded) == []
    assert any(
        note.startswith("stage.csv was left out: it holds rows of the test table alone") for note in loaded.notes
    )


def test_without_a_test_a_table_is_of_train_rows_alone(read: Load) -> None:
    assert seconds(read(test=None, shops=SHOPS_TABLE)) == [("shops.csv", "shop", "Shop", False)]


def test_of_two_keys_the_one_that_fits(read: Load) -> None:
    """Rows of the side table have numbers of their own, which are found among the rows' numbers by chance."""
    count = 400
    shops = [f"{_random.randrange(SHOPS) + 1}" for _ in range(count)]
    numbered = {**TRAIN, "id": range(1, ROWS + 1)}, {**TEST, "id": range(ROWS + 1, ROWS + TEST_ROWS + 1)}
    sales = {"id": range(1, count + 1), "shop": shops, "spent": [_random.random() for _ in range(count)]}
    assert seconds(read(train=numbered[0], test=numbered[1], sales=sales)) == [("sales.csv", "shop", "Shop", True)]
    sex = {"id": IDS, "sex": [f"{'mfx'[i % 3]}" for i in range(ROWS + TEST_ROWS)]}
    train = {**TRAIN, "sex": [f"{'mfx'[i % 3]}" for i in range(ROWS)]}
    test = {**TEST, "sex": [f"{'mfx'[i % 3]}" for i in range(TEST_ROWS)]}
    assert seconds(read(train=train, test=test, people=sex)) == [
        ("people.csv", "id", "id", True),
        ("sales.csv", "shop", "Shop", True),
    ]


@pytest.mark.parametrize(
    "table",
    [
        {"x": range(30), "z": range(30)},
        {"name": [f"n{i}" for i in range(30)], "z": range(30)},
        {"product_id": range(1, 31), "z": range(30)},
        {"a": [i * 0.5 for i in range(60)], "z": range(60)},
    ],
)
def test_what_shares_no_key_is_left_out_and_named(read: Load, table: Table) -> None:
    loaded = read(other=table)
    assert seconds(loaded) == []
    assert any("no rule says which rows they belong to: other.csv;" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("column", "cells", "reason"),
    [
        ("Y", Y, "it has a column 'Y', which is to be predicted"),
        ("copy", Y, "it has a column 'copy', which is the target 'y' again"),
        ("scaled", [3 * y + 1 for y in Y], "gives the target 'y' away and is not known of test rows"),
    ],
)
def test_a_table_that_tells_the_target_is_left_out(read: Load, column: str, cells: list[float], reason: str) -> None:
    order = random.Random(1).sample(range(ROWS), ROWS)
    loaded = read(answers={"id": [TRAIN["id"][i] for i in order], column: [cells[i] for i in order]})
    assert seconds(loaded) == []
    (note,) = [note for note in loaded.notes if note.startswith("answers.csv was left out: ")]
    assert reason in note


def test_a_class_under_another_name_gives_the_target_away(read: Load) -> None:
    train = {**TRAIN, "y": CLASS}
    renamed = [{"a": "red", "b": "green", "c": "blue"}[each] for each in CLASS]
    table: Table = {"id": IDS, "colour": [*renamed, *[""] * TEST_ROWS]}
    loaded = read(train=train, colours=table)
    assert any("'colour', which gives the target 'y' away" in note for note in loaded.notes)
    # The same, known of test rows as well, is a feature.
    known = read(train=train, colours={"id": IDS, "colour": [*renamed, *["red"] * TEST_ROWS]})
    assert seconds(known) == [("colours.csv", "id", "id", True)]
    # And one that goes with the class more often than not is one too.
    mixed = [renamed[i] if i % 3 else "red" for i in range(ROWS)]
    assert seconds(read(train=train, colours={"id": TRAIN["id"], "colour": mixed})) == [
        ("colours.csv", "id", "id", False)
    ]


def test_the_target_told_by_two_columns_together(read: Load) -> None:
    """Neither the shop nor the day alone names a row; a history by both holds the answers under another name."""
    pairs = random.Random(3).sample([(shop, day) for shop in range(1, 16) for day in range(1, 29)], ROWS + TEST_ROWS)
    shops, days = [f"{shop}" for shop, _ in pairs], [f"2024-05-{day:02}" for _, day in pairs]
    train = {"id": TRAIN["id"], "shop": shops[:ROWS], "day": days[:ROWS], "y": Y}
    test = {"id": TEST["id"], "shop": shops[ROWS:], "day": days[ROWS:]}
    history: Table = {"shop": shops[:ROWS], "day": days[:ROWS], "units": Y}
    (note,) = read(train=train, test=test, history=history).notes
    assert note.startswith("history.csv was left out: it has a column 'units', which is the target 'y' again")
    history["units"] = [_random.random() for _ in range(ROWS)]
    (note,) = read(train=train, test=test, history=history).notes
    assert "it tells of train rows, by shop and day together, what is not known of test rows" in note
    whole: Table = {"shop": shops, "day": days, "units": [_random.random() for _ in shops]}
    assert [table[3] for table in seconds(read(train=train, test=test, history=whole))] == [True]


@pytest.mark.parametrize("suffix", [".parquet", ".json", ".jsonl"])
def test_side_tables_of_other_formats(tmp_path: Path, read: Load, suffix: str) -> None:
    import pandas as pd

    frame = pd.DataFrame({name: list(cells) for name, cells in SHOPS_TABLE.items()})
    path = tmp_path / "task" / f"shops{suffix}"
    path.parent.mkdir()
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=suffix == ".jsonl")
    loaded = read()
    assert seconds(loaded) == [("shops.csv", "shop", "Shop", True)]
    assert loaded.notes == (f"shops{suffix} was converted into shops.csv",)
    assert not (loaded.task.directory / path.name).exists()
    assert (loaded.task.directory / "shops.csv").is_file()


def test_a_json_of_settings_is_no_table(tmp_path: Path, read: Load) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "config.json").write_text(json.dumps({"id": 5, "depth": [1, 2]}))
    loaded = read()
    assert not any("converted" in note for note in loaded.notes)
    assert any("belong to: config.json;" in note for note in loaded.notes)


def test_a_table_in_a_folder_and_broken_ones(tmp_path: Path, read: Load) -> None:
    write(tmp_path / "task" / "more" / "shops.csv", SHOPS_TABLE)
    (tmp_path / "task" / "ragged.csv").write_text("id,z\nr1,2\nr2\n")
    loaded = read()
    assert seconds(loaded) == [("more/shops.csv", "shop", "Shop", True)]
    (note,) = loaded.notes
    assert note.startswith(
        "ragged.csv was left out: it cannot be read (row 2 (line 3) has 1 cells, but the header has 2"
    )


def test_the_users_word_wins_and_init_writes_it_down(tmp_path: Path, read: Load) -> None:
    boxes: Table = {"id": TRAIN["id"], "y": Y}
    table = {"path": "boxes.csv", "key": "id", "column": "id", "has_test": False}
    assert seconds(read(boxes=boxes)) == []
    said = read(boxes=boxes, said={"side_tables": [table]})
    assert said.task.side_tables == (SideTable.model_validate(table),)
    assert seconds(read(shops=SHOPS_TABLE, said={"side_tables": "none"})) == []
    folder = tmp_path / "task"
    path = init(folder, said)
    assert "side_tables:\n- path: boxes.csv\n  key: id\n  column: id\n  has_test: false\n" in path.read_text()
    assert read().task == said.task
    path.write_text("side_tables: none\n")
    assert seconds(read()) == []
    assert path.name == TASK_FILE


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"path": "x.csv", "key": "id", "column": "id"}, DataError, "has no file 'x.csv' of side_tables"),
        (
            {"path": "shops.csv", "key": "id", "column": "Shop"},
            DataError,
            "has no column 'id' .*its columns are shop, size",
        ),
        ({"path": "shops.csv", "key": "shop", "column": "y"}, TaskError, "shops.csv: test.csv has no column 'y'"),
    ],
)
def test_words_of_the_user_that_cannot_be(
    read: Load, table: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(shops=SHOPS_TABLE, said={"side_tables": [{**table, "has_test": True}]})


def test_a_table_larger_than_its_sample_is_looked_at_whole(read: Load) -> None:
    """The keys of the last rows count as much as those of the first."""
    count = 30_000
    ids = [f"r{i}" for i in range(count)]
    train: Table = {"id": ids, "z": range(count), "y": [_random.random() for _ in range(count)]}
    test: Table = {"id": [f"s{i}" for i in range(100)], "z": range(100)}
    loaded = read(train=train, test=test, late={"id": ids[-3000:], "w": range(3000)})
    assert seconds(loaded) == [("late.csv", "id", "id", False)]
