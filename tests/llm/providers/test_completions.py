"""Raw completions: one prompt that ends in an opened think block, and what goes on from there."""

from __future__ import annotations

from typing import Any

import pytest

from mlmaster.core.chat import Finish, Message, Placement, Request, Role, Tool
from mlmaster.llm.prices import MeteredUsage
from mlmaster.llm.providers.completions import CompletionsProvider
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.providers.templates import QWEN3
from mlmaster.llm.providers.thoughts import HEADING
from mlmaster.llm.streaming import joined
from mlmaster.testing.canned_server import CannedServer, events, whole

ASKED = Request(
    Role.CODER,
    (Message("system", "You are an engineer."), Message("user", "Improve this.")),
    thoughts="A forest failed.",
    tools=(Tool("edit", "", {}),),
    schema={"type": "object"},
    max_output_tokens=500,
)


def chunk(text: str = "", finish: str | None = None) -> dict[str, Any]:
    return {"model": "m-2026", "choices": [{"index": 0, "text": text, "finish_reason": finish}]}


def provider(address: str) -> CompletionsProvider:
    return CompletionsProvider("m", QWEN3, address=address, key="sk-0123456789", key_env="EXAMPLE_API_KEY")


def sent(options: Options | None = None) -> dict[str, Any]:
    with CannedServer(events(chunk("x</think>y", "stop"))) as server:
        list(provider(server.address).stream(ASKED, options or Options()))
        assert server.paths == ["/v1/completions"]
        return server.bodies[0]


def read(*chunks: Any) -> Part:
    with CannedServer(events(*chunks)) as server:
        return joined(list(provider(server.address).stream(ASKED, Options())))


def test_thoughts_stand_in_the_opened_block() -> None:
    assert sent(Options(temperature=0.5, effort="low")) == {
        "model": "m",
        "prompt": "<|im_start|>system\nYou are an engineer.<|im_end|>\n<|im_start|>user\nImprove this.<|im_end|>\n"
        "<|im_start|>assistant\n<think>\nA forest failed.\n",
        "stop": ["<|im_end|>", "<|im_start|>"],
        "stream": True,
        "temperature": 0.5,
        "max_tokens": 500,
        "stream_options": {"include_usage": True},
    }
    assert provider("http://127.0.0.1:1").placement(ASKED, Options()) is Placement.COMPLETION


def test_where_that_was_refused_they_stand_in_the_prompt() -> None:
    dropping = Options(dropped=frozenset({"prefill"}))
    prompt = sent(dropping)["prompt"]
    assert f"{HEADING}\n\nA forest failed.<|im_end|>" in prompt
    assert prompt.endswith("<think>\n")
    assert provider("http://127.0.0.1:1").placement(ASKED, dropping) is Placement.PROMPT


@pytest.mark.parametrize(
    ("parameter", "field"),
    [("temperature", "temperature"), ("max_output_tokens", "max_tokens"), ("stream_usage", "stream_options")],
)
def test_what_is_dropped_is_not_sent(parameter: str, field: str) -> None:
    assert field in sent(Options(temperature=0.5))
    assert field not in sent(Options(temperature=0.5, dropped=frozenset({parameter})))


def test_what_comes_up_to_the_closing_tag_is_reasoning() -> None:
    counted = {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}
    found = read(chunk("so it is.</th"), chunk("ink>\n\nThe "), chunk("plan."), chunk("", "stop"), counted)
    assert found == Part(
        text="The plan.",
        reasoning="so it is.",
        finish=Finish.STOP,
        usage=MeteredUsage(100, 20, calls=1),
        model="m-2026",
    )


def test_a_block_that_is_cut_off_is_no_answer() -> None:
    found = read(chunk("still thinking", "length"))
    assert (found.text, found.reasoning, found.finish) == ("", "still thinking", Finish.LENGTH)


def test_a_model_that_answers_without_closing_its_block_has_answered() -> None:
    assert read(chunk("The plan.", "stop")).text == "The plan."


def test_a_stream_that_ends_without_a_reason_has_none() -> None:
    assert read(chunk("x")).finish is None


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ([{"choices": []}], "garbled"),
        ([chunk("x"), chunk("", "abort")], "away"),
        ([chunk("x"), {"error": {"message": "oops", "code": 500}}], "away"),
        (["{"], "garbled"),
    ],
    ids=["no choices", "broken off", "an error", "half of JSON"],
)
def test_what_goes_wrong_is_a_fault(chunks: list[Any], kind: str) -> None:
    with pytest.raises(Fault) as found:
        read(*chunks)
    assert found.value.kind == kind


def test_a_server_without_raw_completions_is_said_so() -> None:
    with CannedServer(whole({"detail": "Not Found"}, 404)) as server, pytest.raises(Fault) as found:
        list(provider(server.address).stream(ASKED, Options()))
    assert found.value.kind == "address"


def test_an_answer_in_one_piece() -> None:
    with CannedServer(whole(chunk("hm</think>The plan.", "stop"))) as server:
        found = joined(list(provider(server.address).stream(ASKED, Options())))
    assert (found.reasoning, found.text) == ("hm", "The plan.")


@pytest.mark.parametrize("odd", [{"choices": [{"text": 3}]}, {"choices": [{"text": None}], "model": 3}, []], ids=str)
def test_odd_chunks_do_no_harm(odd: Any) -> None:
    assert read(odd, chunk("</think>x", "stop")).text == "x"
