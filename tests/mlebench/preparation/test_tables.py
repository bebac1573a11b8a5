"""Tables are read and written as pandas 2 did it: the expectations are its bytes, worked out by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlmaster.mlebench.preparation.tables import read_csv, write_csv


def test_a_table_is_written_as_pandas_2_writes_it(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "id": [1, 2, 3],
            "share": [0.1, 1e-07, np.nan],
            "large": [1e16, 123456789.125, -0.0],
            "is": [True, False, True],
            "text": ['say "so"', "a,b", None],
            "mixed": [True, np.nan, "x"],
            "lines": ["a\r\nb", "a\rb", " b "],
        }
    )
    write_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == (
        b"id,share,large,is,text,mixed,lines\n"
        b'1,0.1,1e+16,True,"say ""so""",True,"a\r\nb"\n'
        b'2,1e-07,123456789.125,False,"a,b",,a\rb\n'
        b"3,,-0.0,True,,x, b \n"
    )
    assert table["lines"][1] == "a\rb"


@pytest.mark.parametrize("dtype", [object, "str"])
def test_all_but_numbers_is_quoted_on_demand(tmp_path: Path, dtype: str) -> None:
    table = pd.DataFrame({"id": [1, 2], "word": pd.Series(["a", None], dtype=dtype), "is": [True, False]})
    write_csv(table, tmp_path / "t.csv", quoting=csv.QUOTE_NONNUMERIC)
    assert (tmp_path / "t.csv").read_bytes() == b'"id","word","is"\n1,"a",True\n2,"",False\n'


def test_separator_and_format_of_floats(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"a": [1 / 3], "b": [2]}), tmp_path / "t.tsv", sep="\t", float_format="%.10g")
    assert (tmp_path / "t.tsv").read_bytes() == b"a\tb\n0.3333333333\t2\n"


def test_floats_come_through_reading_and_writing(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.random.default_rng(1).integers(-30, 30, size=2000)
    (tmp_path / "in.csv").write_text("x\n" + "".join(f"{number!r}\n" for number in numbers.tolist()))
    table = read_csv(tmp_path / "in.csv")
    assert table["x"].tolist() == numbers.tolist()
    write_csv(table, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "in.csv").read_bytes()


def test_text_is_read_as_objects_and_options_go_through(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("a\tb\nx\tTRUE\n\tfalse\n")
    table = read_csv(tmp_path / "in.tsv", sep="\t")
    assert [str(dtype) for dtype in table.dtypes] == ["object", "bool"]
    assert table.columns.dtype == object
    write_csv(table, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "a,b\nx,True\n,False\n"
