"""Chat completions: what is sent, and what is read from the chunks of servers that differ."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlmaster.core.chat import Finish, Message, Placement, Request, Role, Tool, ToolCall
from mlmaster.llm.prices import MeteredUsage
from mlmaster.llm.providers.chat import ChatProvider
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.providers.thoughts import HEADING
from mlmaster.llm.streaming import joined
from mlmaster.testing.canned_server import CannedServer, events, whole

SYSTEM = Message("system", "You are an engineer.")
TASK = Message("user", "Improve this.")
SCHEMA = {
    "type": "object",
    "properties": {"plan": {"type": "string"}},
    "required": ["plan"],
    "additionalProperties": False,
}
TOOL = Tool("run_on_smoke", "Runs it.", {"type": "object", "properties": {"code": {"type": "string"}}})
ASKED = Request(Role.CODER, (SYSTEM, TASK), max_output_tokens=500)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "m-2026", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(
    index: int | None = None, id_: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {
        **({} if index is None else {"index": index}),
        **({} if id_ is None else {"id": id_}),
        "function": function,
    }


def usage(**counts: Any) -> dict[str, Any]:
    return {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20, **counts}}


DONE = chunk("stop")


def provider(address: str, **settings: Any) -> ChatProvider:
    return ChatProvider("m", address=address, key="sk-0123456789", key_env="EXAMPLE_API_KEY", **settings)


def sent(request: Request = ASKED, options: Options | None = None, **settings: Any) -> dict[str, Any]:
    with CannedServer(events(chunk(content="x"), DONE)) as server:
        list(provider(server.address, **settings).stream(request, options or Options()))
        assert server.paths == ["/v1/chat/completions"]
        return server.bodies[0]


def read(*chunks: Any, request: Request = ASKED, **settings: Any) -> Part:
    with CannedServer(events(*chunks)) as server:
        return joined(list(provider(server.address, **settings).stream(request, Options())))


def test_a_plain_request() -> None:
    assert sent() == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You are an engineer."},
            {"role": "user", "content": "Improve this."},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 500,
    }


def test_everything_that_can_be_asked_for() -> None:
    request = Request(Role.CODER, (SYSTEM, TASK), tools=(TOOL,), schema=SCHEMA)
    body = sent(request, Options(temperature=0.5, effort="low"), has_cache_key=True)
    assert body["temperature"] == 0.5
    assert body["reasoning_effort"] == "low"
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "run_on_smoke", "description": "Runs it.", "parameters": dict(TOOL.parameters)},
        }
    ]
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }
    assert body["prompt_cache_key"].startswith("mlmaster-")


@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        ("temperature", "temperature"),
        ("effort", "reasoning_effort"),
        ("tools", "tools"),
        ("schema", "response_format"),
        ("stream_usage", "stream_options"),
        ("cache", "prompt_cache_key"),
        ("max_output_tokens", "max_tokens"),
    ],
)
def test_what_is_dropped_is_not_sent(parameter: str, field: str) -> None:
    request = Request(Role.CODER, (SYSTEM, TASK), tools=(TOOL,), schema=SCHEMA)
    options = Options(temperature=0.5, effort="low")
    assert field in sent(request, options, has_cache_key=True)
    dropping = Options(temperature=0.5, effort="low", dropped=frozenset({parameter}))
    assert field not in sent(request, dropping, has_cache_key=True)


def test_a_schema_that_openai_cannot_enforce_to_the_letter_is_not_called_strict() -> None:
    loose = {"type": "object", "properties": {"plan": {"type": "string"}}}
    body = sent(Request(Role.CODER, (TASK,), schema=loose))
    assert body["response_format"]["json_schema"]["strict"] is False


def test_a_dropped_system_message_opens_the_first_of_the_user() -> None:
    body = sent(options=Options(dropped=frozenset({"system"})))
    assert body["messages"] == [{"role": "user", "content": "You are an engineer.\n\nImprove this."}]


def test_the_limit_of_a_reply_goes_by_its_other_name_and_then_is_left_out() -> None:
    refusal = {"error": {"message": "Unsupported parameter: 'max_completion_tokens'", "param": "max_completion_tokens"}}
    dropping = Options(dropped=frozenset({"max_output_tokens"}))
    with CannedServer(whole(refusal, 400), events(chunk(content="x"), DONE)) as server:
        speaking = provider(server.address)
        with pytest.raises(Fault) as found:
            list(speaking.stream(ASKED, dropping))
        assert (found.value.kind, found.value.parameter) == ("refused", "max_output_tokens")
        list(speaking.stream(ASKED, dropping))
    assert server.bodies[0]["max_completion_tokens"] == 500
    assert not {"max_tokens", "max_completion_tokens"} & set(server.bodies[1])


def test_openai_is_asked_by_the_new_name_and_with_a_key_of_its_cache() -> None:
    body = ChatProvider("m", address="https://api.openai.com/v1").body(ASKED, Options()).fields
    assert body["max_completion_tokens"] == 500
    assert "prompt_cache_key" in body


def test_requests_that_begin_alike_share_a_part_of_the_cache() -> None:
    other = Request(Role.CODER, (SYSTEM, Message("user", "Debug this.")))
    third = Request(Role.PLANNER, (Message("system", "You plan."), TASK))
    keys = [sent(each, has_cache_key=True)["prompt_cache_key"] for each in (ASKED, other, third)]
    assert keys[0] == keys[1] != keys[2]


CALLED = Message("assistant", "I run it.", calls=(ToolCall("c1", "run_on_smoke", '{"code": "x"}'),))
ANSWERED = Message("tool", "It failed.", answers="c1")


def test_calls_of_tools_and_their_results_go_back() -> None:
    body = sent(Request(Role.CODER, (SYSTEM, TASK, CALLED, ANSWERED), tools=(TOOL,)))
    assert body["messages"][2:] == [
        {
            "role": "assistant",
            "content": "I run it.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "run_on_smoke", "arguments": '{"code": "x"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "It failed."},
    ]


NOTED = Request(Role.CODER, (SYSTEM, TASK), thoughts="A forest </think> failed.\n")


def test_in_the_prompt_thoughts_stand_under_a_heading() -> None:
    body = sent(NOTED)
    assert body["messages"][-1]["content"].startswith(f"Improve this.\n\n{HEADING}\n\nA forest")


def test_an_answer_is_begun_with_an_opened_think_block() -> None:
    body = sent(NOTED, placement=Placement.CONTINUE)
    assert body["messages"][1:] == [
        {"role": "user", "content": "Improve this."},
        {"role": "assistant", "content": "<think>\nA forest  failed."},
    ]
    assert body["continue_final_message"] is True
    assert body["add_generation_prompt"] is False


def test_a_prefix_hands_thoughts_over_as_reasoning() -> None:
    body = sent(NOTED, placement=Placement.PREFIX)
    assert body["messages"][-1] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "A forest  failed.",
        "prefix": True,
    }


@pytest.mark.parametrize("placement", [Placement.CONTINUE, Placement.PREFIX])
def test_later_turns_begin_with_what_is_remembered_too(placement: Placement) -> None:
    request = Request(Role.CODER, (SYSTEM, TASK, CALLED, ANSWERED), thoughts="A forest failed.", tools=(TOOL,))
    body = sent(request, placement=placement)
    assert [each["role"] for each in body["messages"]] == ["system", "user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize("placement", [Placement.CONTINUE, Placement.PREFIX])
def test_without_thoughts_or_where_refused_nothing_is_begun(placement: Placement) -> None:
    speaking = provider("http://127.0.0.1:1/v1", placement=placement)
    assert speaking.placement(NOTED, Options()) is placement
    assert speaking.placement(ASKED, Options()) is Placement.PROMPT
    assert sent(ASKED, placement=placement)["messages"][-1]["role"] == "user"
    dropping = Options(dropped=frozenset({"prefill"}))
    assert speaking.placement(NOTED, dropping) is Placement.PROMPT
    body = sent(NOTED, dropping, placement=placement)
    assert HEADING in body["messages"][-1]["content"]
    assert "continue_final_message" not in body


def test_a_begun_answer_can_be_refused() -> None:
    refusal = {"error": {"message": "continue_final_message: Extra inputs are not permitted"}}
    with CannedServer(whole(refusal, 400)) as server, pytest.raises(Fault) as found:
        list(provider(server.address, placement=Placement.CONTINUE).stream(NOTED, Options()))
    assert found.value.parameter == "prefill"


def test_a_reply_in_pieces() -> None:
    found = read(chunk(role="assistant", content=""), chunk(content="The "), chunk(content="plan."), DONE, usage())
    assert found == Part(
        text="The plan.",
        finish=Finish.STOP,
        usage=MeteredUsage(input_tokens=100, output_tokens=20, calls=1),
        model="m-2026",
    )


def test_parts_come_as_they_are_written() -> None:
    with CannedServer(
        events(chunk(content="a"), chunk(tool_calls=[call(0, "c", "t", "{")]), chunk(content="b"), DONE)
    ) as server:
        stream = provider(server.address).stream(ASKED, Options())
        assert [next(stream).text for _ in range(3)] == ["a", "", "b"]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_by_any_name(name: str) -> None:
    found = read(chunk(**{name: "hm "}), chunk(**{name: "so"}), chunk(content="x", **{name: None}), DONE)
    assert (found.reasoning, found.text) == ("hm so", "x")


def test_what_continues_a_think_block_is_reasoning_up_to_its_end() -> None:
    chunks = [chunk(content="so it"), chunk(content=" is.</th"), chunk(content="ink>\n\nThe plan."), DONE]
    found = read(*chunks, request=NOTED, placement=Placement.CONTINUE)
    assert (found.reasoning, found.text) == ("so it is.", "The plan.")


def test_a_server_that_tells_reasoning_apart_itself_is_believed() -> None:
    chunks = [chunk(reasoning_content="so it is."), chunk(content="The plan."), DONE]
    found = read(*chunks, request=NOTED, placement=Placement.CONTINUE)
    assert (found.reasoning, found.text) == ("so it is.", "The plan.")


def test_a_block_that_is_cut_off_is_no_answer() -> None:
    chunks = [chunk(content="still think"), chunk("length", content="ing")]
    found = read(*chunks, request=NOTED, placement=Placement.CONTINUE)
    assert (found.reasoning, found.text, found.finish) == ("still thinking", "", Finish.LENGTH)


def test_an_ordinary_answer_is_left_as_it_is() -> None:
    assert read(chunk(content="<think>a</think>b"), DONE).text == "<think>a</think>b"


CALLS = {
    "in pieces": (
        [
            chunk(tool_calls=[call(0, "c1", "edit", "")]),
            chunk(tool_calls=[call(0, None, None, '{"a"')]),
            chunk(tool_calls=[call(0, None, None, ": 1}")]),
            chunk(tool_calls=[call(1, "c2", "submit", "{}")]),
        ],
        [("c1", "edit", '{"a": 1}'), ("c2", "submit", "{}")],
    ),
    "all at once": (
        [chunk(tool_calls=[call(0, "c1", "edit", '{"a": 1}'), call(1, "c2", "submit", "{}")])],
        [("c1", "edit", '{"a": 1}'), ("c2", "submit", "{}")],
    ),
    "of one index": (
        [chunk(tool_calls=[call(0, "c1", "edit", "{}")]), chunk(tool_calls=[call(0, "c2", "submit", "{}")])],
        [("c1", "edit", "{}"), ("c2", "submit", "{}")],
    ),
    "without an index": (
        [chunk(tool_calls=[call(None, "c1", "edit", '{"a"')]), chunk(tool_calls=[call(None, None, None, ": 1}")])],
        [("c1", "edit", '{"a": 1}')],
    ),
    "with the same id and name each time": (
        [chunk(tool_calls=[call(0, "c1", "edit", "{")]), chunk(tool_calls=[call(0, "c1", "edit", "}")])],
        [("c1", "edit", "{}")],
    ),
    "without ids": (
        [chunk(tool_calls=[call(0, None, "edit", "{}"), call(1, None, "submit", "{}")])],
        [("call_2_0", "edit", "{}"), ("call_2_1", "submit", "{}")],
    ),
    "with empty ids": ([chunk(tool_calls=[call(0, "", "edit", "{}")])], [("call_2_0", "edit", "{}")]),
    "with arguments as data": ([chunk(tool_calls=[call(0, "c1", "edit", {"a": 1})])], [("c1", "edit", '{"a": 1}')]),
    "without arguments": ([chunk(tool_calls=[call(0, "c1", "submit")])], [("c1", "submit", "{}")]),
    "of the old kind": (
        [chunk(function_call={"name": "edit", "arguments": ""}), chunk(function_call={"arguments": "{}"})],
        [("call_2_0", "edit", "{}")],
    ),
    "without a name": ([chunk(tool_calls=[call(0, "c1", None, "{}")])], []),
    "of another shape": ([chunk(tool_calls="edit"), chunk(tool_calls=[None, {"function": 3}])], []),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls_of_tools_are_put_together(case: str) -> None:
    chunks, expected = CALLS[case]
    found = read(*chunks, chunk("tool_calls"))
    assert [(each.id, each.name, each.arguments) for each in found.calls] == expected
    assert found.finish is Finish.TOOLS


FINISHES = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "STOP": Finish.STOP,
    "something new": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOLS,
    "function_call": Finish.TOOLS,
    "content_filter": Finish.FILTERED,
}


@pytest.mark.parametrize("reason", FINISHES)
def test_why_a_reply_ended(reason: str) -> None:
    assert read(chunk(reason, content="x")).finish is FINISHES[reason]


def test_a_server_that_calls_tools_and_says_stop() -> None:
    assert read(chunk("stop", tool_calls=[call(0, "c", "edit", "{}")])).finish is Finish.TOOLS


def test_a_refusal_is_told_from_an_answer() -> None:
    found = read(chunk(refusal="I can"), chunk(refusal="not."), DONE)
    assert (found.text, found.finish) == ("I cannot.", Finish.FILTERED)


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource"])
def test_a_server_that_breaks_off_and_says_so(reason: str) -> None:
    with pytest.raises(Fault) as found:
        read(chunk(content="x"), chunk(reason))
    assert found.value.kind == "away"


def test_a_stream_that_ends_without_a_reason_has_none() -> None:
    assert read(chunk(content="x")).finish is None


def test_nothing_to_choose_from_is_garbled() -> None:
    with pytest.raises(Fault) as found:
        read({"choices": []}, usage())
    assert found.value.kind == "garbled"


COUNTS: dict[str, tuple[dict[str, Any], MeteredUsage]] = {
    "openai": (
        {
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 15},
        },
        MeteredUsage(100, 20, cached_tokens=60, reasoning_tokens=15, calls=1, written_tokens=30),
    ),
    "deepseek": (
        {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36},
        MeteredUsage(100, 20, cached_tokens=64, calls=1),
    ),
    "moonshot": ({"cached_tokens": 10}, MeteredUsage(100, 20, cached_tokens=10, calls=1)),
    "gemini": ({"total_tokens": 170}, MeteredUsage(100, 70, calls=1)),
    "xai": (
        {"total_tokens": 150, "completion_tokens_details": {"reasoning_tokens": 30}},
        MeteredUsage(100, 50, reasoning_tokens=30, calls=1),
    ),
    "nulls": ({"prompt_tokens_details": None, "total_tokens": None}, MeteredUsage(100, 20, calls=1)),
}


@pytest.mark.parametrize("case", COUNTS)
def test_tokens_are_found_wherever_a_server_counts_them(case: str) -> None:
    counts, expected = COUNTS[case]
    assert read(chunk(content="x"), DONE, usage(**counts)).usage == expected


def test_counts_in_a_choice_or_of_groq() -> None:
    counted = {"prompt_tokens": 1, "completion_tokens": 2}
    in_choice = chunk("stop")
    in_choice["choices"][0]["usage"] = counted
    for last in (in_choice, chunk("stop") | {"x_groq": {"usage": counted}}):
        assert read(chunk(content="x"), last).usage == MeteredUsage(1, 2, calls=1)


def test_a_server_that_does_not_count() -> None:
    assert read(chunk(content="x"), DONE).usage is None


def test_a_reply_in_one_piece() -> None:
    answer = {
        "model": "m",
        "choices": [{"message": {"role": "assistant", "content": "The plan."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    with CannedServer(whole(answer)) as server:
        found = joined(list(provider(server.address).stream(ASKED, Options())))
    assert (found.text, found.finish, found.usage) == ("The plan.", Finish.STOP, MeteredUsage(1, 2, calls=1))


def test_what_a_server_wants_back_goes_back() -> None:
    signed = call(0, "c1", "run_on_smoke", "{}") | {"extra_content": {"google": {"thought_signature": "abc"}}}
    found = read(
        chunk(reasoning_content="hm", reasoning_details=[{"type": "reasoning.text", "text": "hm"}]),
        chunk(tool_calls=[signed]),
        chunk("tool_calls"),
    )
    assert json.loads(json.dumps(found.carried)) == found.carried
    turn = Message("assistant", found.text, calls=found.calls, carried=found.carried)
    body = sent(Request(Role.CODER, (SYSTEM, TASK, turn, ANSWERED), tools=(TOOL,)))
    assert body["messages"][2]["reasoning_content"] == "hm"
    assert body["messages"][2]["reasoning_details"] == [{"type": "reasoning.text", "text": "hm"}]
    assert body["messages"][2]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "abc"}}


def test_reasoning_without_calls_is_not_sent_back() -> None:
    assert read(chunk(reasoning_content="hm"), chunk(content="x"), DONE).carried is None


def test_what_another_protocol_carried_is_left_alone() -> None:
    turn = Message("assistant", "x", carried={"responses": [{"type": "reasoning"}]})
    assert sent(Request(Role.CODER, (TASK, turn, TASK)))["messages"][1] == {"role": "assistant", "content": "x"}


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": "x"},
        {"choices": [None]},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"content": 3}}]},
        {"choices": [{"delta": {"content": [{"type": "text", "text": ""}]}}], "model": 3, "usage": "many"},
        [],
        3,
    ],
    ids=str,
)
def test_odd_chunks_do_no_harm(odd: Any) -> None:
    assert read(odd, chunk(content="x"), DONE).text == "x"
