from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.agents import MEDAL, NOTHING

from mlmaster.bench.pass_at_k import pass_at, unbiased


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.integers(1, 7))
def test_unbiased_is_the_mean_over_all_choices(medals: list[bool], k: int) -> None:
    k = min(k, len(medals))
    choices = list(combinations(medals, k))
    assert unbiased(len(medals), sum(medals), k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_worked_by_hand() -> None:
    outcomes = {"a": [NOTHING, MEDAL, NOTHING], "b": [MEDAL, MEDAL, MEDAL], "c": [NOTHING, NOTHING, NOTHING]}
    found = pass_at(outcomes, ["a", "b", "c"])
    assert [each.k for each in found] == [1, 2, 3]
    # a: 1/3, 2/3, 1; b: 1; c: 0
    assert [each.unbiased for each in found] == pytest.approx([400 / 9, 500 / 9, 200 / 3])
    assert [each.plain for each in found] == pytest.approx([100 / 3, 200 / 3, 200 / 3])


@pytest.mark.parametrize(("attempts", "successes", "k"), [(3, 1, 0), (3, 1, 4), (3, 4, 1), (3, -1, 1)])
def test_what_cannot_be_is_refused(attempts: int, successes: int, k: int) -> None:
    with pytest.raises(ValueError, match="attempts"):
        unbiased(attempts, successes, k)
