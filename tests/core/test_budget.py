"""The spent share of a budget."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlmaster.core.budget import Budget, BudgetLimits

amounts = st.floats(min_value=0, max_value=1e9)
counts = st.integers(min_value=0, max_value=10**9)
limits = st.builds(
    BudgetLimits,
    time_s=st.none() | st.floats(min_value=1e-3, max_value=1e9),
    nodes=st.none() | st.integers(min_value=1, max_value=10**6),
    cost_usd=st.none() | amounts,
    tokens=st.none() | counts,
)
budgets = st.builds(Budget, limits=limits, elapsed_s=amounts, nodes=counts, cost_usd=amounts, tokens=counts)


@pytest.mark.parametrize(
    ("budget", "fraction"),
    [
        (Budget(limits=BudgetLimits(), elapsed_s=1e6, nodes=10, cost_usd=5, tokens=9), 0.0),
        (Budget(limits=BudgetLimits(time_s=100), elapsed_s=25), 0.25),
        (Budget(limits=BudgetLimits(time_s=100, nodes=10), elapsed_s=25, nodes=5), 0.5),
        (Budget(limits=BudgetLimits(time_s=100), elapsed_s=250), 1.0),
        (Budget(limits=BudgetLimits(cost_usd=0)), 1.0),
        (Budget(limits=BudgetLimits(tokens=0, nodes=10)), 1.0),
    ],
)
def test_fraction_is_that_of_the_tightest_limit(budget: Budget, fraction: float) -> None:
    assert budget.fraction == fraction
    assert budget.is_spent == (fraction == 1.0)


@given(budgets)
@settings(deadline=None)
def test_fraction_is_a_share_and_time_left_is_never_negative(budget: Budget) -> None:
    assert 0.0 <= budget.fraction <= 1.0
    assert budget.time_left_s >= 0.0
    assert budget.is_spent == (budget.fraction >= 1.0)


@given(budgets, amounts, counts, amounts, counts)
@settings(deadline=None)
def test_spending_more_never_lowers_the_fraction(
    budget: Budget, elapsed_s: float, nodes: int, cost_usd: float, tokens: int
) -> None:
    later = Budget(
        limits=budget.limits,
        elapsed_s=budget.elapsed_s + elapsed_s,
        nodes=budget.nodes + nodes,
        cost_usd=budget.cost_usd + cost_usd,
        tokens=budget.tokens + tokens,
    )
    assert later.fraction >= budget.fraction
    assert later.time_left_s <= budget.time_left_s


@given(budgets, limits)
@settings(deadline=None)
def test_a_further_limit_never_lowers_the_fraction(budget: Budget, others: BudgetLimits) -> None:
    both = BudgetLimits.model_validate(others.model_dump() | budget.limits.model_dump(exclude_none=True))
    assert budget.model_copy(update={"limits": both}).fraction >= budget.fraction


@pytest.mark.parametrize("field", ["elapsed_s", "nodes", "cost_usd", "tokens"])
def test_spending_is_never_negative(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Budget.model_validate({"limits": {}, field: -1})


@pytest.mark.parametrize(("field", "value"), [("time_s", 0), ("time_s", -5), ("nodes", 0), ("cost_usd", -1)])
def test_absurd_limits_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        BudgetLimits.model_validate({field: value})
