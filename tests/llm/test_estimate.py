from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.usage import Usage
from mlmaster.llm.estimate import DAY_S, HIGH, LIKELY, SEARCH, Plan, estimate

HALF_AN_HOUR = Plan(BudgetLimits(time_s=1800), 6, 200_000, 4_000, 32_000, 16_000, 6, 2, 360)


def dollars(usage: Usage) -> Usage:
    fresh = usage.input_tokens - usage.cached_tokens
    return replace(usage, cost_usd=(fresh * 1.0 + usage.cached_tokens * 0.1 + usage.output_tokens * 10.0) / 1e6)


def free(usage: Usage) -> Usage:
    return usage


def unknown(usage: Usage) -> Usage:
    return replace(usage, unpriced_tokens=usage.tokens)


def limited(**limits: float) -> Plan:
    return replace(HALF_AN_HOUR, limits=BudgetLimits.model_validate(limits))


def test_one_session_by_hand() -> None:
    """Three replies of 4,000 tokens, each asked with all that was said before; half of what was read before is cached."""
    likely = estimate(limited(nodes=1), dollars).likely
    first = 4_000 + LIKELY.memory_tokens if LIKELY.memory_tokens else 0
    grown = LIKELY.reply_tokens + LIKELY.result_tokens
    read = first + (first + grown) + (first + 2 * grown)
    cached = int(first * 0.5) + int((first + grown) * 0.5)
    assert likely.usage == dollars(Usage(read, 12_000, cached, calls=3))


def test_the_slower_of_model_and_machine_says_how_many_solutions() -> None:
    slow_scripts = estimate(replace(HALF_AN_HOUR, proposals=100), free).likely
    assert slow_scripts.nodes == int(SEARCH * 1800 / (LIKELY.script_s / 2))
    slow_model = estimate(replace(HALF_AN_HOUR, slots=100), free).likely
    assert slow_model.nodes == int(SEARCH * 1800 / (3 * LIKELY.reply_s / 6))
    stopped_scripts = estimate(replace(HALF_AN_HOUR, proposals=100, script_limit_s=60), free).likely
    assert stopped_scripts.nodes == int(SEARCH * 1800 / (60 / 2))


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [(BudgetLimits(), DAY_S), (BudgetLimits(time_s=DAY_S, cost_usd=1e9), DAY_S)],
    ids=["day", "time"],
)
def test_a_run_without_an_end_is_estimated_for_a_day(limits: BudgetLimits, seconds: float) -> None:
    found = estimate(replace(HALF_AN_HOUR, limits=limits), dollars)
    assert found.likely.nodes == int(SEARCH * seconds / 60)
    assert ("one day is estimated" in "\n".join(found.lines())) == (limits == BudgetLimits())


def test_a_single_shot_is_one_call_a_solution() -> None:
    found = estimate(replace(limited(nodes=20), turns=1), free)
    assert [guess.usage.calls for guess in (found.low, found.likely, found.high)] == [20, 20, 20]


def test_a_session_ends_with_its_tokens() -> None:
    plan = replace(limited(nodes=1), turns=100)
    for guess in (estimate(plan, free).low, estimate(plan, free).high):
        assert 0.8 * plan.session_tokens < guess.usage.tokens < 1.2 * plan.session_tokens
    assert estimate(replace(plan, session_tokens=1_000), free).high.usage.calls == 1


def test_the_first_prompt_stays_within_its_bound() -> None:
    plan = replace(limited(nodes=1), turns=1, first_prompt_tokens=31_900)
    found = estimate(plan, free)
    assert [guess.usage.input_tokens for guess in (found.low, found.likely, found.high)] == [32_000] * 3


@pytest.mark.parametrize(
    ("limits", "price", "words"),
    [
        pytest.param({"time_s": 1800}, dollars, ["cost         about $4.", "no limit on tokens or dollars"], id="open"),
        pytest.param({"time_s": 1800, "cost_usd": 2}, dollars, ["to $2.00)", "will likely end the run"], id="little"),
        pytest.param({"time_s": 1800, "cost_usd": 9}, dollars, ["to $9.00)", "may end the run"], id="some"),
        pytest.param({"time_s": 1800, "tokens": 10**6}, dollars, ["to 1,000,000)", "will likely end"], id="tokens"),
        pytest.param(
            {"nodes": 20}, free, ["solutions    20", "calls        about 60 (40 to ", "cost         nothing"], id="free"
        ),
        pytest.param({"nodes": 20}, unknown, ["cost         not known", "llm.prices"], id="unknown"),
        pytest.param({"nodes": 1, "cost_usd": 0.004}, dollars, ["cost         under $0.01"], id="cents"),
    ],
)
def test_a_person_reads_what_to_expect(limits: dict[str, float], price: object, words: list[str]) -> None:
    assert callable(price)
    text = "\n".join(estimate(limited(**limits), price).lines())
    for each in words:
        assert each in text


def test_a_limit_that_is_never_reached_is_not_spoken_of() -> None:
    text = "\n".join(estimate(limited(nodes=1, cost_usd=1_000), dollars).lines())
    assert "budget" not in text


PLANS = st.builds(
    Plan,
    st.builds(
        BudgetLimits,
        time_s=st.none() | st.floats(10, 1e6),
        nodes=st.none() | st.integers(1, 10_000),
        cost_usd=st.none() | st.floats(0, 100),
        tokens=st.none() | st.integers(0, 10**9),
    ),
    turns=st.integers(1, 100),
    session_tokens=st.integers(1_000, 10**6),
    first_prompt_tokens=st.integers(0, 100_000),
    context_tokens=st.integers(4_000, 10**6),
    max_output_tokens=st.integers(256, 100_000),
    proposals=st.integers(1, 256),
    slots=st.integers(1, 64),
    script_limit_s=st.floats(1, 1e5) | st.just(float("inf")),
)


@given(PLANS)
def test_guesses_are_ordered_and_within_the_budget(plan: Plan) -> None:
    found = estimate(plan, dollars)
    guesses = (found.low, found.likely, found.high)
    for limit, spent in ((plan.limits.tokens, "tokens"), (plan.limits.cost_usd, "cost_usd")):
        assert all(limit is None or getattr(guess.usage, spent) <= limit * (1 + 1e-9) for guess in guesses)
    if plan.limits.nodes is not None:
        assert all(guess.nodes <= plan.limits.nodes for guess in guesses)
    assert all(number >= 0 for guess in guesses for number in (guess.nodes, *astuple(guess.usage)))
    open_ = estimate(replace(plan, limits=plan.limits.model_copy(update={"tokens": None, "cost_usd": None})), dollars)
    for less, more in ((open_.low, open_.likely), (open_.likely, open_.high)):
        assert less.nodes <= more.nodes
        assert all(a <= b for a, b in zip(astuple(less.usage), astuple(more.usage), strict=True))
    assert list(found.lines())


def test_the_highest_guess_takes_all_that_a_session_may() -> None:
    high = estimate(replace(limited(nodes=1), session_tokens=10**9), free).high
    assert high.usage.calls == 6
    assert high.usage.output_tokens == 6 * HIGH.reply_tokens
