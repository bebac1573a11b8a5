import pytest
from tests.bench.agents import MEDAL, NOTHING, agent

from mlmaster.bench.comparison import compare
from mlmaster.errors import DataError
from mlmaster.mlebench.registry import of_split

LOW = [each.id for each in of_split("low")]


def test_an_agent_against_itself_is_a_draw() -> None:
    same = agent(low=(11, 11, 11))
    found = compare(same, same, LOW)
    assert (found.difference, found.low, found.high, found.chance) == (0, 0, 0, 0.5)
    assert (found.won, found.tied, found.lost) == (0, 22, 0)


def test_swapping_the_two_turns_the_sign() -> None:
    strong, weak = agent(low=(15, 16, 17)), agent(low=(8, 7, 9))
    there, back = compare(strong, weak, LOW), compare(weak, strong, LOW)
    assert there.difference == pytest.approx(100 * 8 / 22)
    assert back.difference == pytest.approx(-there.difference)
    assert (there.won, there.lost) == (back.lost, back.won)
    assert 0 < there.low < there.difference < there.high
    assert there.chance > 0.99 > 0.01 > back.chance


def test_one_lucky_competition_is_no_sure_lead() -> None:
    found = compare(agent(low=(11, 11, 11)), agent(low=(10, 10, 10)), LOW)
    assert found.low <= 0 < found.difference
    assert (found.won, found.tied, found.lost) == (1, 21, 0)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """The bootstrap's spread of a plain case agrees with the formula: the standard error of a paired mean difference."""
    half = {name: [MEDAL if i % 2 else NOTHING] for i, name in enumerate(LOW)}
    none = {name: [NOTHING] for name in LOW}
    found = compare(half, none, LOW)
    by_formula = 2 * 1.96 * 100 * (0.25 / len(LOW)) ** 0.5
    assert found.high - found.low == pytest.approx(by_formula, rel=0.15)


def test_only_what_both_tried_counts() -> None:
    found = compare({"a": [MEDAL], "b": [MEDAL]}, {"b": [NOTHING], "c": [MEDAL]}, ["a", "b", "c"])
    assert found.competitions == ("b",)
    assert found.left_out == ("a", "c")
    assert found.difference == 100
    with pytest.raises(DataError, match="in common"):
        compare({"a": [MEDAL]}, {"b": [MEDAL]}, ["a", "b"])
