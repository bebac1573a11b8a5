import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import InfrastructureError, SubmissionError
from mlmaster.metrics.submission import labels_from_probabilities, read_probabilities, read_submission
from mlmaster.metrics.table import BLOCK_ROWS, MAX_FILE_BYTES


def make_task(kind: TaskKind, prediction_kind: PredictionKind, **changes: Any) -> Task:
    columns = changes.get("prediction_columns", ("y",))
    values: dict[str, Any] = {
        "id_column": "id",
        "echo_columns": ("id",),
        "submission_columns": ("id", *columns),
        "prediction_columns": columns,
        "targets": ("y",),
        "metric": "any",
        "direction": Direction.MINIMIZE,
    } | changes
    return Task(
        name="toy", directory=Path("/nowhere"), train="train.csv", kind=kind, prediction_kind=prediction_kind, **values
    )


NUMBER = make_task(TaskKind.REGRESSION, PredictionKind.NUMBER)
PROBABILITY = make_task(TaskKind.BINARY, PredictionKind.PROBABILITY, classes=("no", "yes"))
LABEL = make_task(TaskKind.BINARY, PredictionKind.LABEL, classes=("False", "True"))
THREE = make_task(
    TaskKind.MULTICLASS,
    PredictionKind.CLASS_PROBABILITIES,
    classes=("a", "b", "c"),
    prediction_columns=("a", "b", "c"),
)
TAGS = make_task(TaskKind.MULTILABEL, PredictionKind.LABEL, classes=("x", "y z"), prediction_columns=("p", "q"))
TEXT = make_task(TaskKind.MULTICLASS, PredictionKind.TEXT)
KEYS = ("1", "2", "3")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "submission.csv"


def read(
    file: Path, content: str | bytes, task: Task = NUMBER, keys: Sequence[str] | None = KEYS, rows: int = 3
) -> list[Any]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    predictions = read_submission(file, task, keys, rows)
    assert predictions.shape == (rows, len(task.prediction_columns))
    values: list[Any] = predictions.tolist()
    return values


# --- what is accepted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "id,y\n1,10\n2,20\n3,30\n",
        "y,id\n10,1\n20,2\n30,3",
        "id,y\n3,30\n1,10\n2,20\n",
        '\ufeffid,y\r\n1,10\r\n\r\n"2",2e1\r\n3, 30 \r\n',
        "id,y\n1.0,10\n002,20\n3,30\n",
    ],
    ids=[
        "plain",
        "columns in another order",
        "rows in another order",
        "Windows with BOM and a blank line",
        "ids as numbers",
    ],
)
def test_rows_are_put_in_the_order_of_the_test_table(file: Path, content: str) -> None:
    assert read(file, content) == [[10.0], [20.0], [30.0]]


def test_without_an_id_rows_are_taken_by_position(file: Path) -> None:
    task = make_task(
        TaskKind.REGRESSION, PredictionKind.NUMBER, id_column=None, echo_columns=(), submission_columns=("y",)
    )
    assert read(file, "y\n3\n1\n2\n", task, None) == [[3.0], [1.0], [2.0]]


def test_a_task_that_reads_order_takes_no_notice_of_ids(file: Path) -> None:
    task = NUMBER.model_copy(update={"reads_order": True})
    assert read(file, "id,y\n3,30\n1,10\n1,20\n", task) == [[30.0], [10.0], [20.0]]


def test_repeated_ids_must_agree_row_by_row(file: Path) -> None:
    keys = ("a", "b", "a")
    assert read(file, "id,y\na,1\nb,2\na,3\n", NUMBER, keys) == [[1.0], [2.0], [3.0]]
    with pytest.raises(SubmissionError, match="column 'id', row 1: found 'b', expected 'a'"):
        read(file, "id,y\nb,2\na,1\na,3\n", NUMBER, keys)
    assert read(file, "id,y\n7.0,1\n8,2\n7,3\n", NUMBER, ("7", "8", "7")) == [[1.0], [2.0], [3.0]]
    with pytest.raises(SubmissionError, match="row 2: found '9', expected '8'"):
        read(file, "id,y\n7.0,1\n9,2\n7,3\n", NUMBER, ("7", "8", "7"))


def test_long_quoted_keys_with_line_ends_are_keys_like_others(file: Path) -> None:
    keys = ('say "hi",\nthen go', "x" * 5000, "")
    content = 'id,y\n"say ""hi"",\nthen go",1\n' + "x" * 5000 + ',2\n"",3\n'
    assert read(file, content, NUMBER, keys) == [[1.0], [2.0], [3.0]]


def test_labels_are_written_in_any_spelling(file: Path) -> None:
    assert read(file, "id,y\n1,true\n2,0\n3,False\n", LABEL) == [["True"], ["False"], ["False"]]
    assert read(file, "id,p,q\n1,1.0,0\n2,True,1\n3,0,0\n", TAGS) == [["1", "0"], ["1", "1"], ["0", "0"]]


def test_text_may_be_empty(file: Path) -> None:
    assert read(file, "id,y\n1,\n2,a b\n3,nan\n", TEXT) == [[""], ["a b"], ["nan"]]


def test_rows_beyond_one_block_keep_their_place(file: Path) -> None:
    rows = 2 * BLOCK_ROWS + 3
    keys = [f"k{i}" for i in range(rows)]
    file.write_text("id,y\n" + "".join(f"k{i},{i}\n" for i in reversed(range(rows))), encoding="utf-8")
    assert (read_submission(file, NUMBER, keys, rows)[:, 0] == np.arange(rows)).all()
    file.write_text("id,y\n" + "".join(f"k{i},{'x' if i == rows - 1 else i}\n" for i in range(rows)), encoding="utf-8")
    with pytest.raises(SubmissionError, match=f"column 'y', row {rows}: 'x' is not a finite number"):
        read_submission(file, NUMBER, keys, rows)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "task", "message"),
    [
        ("", NUMBER, r"submission\.csv is empty"),
        ("\n\n", NUMBER, "has no header"),
        ("id\n1\n2\n3\n", NUMBER, "has no column 'y'; its columns must be: id, y"),
        ("id,y,z\n1,1,1\n", NUMBER, "unexpected columns 'z'"),
        (",id,y\n0,1,1\n", NUMBER, r"unexpected columns '' \(an index written by to_csv without index=False\)"),
        ("id,y,y\n1,1,1\n", NUMBER, "column 'y' twice"),
        ("id;y\n1;1\n", NUMBER, "has no column 'id', 'y'"),
        ("id,y\n1,1\n2\n3,3\n", NUMBER, "row 2: 1 cells, the header has 2"),
        ("id,y\n1,1\n2,2,2\n3,3\n", NUMBER, "row 2: 3 cells"),
        ("id,y\n1,1\n2,x\n3,3\n", NUMBER, r"submission\.csv, column 'y', row 2: 'x' is not a finite number"),
        ("id,y\n1,1\n2,\n3,3\n", NUMBER, "column 'y', row 2: '' is empty"),
        ("id,y\n1,1\n2,2\n3,nan\n", NUMBER, "row 3: 'nan' is not a finite number"),
        ("id,y\n1,1\n2,-inf\n3,1\n", NUMBER, "row 2: '-inf' is not a finite number"),
        ("id,y\n1,1\n2,1.01\n3,1\n", PROBABILITY, r"column 'y', row 2: '1\.01' must be in \[0, 1\]"),
        ("id,y\n1,1\n2,1\n3,-0.1\n", PROBABILITY, r"row 3: '-0\.1' must be in"),
        ("id,y\n1,True\n2,yes\n3,True\n", LABEL, "row 2: 'yes' is not one of the classes False, True"),
        ("id,p,q\n1,1,0\n2,2,0\n3,0,0\n", TAGS, "column 'p', row 2: '2' is neither 0 nor 1"),
        ("id,a,b,c\n1,1,0,0\n2,0.5,0.4,0\n3,0,0,1\n", THREE, r"row 2: the class probabilities sum to 0\.9"),
        ("id,a,b,c\n1,1,0,0\n2,1.5,-0.5,0\n3,0,0,1\n", THREE, r"column 'a', row 2: '1\.5' must be in"),
        ("id,y\n1,1\n2,2\n", NUMBER, "1 of 3 ids are missing, first '3'"),
        ("id,y\n1,1\n2,2\n9,3\n", NUMBER, "column 'id', row 3: unknown id '9'"),
        ("id,y\n1,1\n2,2\n2,3\n", NUMBER, "row 3: id '2' is there twice, first in row 2"),
        ("id,y\n1,1\n2,2\n3,3\n4,4\n", NUMBER, "row 4: unknown id '4'"),
        ("id,y\n", NUMBER, "3 of 3 ids are missing"),
        (b"id,y\n1,\xff\n", NUMBER, "is not UTF-8 text"),
        (b"PK\x03\x04\x00\x00\xf0\xe1", NUMBER, "is not UTF-8 text"),
        (b"\x00\x01\x02\x03", NUMBER, "has no column"),
        ('id,y\n1,"' + "x" * 200_000 + '"\n', NUMBER, "no valid CSV: field larger"),
        ("id,y\n" + "1," * 2**23 + "\n", NUMBER, "a line is longer than"),
    ],
)
def test_a_broken_submission_names_file_column_row_and_value(
    file: Path, content: str | bytes, task: Task, message: str
) -> None:
    with pytest.raises(SubmissionError, match=message) as caught:
        read(file, content, task)
    assert len(str(caught.value)) < 300


def test_by_position_the_number_of_rows_must_be_right(file: Path) -> None:
    task = NUMBER.model_copy(update={"reads_order": True})
    with pytest.raises(SubmissionError, match="has 2 data rows, and must have 3"):
        read(file, "id,y\n1,1\n2,2\n", task)
    with pytest.raises(SubmissionError, match="has more than 3 data rows"):
        read(file, "id,y\n" + "1,1\n" * 1000, task)


def test_numbers_the_metric_is_not_defined_on_are_refused_in_every_row(file: Path) -> None:
    task = NUMBER.model_copy(update={"metric": "rmsle"})
    with pytest.raises(SubmissionError, match=r"column 'y', row 2: '-0\.5' must be 0 or greater"):
        read(file, "id,y\n1,0\n2,-0.5\n3,1\n", task)


def test_a_file_that_is_not_there_is_missing(file: Path) -> None:
    with pytest.raises(SubmissionError, match=r"submission\.csv is missing"):
        read_submission(file, NUMBER, KEYS, 3)


def test_only_regular_files_are_opened(tmp_path: Path, file: Path) -> None:
    real = tmp_path / "real.csv"
    real.write_text("id,y\n1,1\n2,2\n3,3\n", encoding="utf-8")
    file.symlink_to(real)
    with pytest.raises(SubmissionError, match="is a symbolic link"):
        read_submission(file, NUMBER, KEYS, 3)
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    with pytest.raises(SubmissionError, match="is a symbolic link"):
        read_submission(file, NUMBER, KEYS, 3)
    file.unlink()
    file.mkdir()
    with pytest.raises(SubmissionError, match="is a directory"):
        read_submission(file, NUMBER, KEYS, 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_does_not_hold_the_harness(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(SubmissionError, match="is a named pipe"):
        read_submission(file, NUMBER, KEYS, 3)


def test_a_file_larger_than_the_cap_is_not_read(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(SubmissionError, match=r"1,073,741,825 bytes; at most 1,073,741,824"):
        read_submission(file, NUMBER, KEYS, 3)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who can be refused")
def test_a_file_that_may_not_be_read_says_so(file: Path) -> None:
    file.write_text("id,y\n", encoding="utf-8")
    file.chmod(0)
    with pytest.raises(SubmissionError, match="cannot be read: Permission denied"):
        read_submission(file, NUMBER, KEYS, 3)


def test_keys_that_do_not_fit_the_rows_are_the_harness_s_own_fault(file: Path) -> None:
    with pytest.raises(InfrastructureError):
        read(file, "id,y\n1,1\n", NUMBER, ("1", "2"), 1)


# --- probabilities beside labels -------------------------------------------------------------------------------------


def test_probabilities_beside_labels_are_aligned_like_the_submission(tmp_path: Path) -> None:
    file = tmp_path / "probabilities.csv"
    assert read_probabilities(file, LABEL, KEYS, 3) is None
    file.write_text("id,True,False\n3,0.75,0.25\n1,0.5,0.5\n2,0,1\n", encoding="utf-8")
    probabilities = read_probabilities(file, LABEL, KEYS, 3)
    assert probabilities is not None
    assert probabilities.tolist() == [[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]]
    assert labels_from_probabilities(LABEL, probabilities).tolist() == [["False"], ["False"], ["True"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,False\n1,1\n2,1\n3,1\n", r"probabilities\.csv has no column 'True'"),
        ("id,False,True\n1,1,0\n2,1,1\n3,1,0\n", r"probabilities\.csv, row 2: the class probabilities sum to 2"),
        ("id,False,True\n1,1,0\n2,1,0\n4,1,0\n", "unknown id '4'"),
    ],
)
def test_broken_probabilities_are_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "probabilities.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SubmissionError, match=message):
        read_probabilities(file, LABEL, KEYS, 3)


def test_probabilities_of_several_labels_need_not_sum_to_one(tmp_path: Path) -> None:
    file = tmp_path / "probabilities.csv"
    file.write_text("id,x,y z\n1,0.9,0.8\n2,0.1,0.2\n3,0.1,0.5\n", encoding="utf-8")
    probabilities = read_probabilities(file, TAGS, KEYS, 3)
    assert probabilities is not None
    assert labels_from_probabilities(TAGS, probabilities).tolist() == [["1", "1"], ["0", "0"], ["0", "1"]]
    one_cell = make_task(TaskKind.MULTILABEL, PredictionKind.LABEL, classes=("x", "z"))
    assert labels_from_probabilities(one_cell, probabilities).tolist() == [["x z"], [""], ["z"]]
