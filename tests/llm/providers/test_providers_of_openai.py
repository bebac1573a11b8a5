"""The providers that speak OpenAI's protocols against a server that turns down what the real ones turn down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import get_args

import pytest

from mlmaster.core.chat import Finish, Message, Placement, Request, Role, Tool, ToolCall
from mlmaster.llm.providers.chat import ChatProvider
from mlmaster.llm.providers.completions import CompletionsProvider
from mlmaster.llm.providers.provider import PARAMETERS, Options, Part, Provider
from mlmaster.llm.providers.provider import Fault as Trouble
from mlmaster.llm.providers.responses import ResponsesProvider
from mlmaster.llm.providers.templates import DEEPSEEK_R1, QWEN3
from mlmaster.llm.streaming import joined
from mlmaster.testing.llm_server import Fault, LLMServer, Said

KEY = "sk-0123456789abcdef"
Make = Callable[[LLMServer], Provider]

PROVIDERS: dict[str, Make] = {
    "chat": lambda server: ChatProvider("m", address=server.openai_url, key=KEY, key_env="EXAMPLE_API_KEY"),
    "continue": lambda server: ChatProvider(
        "m", address=server.openai_url, key=KEY, key_env="EXAMPLE_API_KEY", placement=Placement.CONTINUE
    ),
    "prefix": lambda server: ChatProvider(
        "m", address=server.beta_url, key=KEY, key_env="EXAMPLE_API_KEY", placement=Placement.PREFIX
    ),
    "responses": lambda server: ResponsesProvider("m", address=server.openai_url, key=KEY, key_env="EXAMPLE_API_KEY"),
    "qwen3": lambda server: CompletionsProvider(
        "m", QWEN3, address=server.openai_url, key=KEY, key_env="EXAMPLE_API_KEY"
    ),
    "deepseek": lambda server: CompletionsProvider(
        "m", DEEPSEEK_R1, address=server.openai_url, key=KEY, key_env="EXAMPLE_API_KEY"
    ),
}
PLACES = {
    "chat": Placement.PROMPT,
    "continue": Placement.CONTINUE,
    "prefix": Placement.PREFIX,
    "responses": Placement.PROMPT,
    "qwen3": Placement.COMPLETION,
    "deepseek": Placement.COMPLETION,
}
TOOL = Tool("edit", "Edits it.", {"type": "object", "properties": {"a": {"type": "integer"}}})
SCHEMA = {
    "type": "object",
    "properties": {"plan": {"type": "string"}},
    "required": ["plan"],
    "additionalProperties": False,
}
ASKED = Request(
    Role.CODER,
    (Message("system", "You are an engineer. Answer in JSON."), Message("user", "Improve this.")),
    thoughts="A forest failed.",
    max_output_tokens=500,
)


def whole(provider: Provider, request: Request = ASKED, options: Options | None = None) -> Part:
    return joined(list(provider.stream(request, options or Options())))


def tried(provider: Provider, request: Request = ASKED, options: Options | None = None) -> Part | Trouble:
    try:
        return whole(provider, request, options)
    except Trouble as trouble:
        return trouble


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_reply_comes_whole_and_thoughts_stand_where_they_are_said_to(name: str) -> None:
    said = Said(text="The plan.", reasoning="so it is.")
    with LLMServer(lambda _: said, key=KEY) as server:
        provider = PROVIDERS[name](server)
        place = provider.placement(ASKED, Options())
        found = whole(provider)
        received = server.received[0]
    assert place is PLACES[name]
    assert (found.text, found.finish) == ("The plan.", Finish.STOP)
    assert found.reasoning.strip() == ("" if name == "responses" else "so it is.")  # which shows none unasked
    assert found.usage is not None
    assert min(found.usage.input_tokens, found.usage.output_tokens) > 0
    assert ("A forest failed." in received.thoughts) is (place is not Placement.PROMPT)
    assert "A forest failed." in received.text
    assert [each.author for each in received.messages][:2] == ["system", "user"]


@pytest.mark.parametrize("name", ["chat", "continue", "prefix", "responses"])
def test_a_session_with_tools_goes_on(name: str) -> None:
    calls = (ToolCall("", "edit", '{"a": 1}'), ToolCall("", "edit", '{"a": 2}'))
    replies = [Said(text="I edit.", reasoning="hm", calls=calls), Said(text="Done.", reasoning="so")]
    with LLMServer(lambda received: replies[received.number - 1]) as server:
        provider = PROVIDERS[name](server)
        first = whole(provider, replace(ASKED, tools=(TOOL,)))
        answers = [Message("tool", f"edited {each.arguments}", answers=each.id) for each in first.calls]
        turn = Message("assistant", first.text, calls=first.calls, carried=first.carried)
        second = whole(provider, replace(ASKED, messages=(*ASKED.messages, turn, *answers), tools=(TOOL,)))
        heard = server.received[1].text
    assert [each.arguments for each in first.calls] == ['{"a": 1}', '{"a": 2}']
    assert first.finish is Finish.TOOLS
    assert (second.text, second.finish) == ("Done.", Finish.STOP)
    assert "edited" in heard
    assert "A forest failed." in heard


EVERYTHING = Request(ASKED.role, ASKED.messages, thoughts=ASKED.thoughts, tools=(TOOL,), schema=SCHEMA)
REFUSALS = {
    "temperature": "temperature",
    "effort": "effort",
    "system": "system",
    "tools": "tools",
    "response_format": "schema",
    "max_tokens": "max_output_tokens",
    "stream_options": "stream_usage",
    "prefill": "prefill",
}


@pytest.mark.parametrize("refused", REFUSALS)
@pytest.mark.parametrize("name", PROVIDERS)
def test_what_is_refused_is_named_and_without_it_all_goes_well(name: str, refused: str) -> None:
    options = Options(temperature=0.5, effort="low")
    with LLMServer(lambda _: Said(text='{"plan": "x"}'), refuses=[refused]) as server:  # type: ignore[list-item]
        provider = PROVIDERS[name](server)
        told: list[str] = []
        while isinstance(found := tried(provider, EVERYTHING, options), Trouble):
            assert found.kind == "refused"
            assert found.parameter not in told
            told.append(found.parameter)
            options = replace(options, dropped=frozenset(told))
    assert found.text == '{"plan": "x"}'
    assert set(told) <= {REFUSALS[refused]} <= set(PARAMETERS)


KINDS: dict[str, set[str]] = {
    "rate_limit": {"busy"},
    "rate_limit_retry_after": {"busy"},
    "server_error": {"away"},
    "unavailable": {"away"},
    "overloaded": {"away"},
    "quota": {"quota"},
    "balance": {"quota"},
    "wrong_model": {"model"},
    "context_overflow": {"overflow"},
    "html": {"address"},
    "bad_gateway": {"away"},
    "dropped": {"away"},
    "malformed_json": {"garbled"},
    "empty_choice": {"garbled", ""},  # the layer above knows an empty reply by itself
    "refusal": {""},
    "truncated": {""},
    "slow_first_token": {""},
    "half_stream": {"away"},
    "short_stream": {""},
    "error_event": {"away"},
}


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize("name", PROVIDERS)
def test_what_goes_wrong_is_a_fault_of_its_kind(name: str, fault: Fault) -> None:
    with LLMServer(lambda _: Said(text="The whole plan."), faults={1: fault}, slow_s=0.01) as server:
        found = tried(PROVIDERS[name](server))
    if isinstance(found, Trouble):
        assert found.kind in KINDS[fault]
        assert server.url in found.message
        assert KEY not in found.message
        assert (found.retry_after_s is not None) is fault.startswith("rate_limit")  # in the words, without a header
    else:
        assert "" in KINDS[fault]
        assert (found.finish is None) is (fault == "short_stream")
        assert (found.finish is Finish.LENGTH) is (fault == "truncated")


def test_no_fault_is_forgotten() -> None:
    assert set(get_args(Fault)) - set(KINDS) == {"hang", "stall"}


@pytest.mark.parametrize("fault", ["hang", "stall"])
@pytest.mark.parametrize("name", PROVIDERS)
def test_what_hangs_ends_when_it_is_closed(name: str, fault: Fault) -> None:
    with LLMServer(lambda _: Said(text="The whole plan."), faults={1: fault}) as server:
        provider = PROVIDERS[name](server)
        reader = Thread(target=lambda: list(provider.stream(ASKED, Options())))
        reader.start()
        while not server.received:
            reader.join(0.01)
        provider.close()
        reader.join(10)
        assert not reader.is_alive()


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_wrong_key_is_said_so_without_it(name: str) -> None:
    with LLMServer(lambda _: Said(text="x"), key="another") as server, pytest.raises(Trouble) as found:
        whole(PROVIDERS[name](server))
    assert found.value.kind == "key"
    assert "EXAMPLE_API_KEY" in found.value.message
    assert KEY not in found.value.message


def test_how_large_a_request_may_be_is_read() -> None:
    with LLMServer(lambda _: Said(text="x"), context_tokens=100) as server, pytest.raises(Trouble) as found:
        whole(PROVIDERS["chat"](server))
    assert (found.value.kind, found.value.limit_tokens) == ("overflow", 100)
