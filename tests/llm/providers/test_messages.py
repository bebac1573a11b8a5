from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from threading import Thread
from typing import Any

import pytest

from mlmaster.core.chat import Finish, Message, Placement, Request, Role, Tool, ToolCall
from mlmaster.llm.capabilities import capabilities
from mlmaster.llm.presets import presets
from mlmaster.llm.prices import MeteredUsage
from mlmaster.llm.providers.messages import MessagesProvider
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.streaming import joined
from mlmaster.testing.canned_server import Canned, CannedServer, whole

KEY = "sk-ant-secret-000111"
START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-20260630",
        "content": [],
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": 30,
            "output_tokens": 1,
        },
    },
}


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """Return a server that answers each request with a short reply."""
    with CannedServer(stream(*said("ok"))) as found:
        yield found


def stream(*events: Mapping[str, Any], **fields: Any) -> Canned:
    named = [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]
    return Canned(named, **fields)


def provider(server: CannedServer, model: str = "claude-sonnet-5", key: str | None = KEY) -> MessagesProvider:
    declared = capabilities(presets()["anthropic"], model)
    return MessagesProvider(declared, model, address=server.address, key=key, key_env="ANTHROPIC_API_KEY")


def ask(*events: Mapping[str, Any]) -> list[Part]:
    with CannedServer(stream(*events)) as server:
        return list(provider(server).stream(request(), Options()))


def request(*messages: Message, **fields: Any) -> Request:
    return Request(Role.CODER, (Message("system", "be brief"), *(messages or (Message("user", "hi"),))), **fields)


def said(*deltas: str, stop: str = "end_turn") -> list[dict[str, Any]]:
    return [
        START,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": delta}}
            for delta in deltas
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop},
            "usage": {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}},
        },
        {"type": "message_stop"},
    ]


def body(server: CannedServer, request: Request, options: Options | None = None, model: str = "claude-sonnet-5") -> Any:
    list(provider(server, model).stream(request, options or Options()))
    return server.bodies[-1]


def fault(answer: Canned, model: str = "claude-sonnet-5", options: Options | None = None) -> Fault:
    asked = request(schema={"type": "object"})
    with CannedServer(answer) as server:
        with pytest.raises(Fault) as raised:
            list(provider(server, model).stream(asked, options or Options()))
        assert len(server.bodies) == 1  # nothing is tried again here
    assert KEY not in f"{raised.value.message} {raised.value!r}"
    return raised.value


# ---- what comes back


def test_a_reply_comes_in_parts() -> None:
    parts = ask(*said("Hel", "lo"))
    assert [part.text for part in parts] == ["", "Hel", "lo", ""]
    assert joined(parts) == Part(
        text="Hello",
        finish=Finish.STOP,
        usage=MeteredUsage(
            input_tokens=240, cached_tokens=200, written_tokens=30, output_tokens=50, reasoning_tokens=20, calls=1
        ),
        model="claude-sonnet-5-20260630",
    )
    # what was read is known from the first part on
    assert parts[0].usage is not None
    assert parts[0].usage.input_tokens == 240


def test_the_key_goes_into_a_header_and_nowhere_else(server: CannedServer) -> None:
    speaking = provider(server)
    list(speaking.stream(request(), Options()))
    assert server.paths == ["/v1/messages"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in json.dumps(server.bodies)
    assert KEY not in repr(vars(speaking.stream(request(), Options())))
    assert KEY not in repr(speaking)


def test_without_a_key_none_is_looked_for(server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    list(provider(server, key=None).stream(request(), Options()))
    assert KEY not in json.dumps(server.headers)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_an_address_may_end_in_the_version(server: CannedServer, end: str) -> None:
    declared = capabilities(presets()["anthropic"], "claude-sonnet-5")
    address = server.address.removesuffix("/v1") + end
    speaking = MessagesProvider(declared, "claude-sonnet-5", address=address, key=KEY, key_env=None)
    list(speaking.stream(request(), Options()))
    assert server.paths == ["/v1/messages"]


def test_old_models_are_asked_without_warnings(server: CannedServer) -> None:
    assert body(server, request(), model="claude-3-7-sonnet-20250219")["model"] == "claude-3-7-sonnet-20250219"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", Finish.STOP),
        ("stop_sequence", Finish.STOP),
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("pause_turn", Finish.LENGTH),
        ("tool_use", Finish.TOOLS),
        ("refusal", Finish.FILTERED),
        ("something new", Finish.STOP),
    ],
)
def test_why_a_reply_ended(reason: str, finish: Finish) -> None:
    assert ask(*said("ok", stop=reason))[-1].finish is finish


def test_a_refusal_says_why_where_the_model_says_nothing() -> None:
    events = said("", stop="refusal")
    events[-2]["delta"]["stop_details"] = {"type": "refusal", "category": "bio", "explanation": "It is about germs."}
    found = joined(ask(*events))
    assert (found.text, found.finish) == ("It is about germs.", Finish.FILTERED)


def test_thinking_and_calls_arrive_and_go_back_as_they_came(server: CannedServer) -> None:
    def delta(index: int, **fields: str) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": fields}

    def start(index: int, **fields: Any) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": fields}

    parts = ask(
        START,
        start(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="I wo"),
        delta(0, type="thinking_delta", thinking="nder."),
        delta(0, type="signature_delta", signature="sig"),
        start(1, type="redacted_thinking", data="zzz"),
        start(2, type="text", text=""),
        delta(2, type="text_delta", text="I look."),
        start(3, type="tool_use", id="c1", name="read_log", input={}),
        delta(3, type="input_json_delta", partial_json='{"li'),
        delta(3, type="input_json_delta", partial_json='nes": 3}'),
        start(4, type="tool_use", id="c2", name="submit", input={}),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    tools = (Tool("read_log", "Read it.", {"type": "object", "properties": {"lines": {"type": "integer"}}}),)
    asked = request(tools=tools)
    found = joined(parts)
    assert (found.text, found.reasoning, found.finish) == ("I look.", "I wonder.", Finish.TOOLS)
    assert found.calls == (ToolCall("c1", "read_log", '{"lines": 3}'), ToolCall("c2", "submit", "{}"))
    json.dumps(found.carried)

    reply = Message("assistant", found.text, found.calls, carried=found.carried)
    results = (Message("tool", "line 1", answers="c1"), Message("tool", "ok", answers="c2"))
    again = body(server, Request(Role.CODER, (*asked.messages, reply, *results), tools=tools))
    assert again["messages"][1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "I wonder.", "signature": "sig"},
            {"type": "redacted_thinking", "data": "zzz"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "c1", "name": "read_log", "input": {"lines": 3}},
            {"type": "tool_use", "id": "c2", "name": "submit", "input": {}},
        ],
    }
    assert [block["type"] for block in again["messages"][2]["content"]] == ["tool_result", "tool_result"]


# ---- what is sent


def test_a_plain_request(server: CannedServer) -> None:
    assert body(server, request(max_output_tokens=900), model="claude-3-5-haiku-latest") == {
        "model": "claude-3-5-haiku-latest",
        "max_tokens": 900,
        "stream": True,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


def test_thoughts_stand_in_the_prompt(server: CannedServer) -> None:
    asked = request(Message("user", "draft"), thoughts="Trees won.")
    assert provider(server).placement(asked, Options()) is Placement.PROMPT
    content = body(server, asked)["messages"][-1]["content"]
    assert content == [
        {"type": "text", "text": "draft"},
        {"type": "text", "text": "## Your notes so far\n\nTrees won."},
    ]


def marked(sent: Mapping[str, Any]) -> list[str]:
    """Return the texts of the blocks that end a cached beginning."""
    blocks = [*sent.get("system", ()), *(block for turn in sent["messages"] for block in turn["content"])]
    return [block["text"] for block in blocks if "cache_control" in block]


@pytest.mark.parametrize(
    ("stable", "dropped", "expected"),
    [
        ("", (), ["be brief"]),
        ("ac", (), ["be brief", "a", "c"]),
        ("abcde", (), ["be brief", "c", "d", "e"]),
        ("ae", ("cache",), []),
        ("abcde", ("system",), ["b", "c", "d", "e"]),
    ],
)
def test_stable_messages_end_cached_beginnings(
    server: CannedServer, stable: str, dropped: Sequence[str], expected: list[str]
) -> None:
    messages = [
        Message("user" if letter in "ace" else "assistant", letter, is_stable=letter in stable) for letter in "abcde"
    ]
    opening = Request(Role.CODER, (Message("system", "be brief"), Message("user", "0"), *messages))
    assert marked(body(server, opening, Options(dropped=frozenset(dropped)))) == expected


def test_without_a_system_message_its_text_opens_the_first_of_the_user(server: CannedServer) -> None:
    sent = body(server, request(), Options(dropped=frozenset({"system"})))
    assert "system" not in sent
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "be brief\n\nhi"}]}]


def test_tools_and_schemas(server: CannedServer) -> None:
    tool = Tool("edit", "Change it.", {"type": "object", "properties": {}})
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    sent = body(server, request(tools=(tool,), schema=schema), Options(effort="low"))
    assert sent["tools"] == [{"name": "edit", "description": "Change it.", "input_schema": tool.parameters}]
    assert sent["output_config"]["effort"] == "low"
    assert sent["output_config"]["format"]["type"] == "json_schema"
    assert sent["output_config"]["format"]["schema"]["additionalProperties"] is False
    left = body(server, request(tools=(tool,), schema=schema), Options(dropped=frozenset({"tools", "schema"})))
    assert "tools" not in left
    assert "output_config" not in left
    assert "output_config" not in body(server, request(schema=schema), model="claude-3-5-haiku-latest")


SHOWN = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-3-5-haiku-latest", "high", {}),
        ("claude-haiku-4-5", None, {}),
        ("claude-haiku-4-5", "none", {}),
        ("claude-haiku-4-5", "minimal", {"thinking": {"type": "enabled", "budget_tokens": 1_024}}),
        ("claude-haiku-4-5", "low", {"thinking": {"type": "enabled", "budget_tokens": 2_000}}),
        ("claude-haiku-4-5", "high", {"thinking": {"type": "enabled", "budget_tokens": 6_000}}),
        ("claude-opus-4-6", None, {}),
        ("claude-opus-4-6", "none", {"thinking": {"type": "disabled"}}),
        ("claude-opus-4-6", "medium", {"thinking": SHOWN, "output_config": {"effort": "medium"}}),
        ("claude-sonnet-5", None, {"thinking": SHOWN}),
        ("claude-sonnet-5-5", "none", {"thinking": {"type": "between_tools"}}),
        ("claude-opus-5-5", "none", {"thinking": SHOWN, "output_config": {"effort": "low"}}),
        ("claude-opus-5-5", "minimal", {"thinking": SHOWN, "output_config": {"effort": "low"}}),
    ],
)
def test_efforts(server: CannedServer, model: str, effort: str | None, expected: dict[str, Any]) -> None:
    sent = body(server, request(max_output_tokens=8_000), Options(effort=effort), model)
    assert {key: sent[key] for key in ("thinking", "output_config") if key in sent} == expected
    left = body(server, request(), Options(effort=effort, dropped=frozenset({"effort"})), model)
    assert "thinking" not in left


def test_a_short_reply_leaves_no_room_to_think(server: CannedServer) -> None:
    sent = body(server, request(max_output_tokens=1_000), Options(effort="high"), "claude-haiku-4-5")
    assert "thinking" not in sent


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), None),
        (Options(temperature=0.5), 0.5),
        (Options(temperature=1.7), 1.0),
        (Options(temperature=0.5, effort="low"), None),  # who thinks has no temperature
        (Options(temperature=0.5, dropped=frozenset({"temperature"})), None),
    ],
)
def test_temperatures(server: CannedServer, options: Options, expected: float | None) -> None:
    assert body(server, request(), options, "claude-haiku-4-5").get("temperature") == expected


def test_a_limit_that_is_refused_becomes_one_that_every_model_takes(server: CannedServer) -> None:
    refused = Options(dropped=frozenset({"max_output_tokens"}))
    assert body(server, request(max_output_tokens=50_000), refused)["max_tokens"] == 4_096
    assert body(server, request(max_output_tokens=500), refused)["max_tokens"] == 500


# ---- what goes wrong


def error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (401, error("authentication_error", "invalid x-api-key"), ("key", "")),
        (404, error("not_found_error", "model: claude-nope"), ("model", "")),
        (429, error("rate_limit_error", "slow down"), ("busy", "")),
        (529, error("overloaded_error", "Overloaded"), ("away", "")),
        (500, error("api_error", "oops"), ("away", "")),
        (400, error("invalid_request_error", "Your credit balance is too low to access the API"), ("quota", "")),
        (400, error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), ("overflow", "")),
        (
            400,
            error("invalid_request_error", "`temperature` is deprecated for this model."),
            ("refused", "temperature"),
        ),
        (
            400,
            error("invalid_request_error", '"thinking.type.disabled" is not supported for this model.'),
            ("refused", "effort"),
        ),
        (
            400,
            error("invalid_request_error", "max_tokens: 16000 > 8192, which is the maximum allowed number of output"),
            ("refused", "max_output_tokens"),
        ),
        (400, error("invalid_request_error", "output_config.format: not supported"), ("refused", "schema")),
    ],
    ids=[
        "key",
        "model",
        "busy",
        "overloaded",
        "failed",
        "quota",
        "overflow",
        "temperature",
        "effort",
        "max-tokens",
        "schema",
    ],
)
def test_errors_of_the_provider(status: int, answer: Any, expected: tuple[str, str]) -> None:
    # a model that thinks only when asked, and has a temperature else
    effort = "none" if expected[1] == "effort" else None
    found = fault(
        whole(answer, status, **{"Retry-After": "7"}), "claude-opus-4-6", Options(temperature=0.5, effort=effort)
    )
    assert (found.kind, found.parameter) == expected
    assert found.retry_after_s == (7 if found.kind in ("busy", "away") else None)
    assert found.limit_tokens == (200_000 if found.kind == "overflow" else None)


@pytest.mark.parametrize(
    ("kind", "expected"), [("overloaded_error", "away"), ("rate_limit_error", "busy"), ("api_error", "away")]
)
def test_errors_in_the_middle_of_a_stream(kind: str, expected: str) -> None:
    assert fault(stream(*said("Hel")[:3], error(kind, "sorry"))).kind == expected


def test_half_a_stream_has_no_finish() -> None:
    found = joined(ask(*said("Hel")[:3]))
    assert (found.text, found.finish) == ("Hel", None)
    assert found.usage is not None
    assert found.usage.input_tokens == 240


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (whole("<html><title>Login</title></html>"), "address"),
        (whole({"hello": 1}), "garbled"),
        (whole(error("overloaded_error", "Overloaded")), "away"),
        (Canned(), "garbled"),
        (Canned([b"event: message_start\ndata: {bro\n\n"]), "garbled"),
        (stream({"type": "message_start"}), "garbled"),
        (Canned([b'event: content_block_start\ndata: {"x": 1}\n\n']), "garbled"),
        (Canned([b"event: message_start\ndata: " + b"[" * 100_000 + b"\n\n"]), "garbled"),
        (Canned([b"event: message_start\n"], length=1_000), "away"),
    ],
    ids=["page", "json", "error-as-success", "nothing", "broken", "lacking", "no-type", "deep", "cut-off"],
)
def test_answers_that_are_none(answer: Canned, expected: str) -> None:
    assert fault(answer).kind == expected


def test_nobody_there() -> None:
    with CannedServer() as gone:
        speaking = provider(gone)
    with pytest.raises(Fault) as raised:
        list(speaking.stream(request(), Options()))
    assert (raised.value.kind, "nothing answers there" in raised.value.message) == ("away", True)


def test_a_key_with_a_line_break_is_not_told(server: CannedServer) -> None:
    with pytest.raises(Fault) as raised:
        list(provider(server, key="sk-ant-secret\nline").stream(request(), Options()))
    assert raised.value.kind == "key"
    assert "secret" not in raised.value.message


@pytest.mark.parametrize("ends_all", [False, True], ids=["one", "all"])
def test_a_reply_can_be_ended_from_another_thread(ends_all: bool) -> None:
    with CannedServer(stream(*said("Hel")[:3], hangs=True)) as server:
        speaking = provider(server)
        reply = speaking.stream(request(), Options())
        assert [next(reply).text, next(reply).text] == ["", "Hel"]
        rest: list[Part] = []
        reading = Thread(target=lambda: rest.extend(reply))
        reading.start()
        (speaking if ends_all else reply).close()
        reading.join(30)
        assert not reading.is_alive()
        assert server.was_left.wait(30)
    assert all(part.finish is None for part in rest)
