"""The conformance suite of `mlmaster.ports.LLM`, for every adapter, ours or a third party's.

Subclass it in a test module and supply one fixture, which opens the adapter over a pretended model:

    class TestMyModels(LLMConformance):
        @pytest.fixture
        def open_llm(self) -> Iterator[OpenLLM]:
            with contextlib.ExitStack() as stack:
                def open_llm(brain: Brain, *, is_key_right: bool = True) -> LLM:
                    key = self.KEY if is_key_right else self.WRONG_KEY
                    server = stack.enter_context(LLMServer(brain, key=self.KEY))
                    return stack.enter_context(closing(MyModels(server.openai_url, key)))
                yield open_llm

`mlmaster.testing.llm_server` is such a model over HTTP, and `mlmaster.testing.scripted_llm.spoken` makes one a script.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread
from threading import Event as Flag
from typing import Protocol

import pytest

from mlmaster.core.chat import Finish, Message, Placement, Reply, Request, Role, Tool, ToolCall
from mlmaster.errors import CallCancelled, ProviderError
from mlmaster.ports import LLM
from mlmaster.testing.llm_wire.exchange import Brain, Received, Said

__all__ = ["LLMConformance", "OpenLLM"]

PATIENCE_S = 30.0
"""Longer than anything here takes, so that what never ends fails."""
TEXT = (
    "Plan: félt trees, then — ✓.\n\n```python\nprint('<hello> & \\\\n')\n```\n\n"
    + "A line of an answer.\n" * 400
    + "The end."
)
THOUGHTS = "I remember that node 7 failed with KeyError: 'price'."
TOOL = Tool(
    "submit",
    "Hand in a script.",
    {
        "type": "object",
        "properties": {"code": {"type": "string", "description": "The whole script."}},
        "required": ["code"],
        "additionalProperties": False,
    },
)
ARGUMENTS = {"code": "print('ünïcode')\n" * 30}


class OpenLLM(Protocol):
    """Opens the adapter over a pretended model."""

    def __call__(self, brain: Brain, *, is_key_right: bool = True) -> LLM:
        """Return models that answer with `brain`; with a key that their provider refuses where asked."""
        ...


class LLMConformance:
    """What all language models do.

    Attributes:
        KEY: A key to open the adapter with.
        WRONG_KEY: A key its provider refuses.
        has_key: Whether there are keys at all.
    """

    KEY = "sk-conformance-0123456789abcdef"
    WRONG_KEY = "sk-wrong-fedcba9876543210"
    has_key = True

    @pytest.fixture
    def kept(self) -> Callable[[], str]:
        """Return a function that returns, as one text, everything the adapter has written down."""
        return lambda: ""

    def test_reply_arrives_whole(self, open_llm: OpenLLM) -> None:
        reply = _ask(open_llm(lambda _: Said(TEXT)))
        assert reply.text == TEXT
        assert (reply.finish, reply.calls) == (Finish.STOP, ())
        assert reply.model
        assert reply.seconds >= 0

    def test_reasoning_is_no_part_of_the_answer(self, open_llm: OpenLLM) -> None:
        reply = _ask(open_llm(lambda _: Said(TEXT, "Trees, or lines?")))
        assert reply.text == TEXT
        assert reply.reasoning in ("", "Trees, or lines?")

    def test_model_reads_every_message_in_order(self, open_llm: OpenLLM) -> None:
        seen: list[Received] = []
        llm = open_llm(_noting(seen, Said("Yes.")))
        earlier = (Message("user", "Is it a FIRST?"), Message("assistant", "It is a SECOND."))
        _ask(llm, messages=(Message("system", "You are a CODER."), *earlier, Message("user", "And a THIRD?")))
        places = [seen[0].text.index(word) for word in ("CODER", "FIRST", "SECOND", "THIRD")]
        assert places == sorted(places)

    def test_usage_is_counted(self, open_llm: OpenLLM) -> None:
        reply = _ask(open_llm(lambda _: Said(TEXT, "Trees, or lines?")))
        usage = reply.usage
        assert usage.input_tokens > 0
        assert usage.output_tokens > len(TEXT) // 10
        assert 0 <= usage.cached_tokens <= usage.input_tokens
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens
        assert usage.calls == 1
        assert usage.cost_usd >= 0

    def test_limit_of_the_output_is_told(self, open_llm: OpenLLM) -> None:
        seen: list[Received] = []
        llm = open_llm(_noting(seen, Said("Yes.")))
        _ask(llm, max_output_tokens=777)
        assert seen[0].max_tokens is not None
        assert seen[0].max_tokens <= 777

    def test_same_request_is_asked_again(self, open_llm: OpenLLM) -> None:
        answers = iter(["One.", "Two."])
        llm = open_llm(lambda _: Said(next(answers)))
        assert [_ask(llm).text, _ask(llm).text] == ["One.", "Two."]

    def test_thoughts_reach_the_model(self, open_llm: OpenLLM) -> None:
        seen: list[Received] = []
        llm = open_llm(_noting(seen, Said("Then price is a column.")))
        reply = _ask(llm, thoughts=THOUGHTS)
        assert THOUGHTS in seen[0].text
        assert reply.placement is llm.facts(Role.CODER).placement
        if reply.placement is Placement.PROMPT:
            assert THOUGHTS in [heard.text for heard in seen[0].messages if heard.author == "user"][-1]
            assert seen[0].thoughts == ""
        else:
            assert THOUGHTS in seen[0].thoughts
            assert not any(THOUGHTS in heard.text for heard in seen[0].messages)
        assert reply.text == "Then price is a column."

    def test_answer_after_thoughts_is_only_the_answer(self, open_llm: OpenLLM) -> None:
        reply = _ask(open_llm(lambda _: Said(TEXT, "So price is a column.")), thoughts=THOUGHTS)
        assert reply.text == TEXT
        assert THOUGHTS not in reply.text

    def test_no_thoughts_stand_in_the_prompt(self, open_llm: OpenLLM) -> None:
        seen: list[Received] = []
        reply = _ask(open_llm(_noting(seen, Said("Yes."))))
        assert reply.placement is Placement.PROMPT
        assert seen[0].thoughts == ""

    def test_tools_go_round(self, open_llm: OpenLLM) -> None:
        seen: list[Received] = []

        def brain(received: Received) -> Said:
            seen.append(received)
            if received.messages[-1].author == "tool":
                return Said("Done.")
            return Said("I hand it in.", "Ready.", (ToolCall("", "submit", json.dumps(ARGUMENTS)),))

        llm = open_llm(brain)
        if not llm.facts(Role.CODER).has_tools:
            pytest.skip("the model has no tools")
        asked = _request(tools=(TOOL,))
        reply = llm.ask(asked, node=1, cancel=Flag())
        assert reply.finish is Finish.TOOLS
        (call,) = reply.calls
        assert (call.name, json.loads(call.arguments)) == ("submit", ARGUMENTS)
        assert call.id
        turn = (
            Message("assistant", reply.text, calls=reply.calls, carried=reply.carried),
            Message("tool", "It ran: 0.87 ✓", answers=call.id),
        )
        last = llm.ask(replace(asked, messages=asked.messages + turn), node=1, cancel=Flag())
        assert (last.text, last.finish, last.calls) == ("Done.", Finish.STOP, ())
        assert seen[0].tools[0].name == "submit"
        assert seen[0].tools[0].parameters["properties"] == TOOL.parameters["properties"]
        assert "It ran: 0.87 ✓" in seen[-1].text

    def test_length_is_told(self, open_llm: OpenLLM) -> None:
        reply = _ask(open_llm(lambda _: Said("It begins", finish=Finish.LENGTH)))
        assert (reply.text, reply.finish) == ("It begins", Finish.LENGTH)

    def test_many_at_once(self, open_llm: OpenLLM) -> None:
        together = Barrier(2)

        def brain(received: Received) -> Said:
            together.wait(PATIENCE_S)
            return Said(received.messages[-1].text)

        llm = open_llm(brain)
        replies: dict[str, str] = {}

        def ask(word: str, node: int) -> None:
            messages = (Message("system", "Repeat."), Message("user", word))
            replies[word] = llm.ask(_request(messages=messages), node=node, cancel=Flag()).text

        threads = [Thread(target=ask, args=(word, i)) for i, word in enumerate(("one", "two"), start=1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert replies == {"one": "one", "two": "two"}

    def test_cancelled_before_is_not_asked(self, open_llm: OpenLLM) -> None:
        seen: list[Received] = []
        llm = open_llm(_noting(seen, Said("Yes.")))
        cancel = Flag()
        cancel.set()
        with pytest.raises(CallCancelled):
            llm.ask(_request(), node=1, cancel=cancel)
        assert seen == []

    def test_cancel_ends_the_call(self, open_llm: OpenLLM) -> None:
        cancel = Flag()
        assert isinstance(_interrupt(open_llm, cancel, lambda _: cancel.set()), CallCancelled)

    def test_close_ends_the_call(self, open_llm: OpenLLM) -> None:
        assert isinstance(_interrupt(open_llm, Flag(), lambda llm: llm.close()), CallCancelled)

    def test_closed_twice(self, open_llm: OpenLLM) -> None:
        llm = open_llm(lambda _: Said("Yes."))
        _ask(llm)
        llm.close()
        llm.close()
        with pytest.raises(CallCancelled):
            _ask(llm)

    def test_key_is_told_to_nobody(self, open_llm: OpenLLM, kept: Callable[[], str]) -> None:
        if not self.has_key:
            pytest.skip("there is no key")
        llm = open_llm(lambda _: Said("Yes."))
        reply = _ask(llm)
        wrong = open_llm(lambda _: Said("Yes."), is_key_right=False)
        with pytest.raises(ProviderError) as caught:
            _ask(wrong)
        assert caught.value.cause == "key"
        error = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        for text in (repr(reply), repr(llm), str(llm), repr(llm.facts(Role.CODER)), repr(wrong), error, kept()):
            assert self.KEY not in text
            assert self.WRONG_KEY not in text


def _request(
    *,
    messages: tuple[Message, ...] = (Message("system", "You write code."), Message("user", "Write a script.")),
    thoughts: str = "",
    tools: tuple[Tool, ...] = (),
    max_output_tokens: int = 16_000,
) -> Request:
    return Request(
        Role.CODER, messages, thoughts=thoughts, tools=tools, max_output_tokens=max_output_tokens, prompt="law@1"
    )


def _ask(
    llm: LLM, *, messages: tuple[Message, ...] | None = None, thoughts: str = "", max_output_tokens: int = 16_000
) -> Reply:
    request = _request(thoughts=thoughts, max_output_tokens=max_output_tokens)
    return llm.ask(request if messages is None else replace(request, messages=messages), node=1, cancel=Flag())


def _noting(seen: list[Received], said: Said) -> Brain:
    """Return a brain that keeps what it receives and always says the same."""

    def brain(received: Received) -> Said:
        seen.append(received)
        return said

    return brain


def _interrupt(open_llm: OpenLLM, cancel: Flag, interrupt: Callable[[LLM], None]) -> Exception | None:
    """Return what a call raises that is interrupted while the model thinks."""
    asked, free = Flag(), Flag()

    def brain(_: Received) -> Said:
        asked.set()
        free.wait(PATIENCE_S)
        return Said("Too late.")

    llm = open_llm(brain)
    caught: list[Exception] = []

    def ask() -> None:
        try:
            llm.ask(_request(), node=1, cancel=cancel)
        except CallCancelled as error:
            caught.append(error)

    thread = Thread(target=ask)
    thread.start()
    assert asked.wait(PATIENCE_S)
    interrupt(llm)
    thread.join(PATIENCE_S)
    is_ended = not thread.is_alive()
    free.set()
    assert is_ended
    return caught[0] if caught else None
