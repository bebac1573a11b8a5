from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.pairing import numbers, pair_by_id, require_columns, require_length


def table(ids: list[Any], values: list[Any] | None = None) -> pd.DataFrame:
    kind = object if any(isinstance(each, str) for each in ids) else None
    return pd.DataFrame({"id": pd.Series(ids, dtype=kind), "x": values or list(range(len(ids)))})


def refusal(found: list[Any], expected: list[Any]) -> str:
    with pytest.raises(SubmissionError) as caught:
        pair_by_id(table(found), table(expected), "id")
    return str(caught.value)


def test_missing_columns_are_named_with_those_there_are() -> None:
    submission = pd.DataFrame({"Id": [1], "label": ["x"]})
    require_columns(submission, ("Id", "label"))
    with pytest.raises(SubmissionError, match=r"no column 'id', 'score'; it has 'Id', 'label'"):
        require_columns(submission, ("id", "label", "score"))
    with pytest.raises(SubmissionError, match="it has none"):
        require_columns(pd.DataFrame(), ("id",))


def test_lengths_that_differ_are_told() -> None:
    require_length(table([1, 2]), table([3, 4]))
    with pytest.raises(SubmissionError, match="has 1 rows, and must have 2"):
        require_length(table([1]), table([1, 2]))
    with pytest.raises(SubmissionError, match="has 3 rows"):
        pair_by_id(table([1, 2, 2]), table([1, 2]), "id")


ids = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=40, unique=True),
    st.lists(st.text(max_size=5), min_size=1, max_size=40, unique=True),
)


@settings(deadline=None, max_examples=40)
@given(ids, st.randoms(use_true_random=False))
def test_rows_are_matched_by_id_in_whatever_order_they_stand(known: list[Any], random: Any) -> None:
    order = list(range(len(known)))
    random.shuffle(order)
    found, expected = pair_by_id(
        table([known[place] for place in order], order), table(known, list(range(len(known)))), "id"
    )
    assert found["id"].tolist() == expected["id"].tolist()
    assert found["x"].tolist() == expected["x"].tolist()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=60))
def test_ids_that_agree_as_they_stand_pair_the_rows_that_sorting_would_pair(repeated: list[str]) -> None:
    both = table(repeated)
    found, expected = pair_by_id(both.copy(), both, "id")
    pairs = set(zip(found["x"], expected["x"], strict=True))
    assert pairs == set(zip(both.sort_values("id")["x"], both.sort_values("id")["x"], strict=True))


def test_numbers_are_one_id_in_any_spelling_and_never_text() -> None:
    found, _ = pair_by_id(table([2.0, 1.0]), table([1, 2]), "id")
    assert found["x"].tolist() == [1, 0]
    assert "'1'" in refusal(["1", "2x"], ["1", "2"]) or "'2x'" in refusal(["1", "2x"], ["1", "2"])
    assert refusal(["1", "2x"], [1, 2]) == "id, row 2: '2x' is no number (1 such rows)"


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        (["b", "zz", "y"], ["a", "b", "c"], "id, row 2: 'zz' is no id of the test set (2 such rows)"),
        (["b", "a", "b"], ["a", "b", "c"], "id, row 3: 'b' stands a second time (1 such rows)"),
        (["b", None, "a"], ["a", "b", "c"], "id, row 2: the cell is empty (1 such rows)"),
        (["b", np.nan, "a"], ["a", "b", np.nan], "id, row 2: the cell is empty (1 such rows)"),
        ([1.0, np.nan, 3.0], [1, 2, 3], "id, row 2: the cell is empty (1 such rows)"),
        ([7, "c", "b"], ["a", "b", "c"], "id, row 1: '7' is no id of the test set (1 such rows)"),
        ([1, "2", "b"], [1, 2, 3], "id, row 3: 'b' is no number (1 such rows)"),
        (["a", "b", "c"], ["a", "a", "b"], "id, row 3: 'c' is no id of the test set (1 such rows)"),
        (["a", "b", "b"], ["a", "a", "b"], "id, row 3: 'b' stands a second time (1 such rows)"),
    ],
)
def test_what_is_wrong_with_ids_is_told_by_row(found: list[Any], expected: list[Any], message: str) -> None:
    assert refusal(found, expected) == message


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["mine-1", "mine-2", "both", "", None, 3]), min_size=3, max_size=3))
def test_ids_known_from_the_answers_alone_are_never_told(found: list[Any]) -> None:
    assert "secret" not in refusal(found, ["secret-1", "secret-2", "both"])


def test_columns_of_numbers_and_flags_are_numbers() -> None:
    submission = pd.DataFrame({"whole": [1, 2], "flag": [True, False], "real": [0.5, np.nan]})
    assert numbers(submission, "whole").tolist() == [1, 2]
    assert numbers(submission, "flag").tolist() == [True, False]
    assert np.isnan(numbers(submission, "real")[1])


@pytest.mark.parametrize(
    ("cells", "row", "cell"),
    [
        (["0.5", "high", "low"], 2, "'high'"),
        ([None, "1e30", "-"], 3, "'-'"),
        (["1", str(2**70), "2"], 2, f"'{2**70}'"),
        ([1, 2**70, 2], 2, f"'{2**70}'"),
    ],
)
def test_the_first_cell_that_is_no_number_is_named(cells: list[Any], row: int, cell: str) -> None:
    submission = pd.DataFrame({"y": pd.Series(cells, dtype=object)})
    with pytest.raises(SubmissionError) as caught:
        numbers(submission, "y")
    assert str(caught.value) == f"y, row {row}: {cell} is no number"
