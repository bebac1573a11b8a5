from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.chat import Message, Request, Role, ToolCall
from mlmaster.llm.providers.blocks import Arrived, turns

CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "hm", "signature": "s1"},
    {"type": "text", "text": "I look."},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "tool_use", "id": "c1", "name": "read_log", "input": {"lines": 3}},
]
CARRIED = {"protocol": "messages", "model": "claude-x", "content": CONTENT}
CALL = ToolCall("c1", "read_log", '{"lines": 3}')


def request(*messages: Message, thoughts: str = "") -> Request:
    return Request(Role.CODER, (Message("system", "be brief"), *messages), thoughts=thoughts)


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def test_authors_become_two_roles_that_take_turns() -> None:
    found, _ = turns(
        request(
            Message("user", "do it"),
            Message("assistant", "I look.", calls=(CALL, ToolCall("c2", "edit", "{}"))),
            Message("tool", "line 1", answers="c1"),
            Message("tool", "", answers="c2"),
            Message("user", "go on"),
        ),
        "claude-x",
        has_tools=True,
    )
    assert found == [
        {"role": "user", "content": [text("do it")]},
        {
            "role": "assistant",
            "content": [
                text("I look."),
                {"type": "tool_use", "id": "c1", "name": "read_log", "input": {"lines": 3}},
                {"type": "tool_use", "id": "c2", "name": "edit", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "line 1"},
                {"type": "tool_result", "tool_use_id": "c2", "content": ""},
                text("go on"),
            ],
        },
    ]


def test_without_tools_earlier_calls_go_in_words() -> None:
    found, _ = turns(
        request(
            Message("user", "do it"),
            Message("assistant", "I look.", calls=(CALL,), carried=CARRIED),
            Message("tool", "line 1", answers="c1"),
        ),
        "claude-x",
        has_tools=False,
    )
    assert found == [
        {"role": "user", "content": [text("do it")]},
        {"role": "assistant", "content": [text("I look."), text('read_log({"lines": 3})')]},
        {"role": "user", "content": [text("line 1")]},
    ]


@pytest.mark.parametrize(
    ("message", "model", "is_carried"),
    [
        (Message("assistant", "I look.", (CALL,), carried=CARRIED), "claude-x", True),
        (Message("assistant", "I look.\n", (CALL,), carried=CARRIED), "claude-x", True),
        (Message("assistant", "I look.", (CALL,), carried=CARRIED), "claude-y", False),
        (Message("assistant", "I looked", (CALL,), carried=CARRIED), "claude-x", False),
        (Message("assistant", "I look.", carried=CARRIED), "claude-x", False),
        (Message("assistant", "I look.", (CALL,), carried={**CARRIED, "protocol": "responses"}), "claude-x", False),
        (Message("assistant", "I look.", (CALL,), carried={}), "claude-x", False),
        (Message("assistant", "I look.", (CALL,)), "claude-x", False),
    ],
    ids=["same", "spaces", "other-model", "changed", "fewer-calls", "other-protocol", "empty", "none"],
)
def test_signed_thinking_goes_back_where_it_is_still_true(message: Message, model: str, is_carried: bool) -> None:
    found, _ = turns(request(Message("user", "do it"), message), model, has_tools=True)
    content = found[1]["content"]
    assert (content == CONTENT) is is_carried
    assert is_carried or not any("thinking" in block["type"] for block in content)


def test_thinking_that_was_cut_off_does_not_go_back() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, text(" "), text("yes")]
    message = Message("assistant", "yes", carried={**CARRIED, "content": content})
    found, _ = turns(request(Message("user", "do it"), message), "claude-x", has_tools=True)
    assert found[1]["content"] == [text("yes")]


@pytest.mark.parametrize("arguments", ["{bad", "[1]", '"x"', "[" * 100_000], ids=["broken", "list", "text", "deep"])
def test_arguments_that_are_no_object_are_shown_to_the_model_as_they_are(arguments: str) -> None:
    message = Message("assistant", "", calls=(ToolCall("c1", "edit", arguments),))
    found, _ = turns(request(Message("user", "x"), message), "m", has_tools=True)
    assert found[1]["content"][0]["input"] == {"unreadable": arguments}


def test_thoughts_stand_behind_the_last_message_of_the_user_and_after_its_mark() -> None:
    found, ends = turns(
        request(
            Message("user", "the task", is_stable=True),
            Message("assistant", "I look.", (CALL,), carried=CARRIED, is_stable=True),
            Message("tool", "line 1", answers="c1", is_stable=True),
            thoughts="Trees won so far.",
        ),
        "claude-x",
        has_tools=True,
    )
    assert found[0]["content"] == [text("the task"), text("## Your notes so far\n\nTrees won so far.")]
    assert ends == [found[0]["content"][0], found[1]["content"][3], found[2]["content"][0]]


def test_thinking_cannot_end_a_cached_beginning() -> None:
    content = [text("yes"), {"type": "thinking", "thinking": "", "signature": "s"}]
    message = Message("assistant", "yes", carried={**CARRIED, "content": content}, is_stable=True)
    found, ends = turns(request(Message("user", "x"), message), "claude-x", has_tools=True)
    assert ends == [text("yes")]
    assert ends[0] is found[1]["content"][0]


def test_what_is_carried_is_not_changed_by_sending_it() -> None:
    message = Message("assistant", "I look.", (CALL,), carried=CARRIED, is_stable=True)
    _, ends = turns(request(Message("user", "x"), message), "claude-x", has_tools=True)
    ends[0]["cache_control"] = {"type": "ephemeral"}
    assert "cache_control" not in CONTENT[3]


@given(st.lists(st.sampled_from(["user", "assistant", "tool"]), max_size=12), st.booleans(), st.text(max_size=3))
def test_roles_take_turns_and_no_block_of_text_is_empty(authors: list[str], has_tools: bool, said: str) -> None:
    messages = [Message(author, said, answers="c1" if author == "tool" else "") for author in authors]  # type: ignore[arg-type]
    found, _ = turns(request(*messages, thoughts=said), "m", has_tools=has_tools)
    roles = [turn["role"] for turn in found]
    assert all(one != other for one, other in pairwise(roles))
    assert all(turn["content"] for turn in found)
    assert all(block["text"].strip() for turn in found for block in turn["content"] if block["type"] == "text")


def test_a_stream_that_breaks_off_has_no_finish() -> None:
    arrived = Arrived("m")
    arrived.take({"type": "message_start", "message": {"model": "m-1", "usage": {"input_tokens": 7}}})
    arrived.take({"type": "content_block_start", "index": 0, "content_block": text("")})
    first = arrived.take({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}})
    assert first is not None
    assert first.text == "a"
    last = arrived.last()
    assert last.finish is None
    assert last.usage is not None
    assert last.usage.input_tokens == 7


def test_events_that_are_not_known_are_left_alone() -> None:
    arrived = Arrived("m")
    assert arrived.take({"type": "news"}) is None
    assert arrived.take({"type": "ping"}) is None
