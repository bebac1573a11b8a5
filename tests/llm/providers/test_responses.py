"""OpenAI's Responses: what is sent, what is read, and reasoning that is carried over a session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlmaster.core.chat import Finish, Message, Placement, Request, Role, Tool, ToolCall
from mlmaster.llm.prices import MeteredUsage
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.providers.responses import ResponsesProvider
from mlmaster.llm.providers.thoughts import HEADING
from mlmaster.llm.streaming import joined
from mlmaster.testing.canned_server import CannedServer, events, whole

SYSTEM = Message("system", "You are an engineer.")
TASK = Message("user", "Improve this.")
SCHEMA = {"type": "object", "properties": {"plan": {"type": "string"}}}
TOOL = Tool("run_on_smoke", "Runs it.", {"type": "object", "properties": {"code": {"type": "string"}}})
ASKED = Request(Role.CODER, (SYSTEM, TASK), max_output_tokens=500)

REASONING: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "content": None,
    "encrypted_content": "sealed",
    "status": None,
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "run_on_smoke",
    "arguments": '{"code": "x"}',
    "status": "completed",
}
SAID = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "I run it.", "annotations": []}],
}


def text(delta: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": delta}


def item(found: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "item": found}


def end(kind: str = "completed", **response: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": {"model": "m-2026", **response}}


def provider(address: str) -> ResponsesProvider:
    return ResponsesProvider("m", address=address, key="sk-0123456789", key_env="EXAMPLE_API_KEY")


def sent(request: Request = ASKED, options: Options | None = None) -> dict[str, Any]:
    with CannedServer(events(text("x"), end())) as server:
        list(provider(server.address).stream(request, options or Options()))
        assert server.paths == ["/v1/responses"]
        return server.bodies[0]


def read(*told: Any) -> Part:
    with CannedServer(events({"type": "response.created"}, *told)) as server:
        return joined(list(provider(server.address).stream(ASKED, Options())))


def test_a_plain_request() -> None:
    body = sent()
    assert body.pop("prompt_cache_key").startswith("mlmaster-")
    assert body == {
        "model": "m",
        "instructions": "You are an engineer.",
        "input": [{"role": "user", "content": "Improve this."}],
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 500,
    }


def test_everything_that_can_be_asked_for() -> None:
    request = Request(Role.CODER, (SYSTEM, TASK), tools=(TOOL,), schema=SCHEMA, thoughts="A forest failed.")
    body = sent(request, Options(temperature=0.0, effort="low"))
    assert body["temperature"] == 0.0
    assert body["reasoning"] == {"effort": "low"}
    assert body["tools"] == [
        {
            "type": "function",
            "name": "run_on_smoke",
            "description": "Runs it.",
            "parameters": dict(TOOL.parameters),
            "strict": False,
        }
    ]
    assert body["text"] == {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": False}}
    assert body["input"][-1]["content"] == f"Improve this.\n\n{HEADING}\n\nA forest failed."
    assert provider("http://127.0.0.1:1").placement(request, Options()) is Placement.PROMPT


@pytest.mark.parametrize(
    ("parameter", "fields"),
    [
        ("temperature", {"temperature"}),
        ("effort", {"reasoning", "include"}),
        ("tools", {"tools"}),
        ("schema", {"text"}),
        ("cache", {"prompt_cache_key"}),
        ("max_output_tokens", {"max_output_tokens"}),
        ("system", {"instructions"}),
    ],
)
def test_what_is_dropped_is_not_sent(parameter: str, fields: set[str]) -> None:
    request = Request(Role.CODER, (SYSTEM, TASK), tools=(TOOL,), schema=SCHEMA)
    assert fields <= set(sent(request, Options(temperature=0.5, effort="low")))
    body = sent(request, Options(temperature=0.5, effort="low", dropped=frozenset({parameter})))
    assert not fields & set(body)
    assert "You are an engineer." in json.dumps(body)


def test_calls_of_tools_and_their_results_go_back() -> None:
    called = Message("assistant", "I run it.", calls=(ToolCall("c1", "run_on_smoke", "{}"),))
    body = sent(Request(Role.CODER, (SYSTEM, TASK, called, Message("tool", "It failed.", answers="c1")), tools=(TOOL,)))
    assert body["input"][1:] == [
        {"role": "assistant", "content": "I run it."},
        {"type": "function_call", "call_id": "c1", "name": "run_on_smoke", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "It failed."},
    ]


def test_a_reply_in_pieces() -> None:
    counts = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 15},
        "total_tokens": 120,
    }
    found = read(
        {"type": "response.reasoning_summary_text.delta", "delta": "hm"},
        text("The "),
        text("plan."),
        end(usage=counts),
    )
    assert found == Part(
        text="The plan.",
        reasoning="hm",
        finish=Finish.STOP,
        usage=MeteredUsage(100, 20, cached_tokens=60, reasoning_tokens=15, calls=1),
        model="m-2026",
    )


def test_reasoning_is_carried_over_a_session() -> None:
    found = read(item(REASONING), text("I run it."), item(SAID), item(CALL), end())
    assert found.finish is Finish.TOOLS
    assert found.calls == (ToolCall("call_1", "run_on_smoke", '{"code": "x"}'),)
    assert json.loads(json.dumps(found.carried)) == found.carried
    turn = Message("assistant", found.text, calls=found.calls, carried=found.carried)
    request = Request(Role.CODER, (SYSTEM, TASK, turn, Message("tool", "It failed.", answers="call_1")), tools=(TOOL,))
    expected = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I run it.", "annotations": []}],
        },
        {"type": "function_call", "call_id": "call_1", "name": "run_on_smoke", "arguments": '{"code": "x"}'},
    ]
    assert sent(request)["input"][1:4] == expected
    dropping = Options(dropped=frozenset({"effort"}))
    assert sent(request, dropping)["input"][1:3] == expected[1:]


@pytest.mark.parametrize(
    "items",
    [[REASONING], [{**REASONING, "encrypted_content": None}], [{"type": "web_search_call", "id": "ws_1"}]],
    ids=["reasoning for nothing", "reasoning without its content", "of another kind"],
)
def test_what_cannot_go_back_is_not_carried(items: list[dict[str, Any]]) -> None:
    assert read(*map(item, items), text("x"), end()).carried is None


def test_what_another_protocol_carried_is_left_alone() -> None:
    turn = Message("assistant", "x", carried={"chat": {"reasoning_content": "hm"}})
    assert sent(Request(Role.CODER, (TASK, turn, TASK)))["input"][1] == {"role": "assistant", "content": "x"}


def test_a_call_that_was_cut_off_is_none() -> None:
    cut = {**CALL, "arguments": '{"co', "status": "incomplete"}
    found = read(item(cut), end("incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert (found.calls, found.finish, found.carried) == ((), Finish.LENGTH, None)


def test_a_filter_is_told_from_a_limit() -> None:
    assert read(text("x"), end("incomplete", incomplete_details={"reason": "content_filter"})).finish is Finish.FILTERED


def test_a_refusal_is_told_from_an_answer() -> None:
    found = read({"type": "response.refusal.delta", "delta": "I cannot."}, end())
    assert (found.text, found.finish) == ("I cannot.", Finish.FILTERED)


FAILURES = {
    "failed": (end("failed", error={"code": "server_error", "message": "The server had an error."}), "away"),
    "failed, too fast": (end("failed", error={"code": "rate_limit_exceeded", "message": "Rate limit reached"}), "busy"),
    "failed without a reason": (end("failed"), "away"),
    "an event": (
        {"type": "error", "code": "server_error", "message": "The server had an error.", "param": None},
        "away",
    ),
    "an event of overflow": (
        {"type": "error", "code": "context_length_exceeded", "message": "Your input exceeds the context window."},
        "overflow",
    ),
    "an event of another shape": ({"type": "error", "error": {"message": "Overloaded", "code": 503}}, "away"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_goes_wrong_in_the_middle_is_a_fault(case: str) -> None:
    event, kind = FAILURES[case]
    with pytest.raises(Fault) as found:
        read(text("x"), event)
    assert found.value.kind == kind


def test_a_stream_that_ends_without_a_reason_has_none() -> None:
    assert read(text("x")).finish is None


def test_chat_instead_of_responses_is_garbled() -> None:
    chat = {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}
    with CannedServer(events(chat)) as server, pytest.raises(Fault) as found:
        list(provider(server.address).stream(ASKED, Options()))
    assert found.value.kind == "garbled"
    assert "llm.protocol" in found.value.message


def test_a_model_that_does_not_reason_says_so_and_is_known_by_it() -> None:
    refusal = {"error": {"message": "Encrypted content is not supported with this model.", "param": "include"}}
    with CannedServer(whole(refusal, 400)) as server, pytest.raises(Fault) as found:
        list(provider(server.address).stream(ASKED, Options()))
    assert (found.value.kind, found.value.parameter) == ("refused", "effort")


@pytest.mark.parametrize(
    "odd",
    [{"type": 3}, {"delta": "x"}, {"type": "response.output_item.done", "item": 3}, [], end(usage="many", model=3)],
    ids=str,
)
def test_odd_events_do_no_harm(odd: Any) -> None:
    assert read(odd, text("x"), end()).text == "x"
