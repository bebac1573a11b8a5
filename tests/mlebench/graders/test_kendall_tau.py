import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.kendall_tau import GRADERS, count_inversions

grade = GRADERS["AI4Code"]


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(12)))
def test_an_order_and_the_reverse_share_all_pairs(ranks: list[int]) -> None:
    assert count_inversions(ranks) + count_inversions(ranks[::-1]) == 12 * 11 // 2


@settings(deadline=None, max_examples=50)
@given(st.lists(st.permutations("abcdef"), min_size=1, max_size=5), st.integers(0, 99))
def test_rows_are_matched_by_id_and_all_pairs_weigh_the_same(orders: list[list[str]], seed: int) -> None:
    ids = [f"n{number}" for number in range(len(orders))]
    answers = pd.DataFrame({"id": ids, "cell_order": "a b c d e f"})
    table = pd.DataFrame({"id": ids, "cell_order": [" ".join(order) for order in orders]})
    score = grade(table.copy(), answers)
    assert score == grade(table.sample(frac=1, random_state=seed), answers)
    wrong = sum(count_inversions(["abcdef".index(cell) for cell in order]) for order in orders)
    assert score == pytest.approx(1 - 4 * wrong / (30 * len(orders)))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("a b", "cell_order of id 'n': 2 items, and there must be 3"),
        ("a b d", "cell_order of id 'n': 'd' is none of its items"),
        ("a b b", "cell_order of id 'n': 'b' stands twice"),
        (None, "cell_order of id 'n': 1 items, and there must be 3"),
    ],
)
def test_a_row_that_lists_other_cells_is_named(cells: str | None, message: str) -> None:
    answers = pd.DataFrame({"id": ["n"], "cell_order": ["a b c"]})
    with pytest.raises(SubmissionError, match=message):
        grade(pd.DataFrame({"id": ["n"], "cell_order": pd.Series([cells], dtype=object)}), answers)
