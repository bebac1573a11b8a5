from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlmaster.core.chat import ModelFacts, Placement
from mlmaster.llm.capabilities import Capabilities, Learned, capabilities, facts, left_out, unheard
from mlmaster.llm.presets import find_preset
from mlmaster.llm.providers.provider import PARAMETERS
from mlmaster.llm.settings import LLMSettings, RoleSettings


def declared(model: str) -> Capabilities:
    return capabilities(*find_preset(model))


def test_a_preset_and_a_model_declare_together() -> None:
    found = declared("o1-mini")
    assert found.name == "openai:o1-mini"
    assert found.protocol == "responses"
    assert not found.has_tools  # the preset has them, the model does not
    assert not found.has_schema
    assert "system" in found.refuses
    assert declared("gpt-5").has_tools
    assert declared("vllm:any").placements == (Placement.CONTINUE, Placement.COMPLETION)
    assert declared("claude-opus-5").caching == "marked"


def test_a_refusal_is_news_once() -> None:
    learned = Learned()
    assert learned.drop("temperature")
    assert not learned.drop("temperature")
    assert learned.drop("tools")
    assert learned.dropped == {"temperature", "tools"}


def test_what_is_declared_is_dropped_and_no_news() -> None:
    learned = Learned(declared("o4-mini").refuses)
    assert learned.dropped == {"temperature"}
    assert not learned.drop("temperature")


def test_a_refusal_is_news_to_one_thread_only() -> None:
    learned = Learned()
    with ThreadPoolExecutor(8) as pool:
        news = list(pool.map(lambda _: learned.drop("schema"), range(200)))
    assert sum(news) == 1


def test_the_context_learned_only_shrinks() -> None:
    learned = Learned()
    assert learned.context_tokens is None
    assert learned.overflowed(32_000)
    assert not learned.overflowed(64_000)
    assert learned.overflowed(8_000)
    assert learned.context_tokens == 8_000


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_there_are_words_for_every_parameter(parameter: str) -> None:
    said = left_out("openai:m", parameter)
    assert said.startswith("openai:m ")
    assert said.endswith(".")


def test_what_a_user_set_in_vain_is_said() -> None:
    hot = RoleSettings(temperature=0.7, effort="low")
    assert unheard(declared("o4-mini"), hot) == ("openai:o4-mini takes no temperature; it is left out.",)
    assert unheard(declared("gpt-4o"), hot) == ("openai:gpt-4o takes no reasoning effort; it is left out.",)
    assert unheard(declared("o4-mini"), RoleSettings()) == ()


@pytest.mark.parametrize(
    ("model", "settings", "dropped", "overflow", "elsewhere", "expected"),
    [
        ("gpt-4o", {}, (), None, None, (128_000, 16_000, True, True)),
        ("gpt-4o", {}, ("tools",), None, None, (128_000, 16_000, False, True)),
        ("gpt-4o", {}, ("schema",), None, None, (128_000, 16_000, True, False)),
        ("gpt-4o", {"context_limit": 64_000}, (), None, None, (64_000, 16_000, True, True)),
        ("gpt-4o", {"context_limit": 64_000}, (), 32_000, None, (32_000, 16_000, True, True)),
        ("gpt-4o", {"max_output_tokens": 1_000}, (), None, None, (128_000, 1_000, True, True)),
        ("gpt-4-turbo", {}, (), None, None, (128_000, 4_096, True, False)),
        ("gpt-4", {}, (), None, None, (8_192, 4_096, True, False)),
        ("gpt-5.1", {}, (), None, 400_000, (400_000, 16_000, True, True)),
        ("compatible:m", {}, (), None, None, (None, 16_000, False, False)),
        ("compatible:m", {}, (), 8_000, None, (8_000, 4_000, False, False)),
    ],
)
def test_facts_join_what_is_declared_learned_and_set(
    model: str,
    settings: dict[str, int],
    dropped: tuple[str, ...],
    overflow: int | None,
    elsewhere: int | None,
    expected: tuple[int | None, int, bool, bool],
) -> None:
    learned = Learned()
    for parameter in dropped:
        learned.drop(parameter)
    if overflow is not None:
        learned.overflowed(overflow)
    found = facts(declared(model), learned, LLMSettings.model_validate(settings), usual_context_tokens=elsewhere)
    assert (found.context_tokens, found.max_output_tokens, found.has_tools, found.has_schema) == expected


def test_a_refused_prefill_leaves_the_prompt() -> None:
    learned = Learned()
    known = declared("vllm:m")
    assert facts(known, learned, LLMSettings(), Placement.CONTINUE) == ModelFacts(
        name="vllm:m", has_schema=False, placement=Placement.CONTINUE
    )
    learned.drop("prefill")
    assert facts(known, learned, LLMSettings(), Placement.CONTINUE).placement is Placement.PROMPT


@pytest.mark.parametrize(
    ("placement", "has_tools", "has_schema"),
    [
        (Placement.PROMPT, True, True),
        (Placement.PREFIX, True, True),
        (Placement.CONTINUE, True, False),
        (Placement.COMPLETION, False, False),
    ],
)
def test_a_begun_answer_leaves_less_to_offer(placement: Placement, has_tools: bool, has_schema: bool) -> None:
    found = facts(declared("llamacpp:qwen3"), Learned(), LLMSettings(), placement)
    assert (found.has_tools, found.has_schema, found.placement) == (has_tools, has_schema, placement)
