"""What graders read predictions with: numbers, bounds, columns, and which row answers which."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders import predictions
from mlmaster.mlebench.tables import read_csv

Read = Callable[..., pd.DataFrame]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read cells as those of a submission are read."""

    def table(*cells: str) -> pd.DataFrame:
        path = tmp_path / "submission.csv"
        path.write_text("\n".join(["id,score", *(f"{row},{cell}" for row, cell in enumerate(cells))]), encoding="utf-8")
        return read_csv(path)

    return table


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0.5", "1"], [0.5, 1.0]),
        (["1", "2"], [1.0, 2.0]),
        (["True", "False"], [1.0, 0.0]),
        (["0.5", ""], [0.5, math.nan]),
        (["True", ""], [1.0, math.nan]),
        (["0.5", "-inf"], [0.5, -math.inf]),
    ],
)
def test_numbers_and_flags_are_numeric(read: Read, cells: list[str], expected: list[float]) -> None:
    assert predictions.numeric(read(*cells), "score").tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("cell", ["high", "0;5", "1_0", "5%", "0x1"])
def test_text_is_not_numeric_and_is_named_with_its_row(read: Read, cell: str) -> None:
    with pytest.raises(SubmissionError, match=f"score, row 2: '{cell}' is no number"):
        predictions.numeric(read("0.5", cell, "0.1"), "score")


def test_text_that_python_reads_is_finite(read: Read) -> None:
    assert predictions.finite(read("0.5", "1_0"), "score").tolist() == [0.5, 10.0]


@pytest.mark.parametrize(
    ("cell", "what"),
    [("", "is empty"), ("inf", "is infinite"), ("-inf", "is infinite"), ("high", "'high' is no number")],
)
def test_what_is_not_finite_is_named_with_its_row(read: Read, cell: str, what: str) -> None:
    with pytest.raises(SubmissionError, match=rf"score, row 3:? {what}"):
        predictions.finite(read("0.5", "0.1", cell), "score")


def test_only_the_rows_asked_for_must_be_finite(read: Read) -> None:
    table = read("0.5", "high", "0.25", "inf")
    assert predictions.finite(table, "score", np.array([2, 0])).tolist() == [0.25, 0.5]
    with pytest.raises(SubmissionError, match="row 2: 'high'"):
        predictions.finite(table, "score", np.array([2, 1]))
    with pytest.raises(SubmissionError, match="row 4 is infinite"):
        predictions.finite(read("1", "2", "3", "inf"), "score", np.array([0, 3]))


@pytest.mark.parametrize(("value", "shown"), [(-1e-9, "-1e-09"), (1.0000001, "1.0000001"), (math.nan, "an empty cell")])
def test_what_is_out_of_bounds_is_named_with_its_row(value: float, shown: str) -> None:
    predictions.require_between(np.array([0.0, 1.0]), 0, 1, "score")
    with pytest.raises(SubmissionError, match=f"score, row 2: {shown} is not between 0 and 1"):
        predictions.require_between(np.array([0.0, value]), 0, 1, "score")


def test_columns_must_be_exactly_those() -> None:
    table = pd.DataFrame({"b": [1], "a": [1]})
    predictions.require_exactly(table, ("a", "b"))
    with pytest.raises(SubmissionError, match="a column too many: 'a'"):
        predictions.require_exactly(table, ("b",))
    with pytest.raises(SubmissionError, match="no column 'c'"):
        predictions.require_exactly(table, ("a", "b", "c"))


@settings(deadline=None)
@given(st.lists(st.integers(-99, 99), min_size=1, max_size=20, unique=True), st.randoms(use_true_random=False))
def test_rows_are_matched_by_id_in_any_order(ids: list[int], random: object) -> None:
    answers = pd.DataFrame({"id": ids, "truth": [each * 2 for each in ids]})
    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    submission = pd.DataFrame({"id": [float(each) for each in shuffled], "said": shuffled})
    ours, theirs = predictions.paired_rows(submission, answers, "id")
    assert sorted(ours.tolist()) == sorted(theirs.tolist()) == list(range(len(ids)))
    assert (submission["said"].to_numpy()[ours] * 2 == answers["truth"].to_numpy()[theirs]).all()
    rows = predictions.ids_of_rows(submission, answers, "id")
    assert [ids[row] for row in rows.tolist()] == shuffled


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=9))
def test_ids_may_repeat_but_none_may_be_missing_or_foreign(ids: list[str]) -> None:
    submission = pd.DataFrame({"id": pd.Series(ids, dtype=object)})
    answers = pd.DataFrame({"id": pd.Series(["c", "a", "b"], dtype=object)})
    if set(ids) == {"a", "b", "c"}:
        rows = predictions.ids_of_rows(submission, answers, "id")
        assert ["cab"[row] for row in rows.tolist()] == ids
    else:
        with pytest.raises(SubmissionError, match="is no id of the test set" if "d" in ids else "lacks . of 3 ids"):
            predictions.ids_of_rows(submission, answers, "id")


def test_messages_name_no_id_of_the_answers() -> None:
    answers = pd.DataFrame({"id": pd.Series(["secret-1", "secret-2"], dtype=object)})
    submission = pd.DataFrame({"id": pd.Series(["mine", "secret-1"], dtype=object)})
    for look in (predictions.paired_rows, predictions.ids_of_rows):
        with pytest.raises(SubmissionError) as error:
            look(submission, answers, "id")
        assert "mine" in str(error.value)
        assert "secret" not in str(error.value)
    with pytest.raises(SubmissionError, match="lacks 1 of 2 ids in id"):
        predictions.ids_of_rows(submission.iloc[1:], answers, "id")
