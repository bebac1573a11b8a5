from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import SubmissionError
from mlmaster.metrics.submission import read_submission, write_submission


def make_task(prediction_kind: PredictionKind, columns: tuple[str, ...], **changes: Any) -> Task:
    values: dict[str, Any] = {
        "submission_columns": (columns[0], "id", *columns[1:]),
        "kind": TaskKind.REGRESSION,
    } | changes
    return Task(
        name="toy",
        directory=Path("/nowhere"),
        train="train.csv",
        id_column="id",
        prediction_columns=columns,
        targets=columns,
        prediction_kind=prediction_kind,
        metric="any",
        direction=Direction.MINIMIZE,
        **values,
    )


NUMBERS = make_task(PredictionKind.NUMBER, ("y, first", "z"))
TEXTS = make_task(PredictionKind.TEXT, ("y",))
ONE_TEXT = make_task(PredictionKind.TEXT, ("y",), submission_columns=("y",))

# What a CSV cell can hold; a NUL at the end is what NumPy's fixed-width text cannot.
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.dictionaries(
        CELLS,
        st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2),
        min_size=1,
        max_size=8,
    )
)
def test_numbers_are_read_back_to_the_same_bits(tmp_path_factory: pytest.TempPathFactory, rows: dict[str, Any]) -> None:
    file = tmp_path_factory.mktemp("w") / "submission.csv"
    keys, predictions = list(rows), np.array(list(rows.values()))
    write_submission(file, NUMBERS, {"id": keys}, predictions)
    assert read_submission(file, NUMBERS, keys, len(keys)).tobytes() == predictions.tobytes()


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8, unique_by=lambda row: row[0]))
def test_any_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    file = tmp_path_factory.mktemp("w") / "submission.csv"
    keys, cells = [row[0] for row in rows], [[row[1]] for row in rows]
    write_submission(file, TEXTS, {"id": keys, "unused": keys}, np.array(cells, dtype=np.str_))
    assert read_submission(file, TEXTS, keys, len(keys)).tolist() == cells
    write_submission(file, ONE_TEXT, {}, np.array(cells, dtype=np.str_))
    assert read_submission(file, ONE_TEXT, None, len(keys)).tolist() == cells


def test_columns_stand_in_the_order_of_the_sample(tmp_path: Path) -> None:
    file = tmp_path / "new" / "submission.csv"
    write_submission(file, NUMBERS, {"id": ["7", "8"]}, np.array([[0.1, 2.0], [1e-9, -3.5]]))
    assert file.read_bytes() == b'"y, first",id,z\n0.1,7,2.0\n1e-09,8,-3.5\n'
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("echo", "predictions", "message"),
    [
        ({"id": ["7"]}, np.array([[1.0, np.nan]]), "row 1: the prediction is not finite"),
        ({"id": ["7", "8"]}, np.array([[1.0, 2.0]]), "column 'id' has 2 rows, the predictions have 1"),
        ({"id": ["7"]}, np.array([[1.0]]), "shape"),
    ],
)
def test_what_cannot_be_written_leaves_the_file_as_it_was(
    tmp_path: Path, echo: dict[str, list[str]], predictions: Any, message: str
) -> None:
    file = tmp_path / "submission.csv"
    write_submission(file, NUMBERS, {"id": ["7"]}, np.array([[1.0, 2.0]]))
    before = file.read_bytes()
    with pytest.raises(SubmissionError, match=message):
        write_submission(file, NUMBERS, echo, predictions)
    assert file.read_bytes() == before


def test_a_write_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "submission.csv"
    write_submission(file, TEXTS, {"id": ["7"]}, np.array([["good"]]))
    with pytest.raises(UnicodeEncodeError):
        write_submission(file, TEXTS, {"id": ["7", "\ud800"]}, np.array([["a"], ["b"]]))
    assert [each.name for each in tmp_path.iterdir()] == ["submission.csv"]
    assert "good" in file.read_text(encoding="utf-8")
