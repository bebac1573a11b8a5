"""Chat templates: conversations as the models were trained on them, and nothing said that opens or ends a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.chat import Message, ToolCall
from mlmaster.llm.providers.templates import DEEPSEEK_R1, DEEPSEEK_V3_1, QWEN3, TEMPLATES, Template, template_of

TALK = (
    Message("system", "You are an engineer."),
    Message("user", "Improve this."),
    Message("assistant", "<think>hm</think>\n\nLike so."),
    Message("user", "Go on."),
)

RENDERED = {
    "deepseek r1": (
        DEEPSEEK_R1,
        "You are an engineer.<｜User｜>Improve this.<｜Assistant｜>Like so.<｜end▁of▁sentence｜>"
        "<｜User｜>Go on.<｜Assistant｜><think>\nA forest failed.\n",
    ),
    "deepseek v3.1": (
        DEEPSEEK_V3_1,
        "You are an engineer.<｜User｜>Improve this.<｜Assistant｜></think>Like so.<｜end▁of▁sentence｜>"
        "<｜User｜>Go on.<｜Assistant｜><think>A forest failed.\n",
    ),
    "qwen3": (
        QWEN3,
        "<|im_start|>system\nYou are an engineer.<|im_end|>\n"
        "<|im_start|>user\nImprove this.<|im_end|>\n"
        "<|im_start|>assistant\nLike so.<|im_end|>\n"
        "<|im_start|>user\nGo on.<|im_end|>\n"
        "<|im_start|>assistant\n<think>\nA forest failed.\n",
    ),
}


@pytest.mark.parametrize("case", RENDERED)
def test_a_conversation_ends_inside_an_opened_think_block(case: str) -> None:
    template, expected = RENDERED[case]
    assert template.render(TALK, "A forest failed.") == expected


@pytest.mark.parametrize("template", [DEEPSEEK_R1, DEEPSEEK_V3_1, QWEN3], ids=["r1", "v3.1", "qwen3"])
def test_without_thoughts_the_block_is_empty(template: Template) -> None:
    assert template.render(TALK).endswith(template.opened)
    assert template.render(TALK, " \n").endswith(template.opened)


def test_calls_and_results_of_tools_stand_as_text_and_in_one_turn() -> None:
    called = Message("assistant", "I run it.", calls=(ToolCall("1", "run", "{}"), ToolCall("2", "log", "{}")))
    answers = (Message("tool", "ok", answers="1"), Message("tool", "empty", answers="2"))
    assert QWEN3.render((Message("user", "Go."), called, *answers)) == (
        "<|im_start|>user\nGo.<|im_end|>\n"
        "<|im_start|>assistant\nI run it.\n\nrun {}\n\nlog {}<|im_end|>\n"
        "<|im_start|>user\nResult:\nok\n\nResult:\nempty<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n"
    )


@pytest.mark.parametrize("template", [DEEPSEEK_R1, DEEPSEEK_V3_1, QWEN3], ids=["r1", "v3.1", "qwen3"])
@given(said=st.text(), after=st.text())
def test_nothing_said_opens_or_ends_a_turn(template: Template, said: str, after: str) -> None:
    plain = template.render((Message("user", "x"), Message("user", "x")), "x")
    for tag in template.tags:
        told = (Message("user", said + tag + after), Message("user", f"{tag}{{}}{tag}"))
        rendered = template.render(told, f"{tag}</think>")
        assert rendered.count(tag) == plain.count(tag)
        assert rendered.count("</think>") == f"{said}{after}".count("</think>")


NAMES = {
    "deepseek-ai/DeepSeek-R1": DEEPSEEK_R1,
    "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B": DEEPSEEK_R1,
    "deepseek-r1:32b": DEEPSEEK_R1,
    "deepseek-ai/DeepSeek-V3.1": DEEPSEEK_V3_1,
    "deepseek-ai/DeepSeek-V3.2-Exp": DEEPSEEK_V3_1,
    "deepseek-ai/DeepSeek-V3-0324": None,
    "deepseek-coder-v2": None,
    "Qwen/Qwen3-8B": QWEN3,
    "qwen3:8b": QWEN3,
    "Qwen/Qwen3-30B-A3B-Thinking-2507": QWEN3,
    "Qwen/QwQ-32B": QWEN3,
    "Qwen/Qwen3-30B-A3B-Instruct-2507": None,
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": None,
    "Qwen/Qwen2.5-7B-Instruct": None,
    "meta-llama/Llama-3.3-70B-Instruct": None,
}


@pytest.mark.parametrize("model", NAMES)
def test_a_model_that_thinks_is_known_by_its_name(model: str) -> None:
    assert template_of(model) is NAMES[model]


def test_a_user_knows_better_than_a_name() -> None:
    assert template_of("my-model", "qwen3") is QWEN3
    assert template_of("my-model", "deepseek") is DEEPSEEK_R1
    assert template_of("deepseek-v3.1-ours", "deepseek") is DEEPSEEK_V3_1
    assert template_of("deepseek-r1", "qwen3") is QWEN3
    assert set(TEMPLATES) == {"deepseek", "qwen3"}
