import math

import pandas as pd
import pytest

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.texts import as_texts, filled_texts, require_text


@pytest.mark.parametrize(
    ("cells", "texts", "filled"),
    [
        (pd.Series(["a", math.nan], dtype=object), ["a", "nan"], ["a", ""]),
        (pd.Series([1, 20]), ["1", "20"], ["1", "20"]),
        (pd.Series([1.0, math.nan, 1e16, 0.1]), ["1.0", "nan", "1e+16", "0.1"], ["1.0", "", "1e+16", "0.1"]),
        (pd.Series([True, False]), ["True", "False"], ["True", "False"]),
        (pd.Series([True, math.nan], dtype=object), ["True", "nan"], ["True", ""]),
        (pd.Series([], dtype=object), [], []),
    ],
)
def test_cells_are_written_as_before_pandas_3(cells: pd.Series, texts: list[str], filled: list[str]) -> None:
    assert as_texts(cells) == texts
    assert filled_texts(cells) == filled


@pytest.mark.parametrize("cells", [["a", "b"], ["a", math.nan], [math.nan, math.nan], [""], []])
def test_text_and_missing_cells_are_text(cells: list[object]) -> None:
    require_text(pd.DataFrame({"answer": pd.Series(cells, dtype=object)}), "answer")


@pytest.mark.parametrize(
    ("cells", "row", "shown"),
    [
        (pd.Series([1, 2]), 1, "'1'"),
        (pd.Series([math.nan, 0.5]), 2, "'0.5'"),
        (pd.Series([math.nan, True], dtype=object), 2, "'True'"),
        (pd.Series(["a", "b", 7], dtype=object), 3, "'7'"),
    ],
)
def test_the_first_cell_that_is_no_text_is_named(cells: pd.Series, row: int, shown: str) -> None:
    with pytest.raises(SubmissionError, match=rf"^answer, row {row}: {shown} "):
        require_text(pd.DataFrame({"answer": cells}), "answer")


def test_a_column_of_missing_numbers_is_text() -> None:
    require_text(pd.DataFrame({"answer": [math.nan, math.nan]}), "answer")
