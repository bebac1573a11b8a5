"""Rows of probabilities: what counts as one, and what a person is told of a row that does not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.probability_rows import is_close_to_one, probabilities, require_sums, rounds_to_one


@pytest.mark.parametrize(
    ("off", "close", "rounds"),
    [
        (0, True, True),
        (4e-7, True, True),
        (6e-7, True, False),
        (1e-5, True, False),
        (1.09e-5, True, False),
        (1.2e-5, False, False),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_how_far_a_sum_may_be_from_one(off: float, close: bool, rounds: bool, sign: int) -> None:
    sums = np.array([1 + sign * off])
    assert is_close_to_one(sums).tolist() == [close]
    assert rounds_to_one(sums).tolist() == [rounds]


def test_first_wrong_sum_is_named() -> None:
    with pytest.raises(
        SubmissionError, match=r"row 2: the probabilities sum to 0\.9, not to 1 \(2 such rows\); divide"
    ):
        require_sums(np.array([1.0, 0.9, 1.1]), is_close_to_one)


@given(arrays(np.float64, (4, 3), elements=st.floats(0.01, 1)))
def test_rows_divided_by_their_sum_are_taken(raw: np.ndarray) -> None:
    table = pd.DataFrame(raw / raw.sum(axis=1, keepdims=True), columns=["a", "b", "c"])
    for rule in (is_close_to_one, rounds_to_one):
        assert probabilities(table, ["c", "a", "b"], rule).tolist() == table[["c", "a", "b"]].to_numpy().tolist()


def test_an_empty_cell_is_no_zero() -> None:
    table = pd.DataFrame({"a": [0.5, 1.0], "b": [0.5, np.nan]})
    with pytest.raises(SubmissionError, match="b, row 2: an empty cell is not between 0 and 1"):
        probabilities(table, ["a", "b"], is_close_to_one)


def test_a_sum_of_one_excuses_no_negative() -> None:
    table = pd.DataFrame({"a": [1.5], "b": [-0.5]})
    with pytest.raises(SubmissionError, match=r"a, row 1: 1\.5 is not between 0 and 1"):
        probabilities(table, ["a", "b"], is_close_to_one)
