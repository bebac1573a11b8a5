from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlmaster.core.usage import Usage
from mlmaster.llm.presets import find_preset
from mlmaster.llm.prices import MeteredUsage, Prices
from mlmaster.llm.settings import Price

USED = MeteredUsage(
    input_tokens=10_000, cached_tokens=2_000, written_tokens=3_000, output_tokens=1_000, reasoning_tokens=400, calls=1
)


def cost(model: str, table: Mapping[str, Price] | None = None, usage: Usage = USED) -> float | None:
    """Return the price of a model, None where it is not known."""
    preset, name = find_preset(model)
    found = Prices(table or {}).price(name, preset, usage)
    assert found.unpriced_tokens in (0, usage.tokens)
    return None if found.unpriced_tokens else found.cost_usd


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # written at 3.75, read from the cache at 0.3, else 3, out 15 dollars a million
        ("anthropic:claude-3-7-sonnet-20250219", (5_000 * 3 + 2_000 * 0.3 + 3_000 * 3.75 + 1_000 * 15) / 1e6),
        # no price for writing: as what is read
        ("openai:gpt-4o", (8_000 * 2.5 + 2_000 * 1.25 + 1_000 * 10) / 1e6),
        # listed, but by the hour
        ("openai:gpt-live-1", None),
        ("openai:no-such-model", None),
        ("dashscope:qwen-plus", None),
        ("ollama:qwen3:8b", 0.0),
        ("vllm:gpt-4o", 0.0),
        ("sglang:m", 0.0),
        ("llamacpp:m", 0.0),
        ("compatible:gpt-4o", None),
    ],
)
def test_what_is_known_without_a_table(model: str, expected: float | None) -> None:
    assert cost(model) == (None if expected is None else pytest.approx(expected))


def test_a_server_is_known_by_its_address() -> None:
    preset, name = find_preset("compatible:llama-3.3-70b-versatile")
    prices = Prices({})
    assert prices.price(name, preset, USED, "https://api.groq.com/openai/v1").cost_usd > 0
    assert prices.price(name, preset, USED, "http://localhost:9/v1").unpriced_tokens == 11_000
    # a preset with prices keeps them behind a proxy
    preset, name = find_preset("openai:gpt-4o")
    assert prices.price(name, preset, USED, "http://localhost:9/v1").cost_usd > 0


def test_the_users_table_is_asked_first() -> None:
    half = Price(input=1.0, output=2.0)
    expected = pytest.approx((10_000 * 1 + 1_000 * 2) / 1e6)
    assert cost("openai:gpt-4o", {"openai:gpt-4o": half}) == expected
    assert cost("openai:gpt-4o", {"gpt-4o": half}) == expected
    assert cost("openai:gpt-4o", {"gpt-*": half}) == expected
    assert cost("openai:gpt-4o", {"openai:*": half}) == expected
    assert cost("vllm:m", {"m": half}) == expected
    assert cost("dashscope:qwen-plus", {"qwen-plus": half}) == expected
    assert cost("openai:gpt-4o", {"gpt-5*": half}) != expected
    # the full name before the bare one before a pattern
    dear = Price(input=100.0, output=100.0)
    assert cost("openai:gpt-4o", {"*": dear, "gpt-4o": dear, "openai:gpt-4o": half}) == expected
    assert cost("openai:gpt-4o", {"*": dear, "gpt-4o": half}) == expected


def test_the_users_table_may_price_the_cache() -> None:
    own = Price(input=1.0, output=2.0, cached=0.1, written=1.25)
    assert cost("compatible:m", {"m": own}) == pytest.approx((5_000 + 2_000 * 0.1 + 3_000 * 1.25 + 1_000 * 2) / 1e6)


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("name", ["input", "output", "cached", "written"])
def test_a_price_that_would_unbind_a_budget_is_none(name: str, amount: float) -> None:
    with pytest.raises(ValidationError):
        Price.model_validate({"input": 1.0, "output": 2.0, name: amount})


def test_what_was_used_stays_as_it_is() -> None:
    preset, name = find_preset("openai:gpt-4o")
    found = Prices({}).price(name, preset, USED)
    assert type(found) is Usage
    assert (found.input_tokens, found.output_tokens, found.cached_tokens, found.reasoning_tokens, found.calls) == (
        10_000,
        1_000,
        2_000,
        400,
        1,
    )


def test_counts_that_contradict_each_other_are_priced_all_the_same() -> None:
    assert cost("gpt-4o", usage=MeteredUsage(input_tokens=10, cached_tokens=50, written_tokens=50)) == pytest.approx(
        10 * 1.25 / 1e6
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("anthropic:claude-3-7-sonnet-20250219", (10_000 * 3.75 + 1_000 * 15) / 1e6),
        ("openai:gpt-4o", (10_000 * 2.5 + 1_000 * 10) / 1e6),
        ("ollama:m", 0.0),
    ],
)
def test_the_most_a_call_may_cost(model: str, expected: float) -> None:
    preset, name = find_preset(model)
    found = Prices({}).worst(name, preset, 10_000, 1_000)
    assert found == Usage(input_tokens=10_000, output_tokens=1_000, cost_usd=found.cost_usd, calls=1)
    assert found.cost_usd == pytest.approx(expected)


def test_the_most_a_call_of_unknown_price_may_cost_is_its_tokens() -> None:
    preset, name = find_preset("dashscope:qwen-plus")
    assert Prices({}).worst(name, preset, 10, 5) == Usage(input_tokens=10, output_tokens=5, unpriced_tokens=15, calls=1)


@given(
    st.sampled_from(["openai:gpt-4o", "anthropic:claude-3-7-sonnet-20250219", "gemini:gemini-2.5-flash"]),
    st.integers(0, 300_000),
    st.integers(0, 50_000),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_no_call_costs_more_than_the_most(model: str, read: int, written: int, cached: float, stored: float) -> None:
    preset, name = find_preset(model)
    prices = Prices({})
    usage = MeteredUsage(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=int(read * cached),
        written_tokens=int(read * (1 - cached) * stored) if preset.caching == "marked" else 0,
    )
    assert prices.price(name, preset, usage).cost_usd <= prices.worst(name, preset, read, written).cost_usd + 1e-12


@pytest.mark.parametrize(
    ("model", "table"),
    [
        ("openrouter:anthropic/claude-sonnet-4.5", {}),
        ("compatible:m", {"m": Price(input=1.0, output=2.0, written=1.25)}),
        ("compatible:m", {"m": Price(input=1.0, output=2.0, cached=3.0)}),
    ],
)
def test_the_most_holds_where_a_cache_is_written_unasked_or_read_dearly(model: str, table: dict[str, Price]) -> None:
    preset, name = find_preset(model)
    prices = Prices(table)
    most = prices.worst(name, preset, 10_000, 10)
    for usage in (
        MeteredUsage(input_tokens=10_000, output_tokens=10, written_tokens=10_000),
        MeteredUsage(input_tokens=10_000, output_tokens=10, cached_tokens=10_000),
    ):
        assert prices.price(name, preset, usage).cost_usd <= most.cost_usd + 1e-12
    assert most.cost_usd > prices.price(name, preset, MeteredUsage(input_tokens=10_000, output_tokens=10)).cost_usd


def test_contexts_are_known() -> None:
    prices = Prices({})
    preset, name = find_preset("gpt-4o")
    assert prices.context_tokens(name, preset) == 128_000
    preset, name = find_preset("ollama:m")
    assert prices.context_tokens(name, preset) is None
    preset, name = find_preset("openai:no-such-model")
    assert prices.context_tokens(name, preset) is None
