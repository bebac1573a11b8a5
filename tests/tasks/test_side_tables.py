"""Side tables in views: rows of visible keys, of test rows only where the real test has some, and of nobody else."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, SideTable, Task, TaskKind
from mlmaster.errors import DataError
from mlmaster.tasks.plan import Facts, make_plan, read_facts
from mlmaster.tasks.pool import ViewPool
from mlmaster.tasks.table import write_rows

KEY = "ab" * 16


def make_task(directory: Path, **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "name": "t",
        "directory": directory,
        "train": "train.csv",
        "test": "test.csv",
        "id_column": "id",
        "echo_columns": ("id",),
        "submission_columns": ("id", "y"),
        "prediction_columns": ("y",),
        "targets": ("y",),
        "kind": TaskKind.BINARY,
        "prediction_kind": PredictionKind.LABEL,
        "classes": ("0", "1"),
        "metric": "accuracy",
        "direction": Direction.MAXIMIZE,
        "side_tables": (SideTable(path="bought.csv", key="who", column="id", has_test=True),),
    }
    return Task(**{**fields, **changes})


def write_tables(folder: Path, train: Sequence[str], test: Sequence[str], bought: Sequence[Sequence[str]]) -> None:
    write_rows(folder / "train.csv", ["id", "x", "y"], [[key, f"s{i % 2}", str(i % 2)] for i, key in enumerate(train)])
    write_rows(folder / "test.csv", ["id", "x"], [[key, "s1"] for key in test])
    write_rows(folder / "bought.csv", ["item", "who", "late"], bought)


def build(facts: Facts, pool: Path, sides: str, *, with_test: bool = True) -> Path:
    """Build and scan a view."""
    plan = make_plan(facts, "fold-0", sides, with_test=with_test, order_key=KEY)
    names = [facts.task.train, *(side.path for side in facts.task.side_tables)]
    return ViewPool(pool, facts.task.directory, names, withheld=["y"], keys=["id"]).take(plan)[0]


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


INTERLEAVED = ["u1", "u3", "u5", "u7", "u9"], ["u2", "u4", "u6", "u8"]
EACH_TWICE = [[f"thing {n} of u{i}", f"u{i}", ""] for n in range(2) for i in range(1, 13)]


def test_rows_of_visible_and_test_keys_enter_and_nobody_elses(tmp_path: Path) -> None:
    write_tables(tmp_path, *INTERLEAVED, EACH_TWICE)
    facts = read_facts(make_task(tmp_path))
    assert facts.renumber is None
    folder = build(facts, tmp_path / "pool", "vvhh-")
    test_ids = [row[0] for row in read(folder / "test.csv")]
    keys = [row[1] for row in read(folder / "bought.csv")]
    assert keys[:4] == ["u1", "u3", "u1", "u3"]
    assert keys[4:] == [key for key in test_ids for _ in range(2)]  # the test table's own order
    assert set(test_ids) == {"u5", "u7", "u2", "u4", "u6", "u8"}
    assert not {"u9", "u10", "u11", "u12"} & set(keys)
    alone = build(facts, tmp_path / "alone", "vvhh-", with_test=False)
    assert {row[1] for row in read(alone / "bought.csv")} == {"u1", "u3", "u5", "u7"}


def test_a_table_that_knows_nothing_of_the_real_test_says_nothing_of_hidden_rows(tmp_path: Path) -> None:
    write_tables(tmp_path, *INTERLEAVED, [row for row in EACH_TWICE if row[1] in INTERLEAVED[0]])
    facts = read_facts(make_task(tmp_path))  # the task's word is not taken: there are no rows of test keys
    assert not facts.side_tables[0]["has_test"]
    folder = build(facts, tmp_path / "pool", "vvhh-")
    assert [row[1] for row in read(folder / "bought.csv")] == ["u1", "u3", "u1", "u3"]


def test_a_key_shared_with_a_hidden_row_is_shown_only_where_the_test_has_it(tmp_path: Path) -> None:
    for has_test, shown in ((True, {"s0", "s1"}), (False, {"s0"})):
        folder = tmp_path / str(has_test)
        folder.mkdir()
        write_tables(folder, *INTERLEAVED, [["a", "s0", ""], ["b", "s1", ""], ["c", "s2", ""], ["d", "", ""]])
        side = SideTable(path="bought.csv", key="who", column="x", has_test=has_test)
        facts = read_facts(make_task(folder, side_tables=(side,)))
        view = build(facts, folder / "pool", "vvv-h" if has_test else "vvvh-")  # u1, u3, u5; u9 is s0 and u7 is s1
        assert {row[1] for row in read(view / "bought.csv")} == shown


def test_new_ids_are_new_in_side_tables_too(tmp_path: Path) -> None:
    train, test = [str(i) for i in range(1, 7)], [str(i) for i in range(11, 15)]
    write_tables(tmp_path, train, test, [[f"of {key}", key, ""] for key in [*train, *test, "99"]])
    facts = read_facts(make_task(tmp_path))
    assert facts.renumber is not None
    folder = build(facts, tmp_path / "pool", "vvvhh-")
    shown = {row[0]: row[1] for row in read(folder / "bought.csv")}
    assert set(shown) == {*(f"of {key}" for key in (1, 2, 3, 4, 5)), *(f"of {key}" for key in test)}
    assert [shown[f"of {key}"] for key in (1, 2, 3)] == ["1", "2", "3"]
    assert sorted(shown.values(), key=int)[3:] == [row[0] for row in read(folder / "test.csv")]
    assert not {shown["of 4"], shown["of 5"]} & {"4", "5"}


def test_what_is_empty_for_the_real_test_is_empty_for_hidden_rows(tmp_path: Path) -> None:
    rows = [[f"of u{i}", f"u{i}", "paid" if i % 2 else ""] for i in range(1, 10)]
    write_tables(tmp_path, *INTERLEAVED, rows)
    facts = read_facts(make_task(tmp_path))
    assert facts.side_tables[0]["withheld"] == ["late"]
    shown = {row[1]: row[2] for row in read(build(facts, tmp_path / "pool", "vvhh-") / "bought.csv")}
    assert shown == {"u1": "paid", "u3": "paid", "u5": "", "u7": "", "u2": "", "u4": "", "u6": "", "u8": ""}


def test_a_side_table_with_the_answer_or_with_ids_of_two_meanings_is_left_out_and_named(tmp_path: Path) -> None:
    write_tables(tmp_path, *INTERLEAVED, EACH_TWICE)
    write_rows(tmp_path / "bought.csv", ["y", "who"], [["1", "u1"]])
    facts = read_facts(make_task(tmp_path))
    assert facts.side_tables == ()
    assert facts.left_out == ("bought.csv is left out: it holds the target y, also of rows that are hidden",)
    assert not (build(facts, tmp_path / "pool", "vvhh-") / "bought.csv").exists()
    write_tables(tmp_path, ["1", "2"], ["1", "2"], [["a", "1", ""]])
    assert read_facts(make_task(tmp_path)).left_out == (
        "bought.csv is left out: id means one row in train and another in the test",
    )


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_tables(tmp_path, *INTERLEAVED, EACH_TWICE)
    for key, column, words in (
        ("whom", "id", "bought.csv: has no column 'whom'"),
        ("who", "z", "train.csv: has no .*'z'"),
    ):
        side = SideTable(path="bought.csv", key=key, column=column, has_test=True)
        with pytest.raises(DataError, match=words):
            read_facts(make_task(tmp_path, side_tables=(side,)))


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=3)


@settings(deadline=None, max_examples=30)
@given(st.data(), st.booleans())
def test_the_scan_passes_on_whatever_is_built(data: st.DataObject, has_test: bool) -> None:
    """Every view of every table passes; a side table never tells of a key that the view does not show."""
    ids = data.draw(st.lists(st.integers(0, 30), min_size=3, max_size=14).map(lambda found: [str(i) for i in found]))
    parts = data.draw(st.integers(1, len(ids) - 1))
    train, test = ids[:parts], ids[parts:]
    sides = data.draw(st.text("vh-", min_size=parts, max_size=parts))
    rows = data.draw(st.lists(st.tuples(cells, st.integers(0, 32).map(str), st.sampled_from(["", "p"]))))
    column = data.draw(st.sampled_from(["id", "x"]))
    bought = [list(row) if column == "id" else [row[0], f"s{int(row[1]) % 4}", row[2]] for row in rows]
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, train, test, [*bought, ["x", "nobody", ""]])
        side = SideTable(path="bought.csv", key="who", column=column, has_test=has_test)
        facts = read_facts(make_task(folder, side_tables=(side,)))
        view = build(facts, folder / "pool", sides, with_test=data.draw(st.booleans()))
        if facts.side_tables:
            place = 0 if column == "id" else 1
            shown = {row[place] for part in ("train.csv", "test.csv") for row in read(view / part)}
            assert {row[1] for row in read(view / "bought.csv")} <= shown
