from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.task import ColumnKind
from mlmaster.tasks.cells import MISSING, find_kind, is_date, is_id_name, is_integer, is_missing, is_number


def test_missing_is_what_pandas_takes_for_missing() -> None:
    import pandas as pd

    candidates = sorted(MISSING | {"na", "-", "?", "none", "NONE", "0", "nil", "Missing", "N/a", "NAN", "unknown"})
    cells = pd.read_csv(io.StringIO("a,b\n" + "".join(f"{cell},1\n" for cell in candidates)))["a"]
    assert [is_missing(cell) for cell in candidates] == cells.isna().tolist()


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**18), 10**18)))
def test_every_number_is_a_number(number: float) -> None:
    assert is_number(repr(number))
    assert is_number(f" {number!r}")


@given(st.text(max_size=12))
def test_what_is_called_a_number_can_be_read_as_one(cell: str) -> None:
    if is_number(cell):
        float(cell)
    if is_integer(cell):
        assert float(cell).is_integer()


@pytest.mark.parametrize("cell", ["", "nan", "inf", "1,5", "1_000", "0x10", "1e", "٣", "1 2", "-"])
def test_what_is_no_number(cell: str) -> None:
    assert not is_number(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024-02-29", True),
        ("2011-01-20 00:00:00", True),
        ("2011-01-20T00:00:00Z", True),
        ("20120618192155Z", True),
        ("20120618", True),
        ("3/14/2015", True),
        ("14.03.15 10:00", True),
        ("2024-13-01", False),
        ("20129918", False),
        ("1999", False),
        ("12-34", False),
        ("F/731/S", False),
        ("a 2024-02-29", False),
    ],
)
def test_dates(cell: str, expected: bool) -> None:
    assert is_date(cell) is expected


@pytest.mark.parametrize(
    "name", ["id", "Id", "ID", "PassengerId", "row_id", "id_code", "image", "filename", "uuid", "key"]
)
def test_names_of_ids(name: str) -> None:
    assert is_id_name(name)


@pytest.mark.parametrize(
    "name", ["width", "idle", "humidity", "paid", "Name", "valid", "ideal", "bid", "casino", "monkey"]
)
def test_names_of_no_ids(name: str) -> None:
    assert not is_id_name(name)


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("x", ["", "NA"], ColumnKind.CONSTANT),
        ("x", ["a", "", "a"], ColumnKind.CONSTANT),
        ("x", ["0", "1", "", "1"], ColumnKind.BOOLEAN),
        ("x", ["Yes", "no"], ColumnKind.BOOLEAN),
        ("x", ["3", "4"], ColumnKind.NUMBER),
        ("x", ["1.5", "2", "nan"], ColumnKind.NUMBER),
        ("x_id", ["1", "2", "3"], ColumnKind.IDENTIFIER),
        ("x_id", ["1", "2", "2", "3"], ColumnKind.NUMBER),
        ("x_id", ["1.5", "2", "3"], ColumnKind.NUMBER),
        ("day", ["2020-01-01", "2020-01-02"], ColumnKind.DATE),
        ("code", ["20200101", "20200102", "20200103"], ColumnKind.NUMBER),
        ("start_date", ["20200101", "20200102", "20200103"], ColumnKind.DATE),
        ("x", ["1", "2", "three"], ColumnKind.CATEGORY),
        ("x", [f"k{i}" for i in range(30)], ColumnKind.IDENTIFIER),
        ("x", [f"k{i}" for i in range(10)], ColumnKind.CATEGORY),
        ("x", [f"the words of row {i}" for i in range(5)], ColumnKind.TEXT),
        ("x", ["the same old words"] * 9 + ["a few other words"], ColumnKind.CATEGORY),
    ],
)
def test_the_kind_of_a_column(name: str, cells: list[str], kind: ColumnKind) -> None:
    assert find_kind(name, cells) is kind


@given(st.lists(st.text(max_size=6), max_size=30))
def test_the_kind_does_not_depend_on_order_or_missing_cells(cells: list[str]) -> None:
    kind = find_kind("x", cells)
    assert find_kind("x", cells[::-1]) is kind
    assert find_kind("x", ["", *cells, "NaN"]) is kind
