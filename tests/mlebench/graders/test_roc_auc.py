from itertools import product
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.roc_auc import require_probabilities, roc_auc

grade = roc_auc("id", "p")

# both classes, and probabilities of which many are equal
scored = st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 8)), min_size=2, max_size=60).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def area(truth: list[int], scores: list[float]) -> float:
    submission = pd.DataFrame({"id": range(len(scores)), "p": scores})
    return grade(submission, pd.DataFrame({"id": range(len(truth)), "p": truth}))


@settings(deadline=None, max_examples=40)
@given(scored)
def test_area_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, int]]) -> None:
    ones, others = ([score for label, score in rows if label == kind] for kind in (1, 0))
    halves = sum(2 * (one > other) + (one == other) for one, other in product(ones, others))
    expected = halves / (2 * len(ones) * len(others))
    assert area([label for label, _ in rows], [score / 8 for _, score in rows]) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(scored, st.randoms(use_true_random=False))
def test_area_does_not_depend_on_the_order_of_rows(rows: list[tuple[int, int]], random: Any) -> None:
    truth, scores = [label for label, _ in rows], [score / 8 for _, score in rows]
    order = list(range(len(rows)))
    random.shuffle(order)
    submission = pd.DataFrame({"id": order, "p": [scores[place] for place in order]})
    turned = grade(submission, pd.DataFrame({"id": range(len(truth)), "p": truth}))
    assert turned == pytest.approx(area(truth, scores), abs=1e-12)
    assert area(truth, [1 - score for score in scores]) == pytest.approx(1 - turned, abs=1e-12)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([0.1, 1.5, -2], "p, row 2: '1.5' is no probability (2 such rows)"),
        ([0.1, -0.5, 1], "p, row 2: '-0.5' is no probability (1 such rows)"),
        ([0.1, None, 1], "p, row 2: an empty cell is no probability (1 such rows)"),
        ([True, None, False], "p, row 2: an empty cell is no probability (1 such rows)"),
        ([0, 1, float("inf")], "p, row 3: 'inf' is no probability (1 such rows)"),
        (["0.1", "0.2", "high"], "p, row 3: 'high' is no number"),
    ],
)
def test_a_cell_that_is_no_probability_is_named(cells: list[Any], message: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        require_probabilities(pd.DataFrame({"p": cells}), "p")
    assert str(caught.value) == message


def test_probabilities_may_be_whole_numbers_or_flags() -> None:
    require_probabilities(pd.DataFrame({"p": [0, 1]}), "p")
    require_probabilities(pd.DataFrame({"p": [True, False]}), "p")
    assert area([0, 1, 1], [False, True, False]) == 0.75
