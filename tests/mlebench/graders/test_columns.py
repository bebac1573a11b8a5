import pandas as pd
import pytest

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.columns import require_only


def test_order_of_columns_does_not_matter() -> None:
    require_only(pd.DataFrame(columns=["b", "a"]), ("a", "b"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["a"], "no column 'b'; it has 'a'"),
        (["a", "b", "c"], "must have a, b only, and has 'c' as well"),
        (["A", "b"], "no column 'a'; it has 'A', 'b'"),
    ],
)
def test_a_missing_and_another_column_are_named(columns: list[str], message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        require_only(pd.DataFrame(columns=columns), ("a", "b"))
