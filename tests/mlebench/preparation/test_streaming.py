from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from mlmaster.mlebench.preparation.streaming import open_zipped, read_chunks, read_narrow
from mlmaster.mlebench.preparation.tables import read_csv

TABLE = """small,large,late_gap,late_float,flag,text
0,1,1,1,True,a
127,9007199254740993,-5,2,False,"b
b"
-128,-9223372036854775808,3,3,True,NA
1,4294967296,,4,False,007
2,2,4,0.30000000000000004,True,c
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "table.csv").write_text(TABLE)
    return tmp_path / "table.csv"


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6])
def test_chunks_are_the_file(path: Path, rows: int) -> None:
    chunks = list(read_chunks(path, rows, dtype={"text": str}))
    assert [len(chunk) for chunk in chunks] == [len(TABLE_ROWS[at : at + rows]) for at in range(0, 5, rows)]
    assert [cell for chunk in chunks for cell in chunk["large"].tolist()] == TABLE_ROWS
    assert all(chunk["text"].dtype == object for chunk in chunks)


TABLE_ROWS = [1, 9007199254740993, -9223372036854775808, 4294967296, 2]


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6])
def test_a_narrow_table_is_written_as_the_file_read_whole(path: Path, rows: int) -> None:
    columns = ["small", "large", "late_gap", "late_float", "flag"]
    narrow = read_narrow(path, rows)
    assert narrow[columns].to_csv(index=False) == read_csv(path)[columns].to_csv(index=False)
    assert narrow["small"].dtype == "int8"
    assert narrow["large"].dtype == "int64"
    assert narrow["late_gap"].dtype == narrow["late_float"].dtype == "float64"
    assert narrow.index.equals(pd.RangeIndex(5))


def test_floats_are_read_to_the_nearest_double(tmp_path: Path) -> None:
    spelled = ["0.30000000000000004", "1.0000000000000002220446049250313", "5e-324", "8.98846567431158e307"]
    (tmp_path / "x.csv").write_text("\n".join(["x", *spelled]))
    assert read_narrow(tmp_path / "x.csv", 2)["x"].tolist() == [float(text) for text in spelled]


def test_an_archive_holds_its_one_member_stored(tmp_path: Path) -> None:
    with open_zipped(tmp_path / "x.csv.zip") as file:
        file.write("a\nü")
        file.write("\r\n")
    with zipfile.ZipFile(tmp_path / "x.csv.zip") as archive:
        (member,) = archive.infolist()
        assert member.filename == "x.csv"
        assert member.compress_type == zipfile.ZIP_STORED
        assert archive.read(member) == "a\nü\r\n".encode()
