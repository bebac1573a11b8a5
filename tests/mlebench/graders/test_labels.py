import math

import pandas as pd
import pytest

from mlmaster.mlebench.graders.labels import blame_label


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([1, 1.5], "grade, row 2: '1.5' is no label"),
        ([math.nan, 1.0], "grade, row 1: an empty cell is no label"),
        ([0.0, math.inf], "grade, row 2: 'inf' is no label"),
        (["1", "severe", "2"], "grade, row 2: 'severe' is no label"),
        ([True, math.nan], "grade, row 2: an empty cell is no label"),
        (["1", "2"], "grade cannot be read as labels"),
    ],
)
def test_the_first_cell_that_is_no_whole_number_is_named(cells: list[object], message: str) -> None:
    table = pd.DataFrame({"grade": cells}, index=range(5, 5 + len(cells)))
    assert str(blame_label(table, "grade")).startswith(message)
