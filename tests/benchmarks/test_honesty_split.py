from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from honesty import split
from honesty.grid import Place, parse_seeds
from honesty.tasks import SOURCES, Source, Table
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import load
from mlmaster.tasks.loaded import Overrides

ROWS = 60


def _table() -> Table:
    return Table(["group", "x", "y"], [[f"g{i // 4}", str(i), f"{i * 7919 % 1009}.5"] for i in range(ROWS)])


SOURCE = Source("planted", "nowhere", "mae", "regression", ("y",), 30, (10, 20), _table)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_public_folder_holds_no_answer(tmp_path: Path) -> None:
    sealed = split.lay_out(SOURCE, 0, tmp_path / "public")
    written = " ".join(path.read_text() for path in (tmp_path / "public").iterdir())
    assert all(answer not in written for answer in sealed.columns["y"])
    train, test = _read(tmp_path / "public" / "train.csv"), _read(tmp_path / "public" / "test.csv")
    assert len(train) == split.count_train_rows(tmp_path / "public") == 30
    assert [row["x"] for row in test] == sealed.columns["x"]
    assert not {row["x"] for row in train} & {row["x"] for row in test}
    assert list(test[0]) == ["id", "group", "x"]
    truth = dict(zip((row[1] for row in _table().rows), (row[2] for row in _table().rows), strict=True))
    assert [truth[x] for x in sealed.columns["x"]] == sealed.columns["y"]


def test_the_seed_decides_the_split() -> None:
    table = _table()
    assert split.draw(SOURCE, table, 3) == split.draw(SOURCE, table, 3)
    assert split.draw(SOURCE, table, 3) != split.draw(SOURCE, table, 4)
    assert split.draw(SOURCE, table, 3) != split.draw(replace(SOURCE, name="other"), table, 3)


def _groups(rows: list[int]) -> set[int]:
    return {row // 4 for row in rows}


def test_units_are_sealed_as_a_whole() -> None:
    grouped = replace(SOURCE, unit=lambda table: table.column("group"), is_by_unit=True)
    train, test = split.draw(grouped, _table(), 0)
    assert not _groups(train) & _groups(test)
    assert len(train) >= 30
    assert len(test) >= 10


def test_cut_by_units_test_rows_keep_their_relatives() -> None:
    cut = replace(SOURCE, train_rows=20, test_rows=(10, 10), unit=lambda table: table.column("group"))
    train, test = split.draw(cut, _table(), 0)
    assert len(train) + len(test) <= 33
    assert _groups(train) & _groups(test)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_source_is_understood(source: Source, tmp_path: Path) -> None:
    try:
        sealed = split.lay_out(source, 1, tmp_path / source.name)
    except FileNotFoundError as error:
        pytest.skip(f"the table is not here: {error}")
    task = load(tmp_path / source.name, Overrides(), Registry(), tmp_path / "data").task
    assert (task.metric, task.kind.value, task.targets) == (source.metric, source.kind, source.targets)
    assert task.test is not None
    assert source.test_rows[0] <= sealed.rows <= source.test_rows[1] + 20
    assert not set(source.targets) & set(_read(tmp_path / source.name / "test.csv")[0])


def test_names_of_cells() -> None:
    assert parse_seeds("0-2,5") == [0, 1, 2, 5]
    assert Place("wine", 3, "default").path.name == "wine-3-default.json"
