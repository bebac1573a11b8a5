import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import DataError, SubmissionError
from mlmaster.mlebench.tables import (
    LEAST_LIMIT_BYTES,
    MOST_COLUMNS,
    MOST_TIMES_ANSWERS,
    most_bytes,
    read_answers,
    read_csv,
    read_submission,
)


def write(folder: Path, content: str | bytes, name: str = "submission.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SubmissionError) as caught:
        read_submission(path, path)
    return str(caught.value)


def cells(folder: Path, *texts: str) -> list[Any]:
    column: list[Any] = read_csv(write(folder, "".join(f"{text},0\n" for text in ("x", *texts))))["x"].tolist()
    return column


def test_text_and_names_are_python_objects_and_missing_text_is_nan(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "id,label,n,flag\na,cat,1,True\nb,,2,False\nc,NA,3,true\n"))
    assert [str(dtype) for dtype in table.dtypes] == ["object", "object", "int64", "bool"]
    assert table.columns.dtype == object
    assert table["label"].tolist()[0] == "cat"
    assert all(isinstance(missing, float) and math.isnan(missing) for missing in table["label"].tolist()[1:])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_floats_are_read_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = write(tmp_path_factory.mktemp("floats"), "x\n" + "".join(f"{value!r}\n" for value in values))
    assert read_csv(path)["x"].tolist() == values


def test_a_decimal_half_way_between_doubles_is_rounded_as_python_rounds_it(tmp_path: Path) -> None:
    texts = [
        "9007199254740993.0",
        "0.1000000000000000055511151231257827",
        "8.5e22",
        "2.4703282292062328e-324",
        "1e-400",
    ]
    assert cells(tmp_path, *texts) == [float(text) for text in texts]


def test_numbers_beyond_64_bits_or_all_doubles_leave_text_as_in_pandas_2(tmp_path: Path) -> None:
    assert cells(tmp_path, "1", str(2**64 - 1)) == [1, 2**64 - 1]
    assert cells(tmp_path, "1", str(2**64)) == ["1", str(2**64)]
    assert cells(tmp_path, "1", "1e400") == ["1", "1e400"]
    assert cells(tmp_path, "1", "inf") == [1, math.inf]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read_csv(write(tmp_path, b'\xef\xbb\xbf"id",y\n1,2\n')).columns.tolist() == ["id", "y"]


def test_newlines_and_commas_in_quotes_are_parts_of_cells(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, 'id,"a\nb"\r\n"x\r\ny","1,5"\r\n"say ""hi""",é\r\n'))
    assert table.columns.tolist() == ["id", "a\nb"]
    assert table.to_numpy().tolist() == [["x\r\ny", "1,5"], ['say "hi"', "é"]]


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_empty_table(content: bytes, tmp_path: Path) -> None:
    table = read_submission(write(tmp_path, content), write(tmp_path, "id\n1\n", "answers.csv"))
    assert table.shape == (0, 0)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1251"])
def test_other_encodings_are_told(encoding: str, tmp_path: Path) -> None:
    text = "id,y\nж,1\n" if encoding == "cp1251" else "id,y\né,1\n"
    assert refusal(write(tmp_path, text.encode(encoding))).startswith("submission.csv is not UTF-8 text (")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,y\n1,2\n1,2,3,4\n", "Expected 2 fields in line 3, saw 4"),
        ('id,y\n1,"2\n3,4\n', "EOF inside string"),
    ],
)
def test_what_is_no_csv_is_told_in_a_line(content: str, told: str, tmp_path: Path) -> None:
    message = refusal(write(tmp_path, content))
    assert message.startswith("submission.csv is no CSV file that can be read: ")
    assert told in message
    assert message.endswith("; write it with to_csv()")
    assert "\n" not in message


def test_a_file_that_is_gone_or_a_folder_is_told(tmp_path: Path) -> None:
    answers = write(tmp_path, "id\n1\n", "answers.csv")
    with pytest.raises(SubmissionError, match=r"gone\.csv cannot be read: No such file"):
        read_submission(tmp_path / "gone.csv", answers)
    with pytest.raises(SubmissionError, match="cannot be read: Is a directory"):
        read_submission(tmp_path, answers)


def test_a_submission_far_larger_than_the_answers_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "submission.csv"
    with huge.open("wb") as file:
        file.truncate(LEAST_LIMIT_BYTES + 1)
    with pytest.raises(SubmissionError, match=r"has 1,073,741,825 bytes; at most 1,073,741,824 are read"):
        read_submission(huge, write(tmp_path, "id\n1\n", "answers.csv"))


def test_large_answers_allow_for_larger_submissions() -> None:
    assert most_bytes(0) == most_bytes(1000) == LEAST_LIMIT_BYTES
    assert most_bytes(LEAST_LIMIT_BYTES) == MOST_TIMES_ANSWERS * LEAST_LIMIT_BYTES


@pytest.mark.parametrize(
    "content",
    [
        "," * 3_000_000 + "\n",
        "id\n" + "," * 3_000_000 + "\n",
        "\n  \nid,y\n\n" + "1," * 20_000 + "\n",
    ],
)
def test_a_table_of_millions_of_columns_is_not_read(content: str, tmp_path: Path) -> None:
    assert f"more than {MOST_COLUMNS:,} columns" in refusal(write(tmp_path, content))


@pytest.mark.parametrize("cell", ['"' + "1,2," * 10_000 + '"', '"a\n' + "1,2," * 10_000 + '"'])
def test_commas_in_a_cell_are_no_columns(cell: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"id,y\n1,{cell}\n")
    assert read_submission(path, path)["y"].tolist() == [cell.strip('"')]


def test_a_large_column_that_changes_its_kind_is_read_without_a_warning(tmp_path: Path) -> None:
    rows = 600_000
    lines = np.char.add(np.arange(rows).astype(str), ",1")
    lines[rows - 1] = "last,x"
    table = read_submission(
        write(tmp_path, "id,y\n" + "\n".join(lines) + "\n"), write(tmp_path, "id\n1\n", "answers.csv")
    )
    assert {type(cell) for cell in table["y"].tolist()} == {int, str}


def test_answers_are_a_table_or_records_a_line(tmp_path: Path) -> None:
    assert read_answers(write(tmp_path, "id,y\n1,a\n", "answers.csv")).to_numpy().tolist() == [[1, "a"]]  # type: ignore[union-attr]
    records = [{"id": 1, "text": "two\u2028lines \x85"}, {"id": 2}]
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    assert read_answers(write(tmp_path, lines, "test.jsonl")) == records


@pytest.mark.parametrize(
    ("name", "content"),
    [("answers.csv", b"id,y\n\xff,1\n"), ("answers.csv", b"id\n1,2\n1,2,3\n"), ("a.jsonl", b"{\n"), ("a.jsonl", b"\n")],
)
def test_answers_that_cannot_be_read_are_no_fault_of_the_submission(name: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="prepare the competition again"):
        read_answers(write(tmp_path, content, name))
    with pytest.raises(DataError, match="No such file"):
        read_answers(tmp_path / f"no-{name}")
