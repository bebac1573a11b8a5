from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.accuracy import (
    Reading,
    accuracy,
    as_it_is,
    as_text,
    empty_is_text,
    error_rate,
    first_number,
    names_alone,
)

NAN = float("nan")


def column(cells: Any) -> pd.Series:
    has_text = any(isinstance(each, str) for each in cells)
    return pd.Series(cells, dtype=object if has_text or len({type(each) for each in cells}) > 1 else None)


def score(found: Any, expected: Any, read: Reading = as_it_is) -> float:
    tables = (pd.DataFrame({"id": range(len(cells)), "y": column(cells)}) for cells in (found, expected))
    return accuracy("id", "y", read)(*tables)


def refusal(found: Any, expected: Any, read: Reading = as_it_is) -> str:
    with pytest.raises(SubmissionError) as caught:
        score(found, expected, read)
    return str(caught.value)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1), st.randoms(use_true_random=False))
def test_rows_count_alike_in_any_order(pairs: list[tuple[int, int]], random: Any) -> None:
    order = list(range(len(pairs)))
    random.shuffle(order)
    submission = pd.DataFrame({"id": order, "y": [pairs[place][0] for place in order]})
    answers = pd.DataFrame({"id": range(len(pairs)), "y": [right for _, right in pairs]})
    right = sum(found == expected for found, expected in pairs)
    assert accuracy("id", "y")(submission, answers) == right / len(pairs)
    assert error_rate("id", "y", as_it_is)(submission, answers) == 1 - right / len(pairs)


@pytest.mark.parametrize(
    ("found", "share"),
    [
        ([0, 1, 2, 3], 1.0),
        ([0.0, 1.0, 2.0, 4.0], 0.75),
        ([True, True, False, True], 0.25),
        (np.array([0, 1, 2, 2**63], dtype=np.uint64), 0.75),
        ([0.0, 1.0, 2.0, -(2.0**63)], 0.75),
        (["0", "1", "2", "3"], 0.0),
    ],
)
def test_numbers_are_labels_while_they_are_whole_and_in_64_bits(found: Any, share: float) -> None:
    assert score(found, [0, 1, 2, 3]) == share


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([0.0, 1.5, 2.0, NAN], "y, row 2: '1.5' is no label (2 such rows)"),
        ([0.0, 1.0, 2.0, NAN], "y, row 4: an empty cell is no label (1 such rows)"),
        ([0.0, 1.0, np.inf, 3.0], "y, row 3: 'inf' is no label (1 such rows)"),
        ([0.0, 1.0, 2.0, 2.0**63], "y, row 4: '9.223372036854776e+18' is no label (1 such rows)"),
        (["a", NAN, "c", "d"], "y, row 2: an empty cell is no label (1 such rows)"),
        ([True, False, NAN, True], "y, row 3: an empty cell is no label (1 such rows)"),
        ([0, "1", 2, 3], "y, row 1: '0' is no label (3 such rows)"),
    ],
)
def test_a_cell_that_is_no_label_is_named(found: Any, message: str) -> None:
    assert refusal(found, [0, 1, 2, 3]) == message


def test_text_and_numbers_of_two_values_each_are_refused_and_of_more_are_wrong() -> None:
    assert score(["yes", "no", "?"], [True, False, True]) == 0
    assert score(["yes", "no", "yes"], [1, 2, 3]) == 0
    assert score([1, 2, 2], ["SECRET", "b", "c"]) == 0
    assert refusal(["yes", "no", "yes"], [True, False, True]).startswith("y holds 'yes' and 'no'; write")
    assert "SECRET" not in refusal([1, 1, 2], ["SECRET", "SECRET", "b"])


def test_text_is_compared_as_it_is_read() -> None:
    assert as_text(column([1, 2])).tolist() == ["1", "2"]
    assert as_text(column([1.0, NAN])).tolist() == ["1.0", "nan"]
    assert as_text(column(["1", NAN, "x"])).tolist() == ["1", "nan", "x"]
    assert as_text(column([True, False])).tolist() == ["True", "False"]
    assert score(["nan", "1"], [NAN, "1"], as_text) == 1


def test_an_empty_cell_may_be_empty_text() -> None:
    assert empty_is_text(column([NAN, NAN])).tolist() == ["", ""]
    assert empty_is_text(column([NAN, 2.0])).tolist() == ["", "2.0"]
    assert empty_is_text(column([1, 2])).dtype.kind == "i"
    assert refusal([0.5, 1.5], ["a", "b"], empty_is_text) == "y, row 1: '0.5' is no label (2 such rows)"
    assert score([0.5, NAN], ["a", "b"], empty_is_text) == 0


def test_names_need_a_word_among_them() -> None:
    assert names_alone(column(["a", NAN, "b"])).tolist() == ["a", "nan", "b"]
    assert refusal([3, 4], ["a", "b"], names_alone) == "y, row 1: '3' is no name of a class"
    assert refusal([NAN, NAN], ["a", "b"], names_alone) == "y, row 1: an empty cell is no name of a class"


def test_the_first_number_of_a_cell_counts() -> None:
    assert first_number(column(["3 1", " 4", "+5 x", 6, True])).tolist() == [3, 4, 5, 6, 1]
    assert refusal(["1", "x 2"], [1, 2], first_number) == "y, row 2: 'x 2' does not begin with a whole number"
    assert refusal(["1", " "], [1, 2], first_number) == "y, row 2: ' ' does not begin with a whole number"
    assert refusal([1.0, 2.0], [1, 2], first_number) == "y, row 1: '1.0' does not begin with a whole number"
    assert refusal(["1", NAN], [1, 2], first_number) == "y, row 2: an empty cell does not begin with a whole number"
    assert "is no label" in refusal(["1", str(2**64)], [1, 2], first_number)
