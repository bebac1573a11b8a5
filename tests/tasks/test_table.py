from __future__ import annotations

import gzip
import io
import os
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.errors import DataError
from mlmaster.tasks.table import Dialect, count_rows, iterate_rows, read_columns, read_header, sniff, write_rows

CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


def table(folder: Path, content: str | bytes, name: str = "train.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_what_is_written_is_read_back_cell_for_cell(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        assert write_rows(path, ["a", "b", "c"], rows, delimiter) == len(rows)
        assert read_header(path, delimiter) == ("a", "b", "c")
        assert [tuple(row) for row in iterate_rows(path, delimiter)] == rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    path = table(tmp_path, f'a{delimiter}b\n1{delimiter}"x{delimiter}y"\n2{delimiter}z\n')
    assert sniff(path) == Dialect(delimiter, "utf-8-sig")
    assert list(iterate_rows(path)) == [["1", f"x{delimiter}y"], ["2", "z"]]


def test_commas_in_text_do_not_hide_the_tab_that_splits_it(tmp_path: Path) -> None:
    path = table(tmp_path, "id,old\ttext\n1\tone, two, three\n2\tfour\n")
    assert sniff(path).delimiter == "\t"


def test_one_column_is_a_table_and_keeps_its_empty_cells_but_not_its_blank_lines(tmp_path: Path) -> None:
    path = table(tmp_path, 'text\nhello\n\n""\n   \nworld\n')
    assert list(iterate_rows(path)) == [["hello"], [""], ["world"]]


def test_the_same_rows_as_pandas_counts(tmp_path: Path) -> None:
    import pandas as pd

    content = 'a,b\n1,"x\ny"\n\n  \n2,"say ""hi"""\n"",3\n'
    path = table(tmp_path, content)
    assert count_rows(path) == len(pd.read_csv(io.StringIO(content))) == 3


def test_other_line_ends_a_mark_and_line_separators_within_cells(tmp_path: Path) -> None:
    path = table(tmp_path, "\ufeffa,b\r\n1,x\u2028y\r\n".encode())
    assert read_header(path) == ("a", "b")
    assert list(iterate_rows(path)) == [["1", "x\u2028y"]]
    assert list(iterate_rows(table(tmp_path, "a,b\r1,2\r"))) == [["1", "2"]]


def test_western_text_is_read_as_such(tmp_path: Path) -> None:
    path = table(tmp_path, "name,n\ncafé “x”,1\n".encode("cp1252"))
    assert sniff(path).encoding == "cp1252"
    assert list(iterate_rows(path)) == [["café “x”", "1"]]


def test_a_very_long_cell_is_legal(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b\n" + "x" * 300_000 + ",1\n")
    assert len(next(iterate_rows(path))[0]) == 300_000


def test_an_unnamed_column_is_called_as_pandas_calls_it(tmp_path: Path) -> None:
    assert read_header(table(tmp_path, ",a\n0,1\n")) == ("Unnamed: 0", "a")


def test_columns_by_name_in_the_order_asked(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b,c\n1,2,3\n4,5,6\n")
    assert read_columns(path, ["c", "a"]) == {"c": ["3", "6"], "a": ["1", "4"]}
    with pytest.raises(DataError, match=r"no column 'd'; its columns are 'a', 'b', 'c'"):
        read_columns(path, ["d"])


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train.csv", "a,b\n1,2\n")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"train\.csv: is empty \(0 bytes\)"),
        (b"\n\n", "only blank lines"),
        (b"a,b\n", r"a header \(2 columns\) but no rows"),
        (b"a,b\n1,2\n3,4,5\n", r"row 2 \(line 3\) has 3 cells, but the header has 2; mend the row"),
        (b'a,b\n1,"x\ny"\n3\n', r"row 2 \(line 4\) has 1 cells, but the header has 2"),
        (b'a,b\n1,2\n3,"x\n4,5\n', "a quote opened in the row at line 3 is never closed"),
        (b"a,b,a\n1,2,3\n", "the column name 'a' occurs 2 times; rename"),
        (b"a,b\n1,\x002\n", "byte 6 is NUL"),
        (b"a,b\n\xff\x81\x8d,1\n", r"not UTF-8 \(byte 4\).*save it as UTF-8"),
        (b"a,b\n" + "русский текст целиком,1\n".encode("cp1251"), "save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "is a gzip archive; unpack it"),
        (zipped(), "is a ZIP archive; unpack it"),
        (b"a,b\n1,caf\xc3", "save it as UTF-8|never"),
    ],
)
def test_broken_files_are_named_with_the_next_step(tmp_path: Path, content: bytes, message: str) -> None:
    path = table(tmp_path, content)
    if content.endswith(b"caf\xc3"):  # ends within a character, but is plausible Western text
        assert list(iterate_rows(path)) == [["1", "cafÃ"]]
        return
    with pytest.raises(DataError, match=message):
        list(iterate_rows(path))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        read_header(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="is a folder"):
        sniff(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(DataError, match="no permission"):
        count_rows(path)
