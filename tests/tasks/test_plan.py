"""Plans are pure data; ids stay or are renumbered by rule; sample cells say nothing."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, PredictionKind, Task, TaskKind
from mlmaster.errors import DataError
from mlmaster.tasks.plan import (
    RowMedia,
    digest_column,
    estimate_disk,
    make_plan,
    neutral,
    plan_new_rows,
    read_facts,
    weigh_files,
)
from mlmaster.tasks.table import write_rows


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
        "prediction_kind": PredictionKind.PROBABILITY,
        "classes": ("0", "1"),
        "metric": "roc_auc",
        "direction": Direction.MAXIMIZE,
    }
    return Task(**{**fields, **changes})


def write_ids(folder: Path, train: list[str], test: list[str]) -> None:
    write_rows(folder / "train.csv", ["id", "x", "y"], [[key, "1", "0"] for key in train])
    write_rows(folder / "test.csv", ["x", "id"], [["2", key] for key in test])


@pytest.mark.parametrize(
    ("train", "test", "is_renumbered"),
    [
        (["1", "2"], ["3", "4"], True),
        (["1", "3"], ["2", "4"], False),
        (["1", "2"], ["1", "2"], True),
        (["1", "2"], ["2"], True),
        (["a", "a"], ["b"], True),
        (["a", "b"], ["c", "c"], True),
        (["2011-01-01 00:00:00"] * 2, ["2011-01-01 00:00:00"], False),
        (["20120618192155Z"] * 2, ["20120618"], False),
        (["01/02/2013"] * 2, ["01/02/2013"], False),
        (["10000001"] * 2, ["10000001"], True),
        (["0001_01", "0001_02"], ["0002_01"], False),
    ],
)
def test_ids_are_renumbered_where_one_could_mean_two_rows_and_dates_stay(
    tmp_path: Path, train: list[str], test: list[str], is_renumbered: bool
) -> None:
    write_ids(tmp_path, train, test)
    facts = read_facts(make_task(tmp_path))
    assert (facts.renumber is not None) == is_renumbered
    assert facts.test_columns == ("x", "id")
    assert (facts.train_rows, facts.test_rows) == (len(train), len(test))


def test_a_plan_is_json_and_small(tmp_path: Path) -> None:
    rows = 20_000
    write_ids(tmp_path, [f"a{i}" for i in range(rows)], ["b"])
    plan = make_plan(read_facts(make_task(tmp_path)), "fold-0", "v" * rows, with_test=True, order_key="00")
    text = json.dumps(plan)
    assert json.loads(text) == plan
    assert len(text) < rows + 2_000


def test_nothing_hidden_means_nothing_renumbered(tmp_path: Path) -> None:
    write_ids(tmp_path, ["1", "2"], ["1"])
    facts = read_facts(make_task(tmp_path))
    assert make_plan(facts, "full", "vv", with_test=True, order_key="")["renumber"] is None
    assert make_plan(facts, "fold-0", "vh", with_test=True, order_key="")["renumber"] == {
        "column": "id",
        "start": 1,
        "prefix": "",
        "suffix": "",
        "width": 1,
    }


def test_the_sample_follows_the_task_own_or_is_neutral(tmp_path: Path) -> None:
    write_ids(tmp_path, ["1", "2"], ["3"])
    assert read_facts(make_task(tmp_path)).sample[1] == {"name": "y", "rule": "fill", "value": "0.5"}
    (tmp_path / "sample.csv").write_text("id;y\n3;0.125\n", encoding="utf-8")
    facts = read_facts(make_task(tmp_path, sample="sample.csv"))
    assert facts.sample[1]["value"] == "0.125"
    assert facts.sample_delimiter == ";"


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (PredictionKind.NUMBER, "0"),
        (PredictionKind.PROBABILITY, "0.5"),
        (PredictionKind.CLASS_PROBABILITIES, "0.5"),
        (PredictionKind.LABEL, "0"),
        (PredictionKind.RANKING, "0"),
        (PredictionKind.TEXT, ""),
    ],
)
def test_neutral_cells(tmp_path: Path, kind: PredictionKind, cell: str) -> None:
    assert neutral(make_task(tmp_path, prediction_kind=kind)) == cell


def test_a_test_table_without_features_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.csv", ["x", "y"], [["1", "0"]])
    write_rows(tmp_path / "test.csv", ["z"], [["1"]])
    with pytest.raises(DataError, match=r"test.csv: has no feature column that train has too"):
        read_facts(make_task(tmp_path))


def test_new_rows_name_every_missing_column(tmp_path: Path) -> None:
    write_ids(tmp_path, ["1", "2"], ["3"])
    (tmp_path / "new.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"new.csv: lacks 1 of the columns .*: x; give"):
        plan_new_rows(read_facts(make_task(tmp_path)), tmp_path / "new.csv", "vv")
    rule = FileRule(train="{key}", test="{key}", key="id")
    with pytest.raises(DataError, match=r"new.csv: lacks 2 of the columns .*: x, id; give"):
        plan_new_rows(read_facts(make_task(tmp_path, file_rules=(rule,))), tmp_path / "new.csv", "vv")


def test_keys_of_order_depend_on_cells_seed_and_name() -> None:
    keys = {digest_column(cells, seed, name) for cells in (["1", "2"], ["12"]) for seed in (0, 1) for name in "ab"}
    assert len(keys) == 8
    assert len(bytes.fromhex(keys.pop())) <= 64


def test_files_are_weighed_by_a_sample(tmp_path: Path) -> None:
    keys = [str(i) for i in range(2_000)]
    for key in keys[::4]:
        (tmp_path / key).write_bytes(b"x" * 100)
    task = make_task(tmp_path, file_rules=(FileRule(train="{key}", test="{key}", key="id"),))
    assert weigh_files(task, {"id": keys}) == 2_000 * 100


def test_a_text_that_mentions_train_rows_enters_no_view_and_is_named(tmp_path: Path) -> None:
    write_ids(tmp_path, ["row-0001", "row-0003", "12345678"], ["row-0002", "row-0004"])
    for name, text in (
        ("told.md", "The first is row-0003."),
        ("free.md", "Submit row-0002,0.5; or (row-0004). 12345678 rows; row-00031"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    facts = read_facts(make_task(tmp_path, description="told.md", extra_files=("free.md",)))
    assert facts.copies == ("free.md",)
    assert facts.left_out == ("told.md is left out: it mentions rows of train.csv (row-0003)",)
    assert make_plan(facts, "fold-0", "vhh", with_test=True, order_key="00")["copies"] == ["free.md"]


def test_an_ordered_test_file_makes_ordered_views_with_or_without_real_rows(tmp_path: Path) -> None:
    for name, first in (("train", 0), ("test", 1)):
        rows = [[f"a{i}", str(i), "0"] for i in range(first, 80, 2)]
        write_rows(tmp_path / f"{name}.csv", ["id", "x", "y"], rows)
    facts = read_facts(make_task(tmp_path))
    assert facts.order is not None
    sides = "vh" * 20
    plan = make_plan(facts, "fold-0", sides, with_test=True, order_key="00")
    times = [2 * row if row >= 0 else 2 * (-1 - row) + 1 for row in plan["rows"]]
    assert times == sorted(times)
    assert make_plan(facts, "s", sides, with_test=False, order_key="00")["rows"] == list(range(1, 40, 2))
    assert make_plan(facts, "full", "v" * 40, with_test=True, order_key="")["rows"] == []


def test_media_are_counted_and_any_change_of_one_shows(tmp_path: Path) -> None:
    write_ids(tmp_path, ["1", "3", "5"], ["2", "4"])
    for key in ("1", "3", "2"):
        (tmp_path / f"{key}.png").write_bytes(b"x" * 5_000)
    task = make_task(tmp_path, file_rules=(FileRule(train="{key}.png", test="{key}.png", key="id"),))
    media = read_facts(task).media
    assert (media.files, media.bytes) == (3, 3 * 8_192)
    os.utime(tmp_path / "2.png", ns=(1, 1))
    later = read_facts(task).media
    assert later.digest != media.digest
    (tmp_path / "4.png").write_bytes(b"")
    assert read_facts(task).media.digest not in (media.digest, later.digest)


def test_the_disk_need_counts_tables_by_view_and_shared_files_once(tmp_path: Path) -> None:
    write_ids(tmp_path, [str(2 * i) for i in range(1_000)], ["1"])
    facts = replace(read_facts(make_task(tmp_path)), media=RowMedia(10, 10**9, ""))
    shared, copied = (
        estimate_disk(facts, 5, rides_along=True, shares_files=shares_files) for shares_files in (True, False)
    )
    train = (tmp_path / "train.csv").stat().st_size
    assert 10**9 + 7 * train < shared < 10**9 + 14 * train
    assert 7 * 10**9 < copied < 7 * 10**9 + 14 * train


def test_files_whose_names_tell_train_from_test_do_not_mix(tmp_path: Path) -> None:
    for endings, rides in (((".png", ".png"), True), ((".png", ".jpeg"), False)):
        for name, ending, first in (("train", endings[0], 0), ("test", endings[1], 1)):
            rows = [[f"k{i}", f"p{i}{ending}", "0"] for i in range(first, 60, 2)]
            write_rows(tmp_path / f"{name}.csv", ["id", "file", "y"], rows)
        rule = FileRule(train="train/{key}", test="test/{key}", key="file")
        assert read_facts(make_task(tmp_path, file_rules=(rule,))).may_ride_along == rides
