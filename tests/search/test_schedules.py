"""How exploration and the share of UCT fall over a run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.tree import Tree
from mlmaster.search.schedules import exploration, published_exploration, uct_share
from mlmaster.search.settings import SearchSettings

SETTINGS = SearchSettings()


@pytest.mark.parametrize(("spent", "expected"), [(0, 1.414), (50, 0.957), (100, 0.5), (250, 0.5)])
def test_exploration_falls_linearly_with_the_spent_share(spent: int, expected: float) -> None:
    budget = Budget(limits=BudgetLimits(nodes=100), nodes=spent)
    assert exploration(Tree(), budget, SETTINGS) == pytest.approx(expected)


def test_without_a_limit_exploration_stays_at_its_start() -> None:
    assert exploration(Tree(), Budget(limits=BudgetLimits(), nodes=999), SETTINGS) == 1.414


@pytest.mark.parametrize(
    ("finished", "limit", "expected"),
    [
        (0, None, 1.414),
        (45, None, 1.414),
        (46, None, 1.404),
        (100, None, 0.864),
        (136, None, 0.504),
        (137, None, 0.5),
        (351, None, 0.5),
        (9, 30, 1.414),
        (10, 30, 1.404),
        (22, 30, 0.5),
    ],
)
def test_the_published_schedule_is_piecewise_in_nodes(finished: int, limit: int | None, expected: float) -> None:
    assert published_exploration(finished, limit, SETTINGS) == pytest.approx(expected)


def test_the_published_schedule_is_chosen_by_a_setting() -> None:
    budget = Budget(limits=BudgetLimits(time_s=10), elapsed_s=10)
    assert exploration(Tree(), budget, SearchSettings(exploration_schedule="published")) == 1.414


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.0, 1.0), (0.5, 1.0), (0.6, 0.6), (0.65, 0.4), (0.7, 0.2), (1.0, 0.2)]
)
def test_the_share_of_uct_falls_between_two_points(fraction: float, expected: float) -> None:
    assert uct_share(fraction, SETTINGS) == pytest.approx(expected)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_the_share_of_uct_never_rises(first: float, second: float, since: float, until: float, end: float) -> None:
    since, until = sorted((since, until))
    chosen = SearchSettings(elite_from=since, elite_until=until, elite_uct_share=end)
    early, late = sorted((first, second))
    assert 1.0 >= uct_share(early, chosen) >= uct_share(late, chosen) - 1e-12 >= end - 2e-12
