"""The pretended provider, driven by the real SDKs and held against their own types."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from threading import Event, Thread
from typing import Any, get_args

import anthropic
import httpx2
import openai
import pytest
from pydantic import TypeAdapter

from mlmaster.core.chat import Finish, ToolCall
from mlmaster.testing.llm_server import Brain, Fault, LLMServer, Received, Said

TEXT = "Plan: fit trees.\n\n```python\nprint('héllo ✓')\n```\n" + "More words. " * 60
REASONING = "The target is skewed, so its logarithm is fitted. " * 20
TOOL = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}
CALL = ToolCall("", "submit", json.dumps({"code": "print(1)\n" * 50}))
PROTOCOLS = ("chat", "prefix", "completions", "responses", "messages")
_type = functools.cache(TypeAdapter)
USER = {"role": "user", "content": "x"}
BEGUN = {"role": "assistant", "content": "<think>\nMy memory."}
FOREIGN = {"type": "thinking", "thinking": "x", "signature": "none"}
MARK = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
ASKS = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
PREFILL = {"role": "assistant", "content": "y"}
UNANSWERED = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
UNSEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}


class Heard:
    """What a client makes of a reply."""

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.calls: list[tuple[str, str, Any]] = []
        self.finish = ""
        self.input = self.output = self.cached = 0
        self.carried: Any = None


def echo(received: Received) -> Said:
    return Said(TEXT, REASONING)


def call_tool(received: Received) -> Said:
    return Said("I hand it in.", REASONING, (CALL,)) if received.tools else Said("No tools.")


@pytest.fixture
def serve() -> Iterator[Callable[..., LLMServer]]:
    servers: list[LLMServer] = []

    def start(answer: Brain = echo, **options: Any) -> LLMServer:
        servers.append(LLMServer(answer, **options).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def talk(server: LLMServer, protocol: str, *, is_stream: bool = True, timeout: float = 30.0, **options: Any) -> Heard:
    """Ask once, as a client of the protocol does."""
    if protocol == "messages":
        with anthropic.Anthropic(base_url=server.url, api_key="sk-right", max_retries=0, timeout=timeout) as claude:
            return _messages(claude, is_stream=is_stream, **options)
    base = server.beta_url if protocol == "prefix" else server.openai_url
    with openai.OpenAI(base_url=base, api_key="sk-right", max_retries=0, timeout=timeout) as client:
        speak = {"completions": _completions, "responses": _responses}.get(protocol, _chat)
        if protocol == "prefix":
            begun = {"role": "assistant", "content": "", "reasoning_content": "My memory.", "prefix": True}
            options.setdefault("messages", [{"role": "user", "content": "Write a script."}, begun])
        return speak(client, is_stream=is_stream, **options)


def _chat(client: openai.OpenAI, *, is_stream: bool, with_tool: bool = False, **options: Any) -> Heard:
    options.setdefault(
        "messages", [{"role": "system", "content": "You code."}, {"role": "user", "content": "Write it."}]
    )
    options.setdefault("model", "test-model")
    if with_tool:
        options["tools"] = [{"type": "function", "function": {"name": "submit", "strict": True, "parameters": TOOL}}]
    heard = Heard()
    if not is_stream:
        whole = client.chat.completions.create(**options)
        if not whole.choices:
            return heard
        message = whole.choices[0].message
        heard.text, heard.finish = message.content or message.refusal or "", whole.choices[0].finish_reason
        heard.reasoning = getattr(message, "reasoning_content", "")
        heard.calls = [(c.id, c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls or ()]
        _count_openai(heard, whole.usage)
        return heard
    calls: dict[int, list[str]] = {}
    for chunk in client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **options):
        if chunk.usage is not None:
            _count_openai(heard, chunk.usage)
        for choice in chunk.choices:
            heard.text += choice.delta.content or choice.delta.refusal or ""
            heard.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            heard.finish = choice.finish_reason or heard.finish
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(part.index, [part.id or "", part.function.name, ""])
                call[2] += part.function.arguments
    heard.calls = [(call[0], call[1], json.loads(call[2])) for call in calls.values()]
    return heard


def _completions(client: openai.OpenAI, *, is_stream: bool, **options: Any) -> Heard:
    options.setdefault("prompt", "<|im_start|>user\nWrite it.<|im_end|>\n<|im_start|>assistant\n<think>\nMy memory.\n")
    options.setdefault("model", "test-model")
    options.setdefault("max_tokens", 4000)
    heard = Heard()
    if is_stream:
        for chunk in client.completions.create(stream=True, stream_options={"include_usage": True}, **options):
            if chunk.usage is not None:
                _count_openai(heard, chunk.usage)
            for choice in chunk.choices:
                heard.text += choice.text
                heard.finish = choice.finish_reason or heard.finish
    else:
        whole = client.completions.create(**options)
        for choice in whole.choices:
            heard.text, heard.finish = choice.text, choice.finish_reason
        _count_openai(heard, whole.usage)
    heard.reasoning, _, heard.text = heard.text.rpartition("\n</think>\n\n")
    return heard


def _count_openai(heard: Heard, usage: Any) -> None:
    heard.input, heard.output = usage.prompt_tokens, usage.completion_tokens
    heard.cached = usage.prompt_tokens_details.cached_tokens


def _responses(client: openai.OpenAI, *, is_stream: bool, with_tool: bool = False, **options: Any) -> Heard:
    options.setdefault("input", [{"role": "user", "content": "Write it."}])
    options.setdefault("instructions", "You code.")
    options.setdefault("include", ["reasoning.encrypted_content"])
    options = {"model": "test-model", "store": False, "reasoning": {"summary": "auto"}, **options}
    if with_tool:
        options["tools"] = [{"type": "function", "name": "submit", "strict": True, "parameters": TOOL}]
    heard = Heard()
    if is_stream:
        streamed = ""
        for event in client.responses.create(stream=True, **options):
            if event.type in ("response.output_text.delta", "response.refusal.delta"):
                streamed += event.delta
            elif event.type in ("response.completed", "response.incomplete"):
                whole = event.response
            elif event.type == "error":
                raise openai.APIError(event.message, request=None, body=None)  # type: ignore[arg-type]
        assert streamed == "".join(_text(item) for item in whole.output)
    else:
        whole = client.responses.create(**options)
    heard.finish = whole.incomplete_details.reason if whole.incomplete_details else whole.status
    heard.carried = [item.model_dump(exclude_none=True) for item in whole.output]
    for item in whole.output:
        heard.text += _text(item)
        if item.type == "reasoning":
            heard.reasoning += "".join(part.text for part in item.summary)
        elif item.type == "function_call":
            heard.calls.append((item.call_id, item.name, json.loads(item.arguments)))
    heard.input, heard.output = whole.usage.input_tokens, whole.usage.output_tokens
    heard.cached = whole.usage.input_tokens_details.cached_tokens
    return heard


def _text(item: Any) -> str:
    parts = item.content if item.type == "message" else ()
    return "".join(part.text if part.type == "output_text" else part.refusal for part in parts)


def _messages(client: anthropic.Anthropic, *, is_stream: bool, with_tool: bool = False, **options: Any) -> Heard:
    options.setdefault("messages", [{"role": "user", "content": "Write it."}])
    options = {
        "model": "test-model",
        "max_tokens": 4000,
        "system": "You code.",
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        **options,
    }
    if with_tool:
        options["tools"] = [{"name": "submit", "input_schema": TOOL}]
    if is_stream:
        with client.messages.stream(**options) as stream:
            whole = stream.get_final_message()
    else:
        whole = client.messages.create(**options)
    heard = Heard()
    heard.carried = [block.model_dump(exclude_none=True) for block in whole.content]
    for block in whole.content:
        if block.type == "text":
            heard.text += block.text
        elif block.type == "thinking":
            heard.reasoning += block.thinking
        elif block.type == "tool_use":
            heard.calls.append((block.id, block.name, block.input))
    heard.finish = str(whole.stop_reason)
    usage = whole.usage
    heard.cached = usage.cache_read_input_tokens or 0
    heard.input = usage.input_tokens + heard.cached + (usage.cache_creation_input_tokens or 0)
    heard.output = usage.output_tokens
    return heard


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_reply_arrives_whole_and_counted(serve: Callable[..., LLMServer], protocol: str, is_stream: bool) -> None:
    server = serve()
    heard = talk(server, protocol, is_stream=is_stream)
    assert (heard.text, heard.reasoning) == (TEXT, REASONING)
    assert heard.finish in ("stop", "completed", "end_turn")
    assert heard.output == -(-len(TEXT) // 4) + -(-len(REASONING) // 4)
    assert heard.input > 0
    assert [received.number for received in server.received] == [1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_model_reads_what_is_sent(serve: Callable[..., LLMServer], protocol: str) -> None:
    server = serve()
    talk(server, protocol)
    (received,) = server.received
    assert received.protocol == ("chat" if protocol == "prefix" else protocol)
    assert received.messages[-1].author == "user"
    assert "Write" in received.text
    assert received.thoughts == ("My memory." if protocol in ("prefix", "completions") else "")
    assert received.text.endswith(received.thoughts)


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("protocol", ["chat", "responses", "messages"])
def test_tools_go_round(serve: Callable[..., LLMServer], protocol: str, is_stream: bool) -> None:
    def brain(received: Received) -> Said:
        return Said("Done.") if received.messages[-1].author == "tool" else call_tool(received)

    server = serve(brain)
    heard = talk(server, protocol, is_stream=is_stream, with_tool=True)
    assert [(name, arguments) for _, name, arguments in heard.calls] == [("submit", json.loads(CALL.arguments))]
    assert heard.finish in ("tool_calls", "completed", "tool_use")
    identity = heard.calls[0][0]
    if protocol == "chat":
        call = {"id": identity, "type": "function", "function": {"name": "submit", "arguments": CALL.arguments}}
        more: dict[str, Any] = {
            "messages": [
                {"role": "user", "content": "Write it."},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": identity, "content": "It ran."},
            ]
        }
    elif protocol == "responses":
        result = {"type": "function_call_output", "call_id": identity, "output": "It ran."}
        more = {"input": [{"role": "user", "content": "Write it."}, *heard.carried, result]}
    else:
        answer = {"type": "tool_result", "tool_use_id": identity, "content": "It ran."}
        more = {
            "messages": [
                {"role": "user", "content": "Write it."},
                {"role": "assistant", "content": heard.carried},
                {"role": "user", "content": [answer]},
            ]
        }
    assert talk(server, protocol, is_stream=is_stream, with_tool=True, **more).text == "Done."
    assert "It ran." in server.received[-1].text
    assert server.received[-1].tools[0].name == "submit"


@pytest.mark.parametrize("protocol", ["chat", "completions", "responses", "messages"])
@pytest.mark.parametrize(
    "said",
    [
        Said(TEXT, REASONING),
        Said("", REASONING, (CALL, CALL)),
        Said(TEXT, finish=Finish.LENGTH),
        Said(refusal="No."),
    ],
    ids=["text", "calls", "length", "refusal"],
)
def test_answers_are_of_the_types_of_the_sdk(serve: Callable[..., LLMServer], protocol: str, said: Said) -> None:
    from anthropic.types import Message, RawMessageStreamEvent
    from openai.types import Completion
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from openai.types.responses import Response, ResponseStreamEvent

    whole_type, event_type = {
        "chat": (ChatCompletion, ChatCompletionChunk),
        "completions": (Completion, Completion),
        "responses": (Response, ResponseStreamEvent),
        "messages": (Message, RawMessageStreamEvent),
    }[protocol]
    server = serve(lambda received: said)
    bodies: dict[str, dict[str, Any]] = {
        "chat": {"messages": [{"role": "user", "content": "x"}], "stream_options": {"include_usage": True}},
        "completions": {"prompt": "x", "max_tokens": 10_000},
        "responses": {"input": "x", "include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}},
        "messages": {
            "messages": [{"role": "user", "content": "x"}],
            "max_tokens": 9000,
            "thinking": {"type": "adaptive"},
        },
    }
    body = bodies[protocol]
    if said.calls and protocol != "completions":
        names: dict[str, dict[str, Any]] = {
            "chat": {"type": "function", "function": {"name": "submit"}},
            "responses": {"type": "function", "name": "submit"},
        }
        body = {**body, "tools": [names.get(protocol, {"name": "submit", "input_schema": {"type": "object"}})]}
    elif said.calls:
        return
    path = {"chat": "/v1/chat/completions"}.get(protocol, f"/v1/{protocol}")
    asked = json.dumps({"model": "m", "stream": True, **body}).encode()
    wire, received = server.receive(path, {"anthropic-version": "2023-06-01"}, asked)
    whole, events = server.think(wire, received)
    _type(whole_type).validate_python(whole, strict=True)
    data = [json.loads(event.rpartition("data: ")[2]) for event in events if "[DONE]" not in event]
    for one in data:
        if protocol == "completions" and one["choices"]:
            # the SDK's type is that of whole answers, which always say why they ended
            one["choices"][0]["finish_reason"] = one["choices"][0]["finish_reason"] or "stop"
        if one.get("type") != "ping":
            _type(event_type).validate_python(one)
    assert len(data) > 1


STATUSES: Mapping[str, tuple[int, ...]] = {
    "rate_limit": (429,),
    "rate_limit_retry_after": (429,),
    "server_error": (500,),
    "unavailable": (503,),
    "overloaded": (503, 529),
    "quota": (429, 400),
    "balance": (402,),
    "wrong_model": (404,),
    "context_overflow": (400,),
    "bad_gateway": (502,),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", STATUSES)
def test_faults_that_are_answers(serve: Callable[..., LLMServer], protocol: str, fault: Fault) -> None:
    server = serve(faults={1: fault})
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
        talk(server, protocol)
    error: Any = caught.value
    assert error.status_code in STATUSES[fault]
    waits = error.response.headers.get("retry-after")
    assert waits == ("1" if fault == "rate_limit_retry_after" else None)
    assert talk(server, protocol).text == TEXT
    assert [received.fault for received in server.received] == [fault, ""]


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["dropped", "half_stream", "malformed_json", "error_event"])
def test_faults_that_break_off(serve: Callable[..., LLMServer], protocol: str, fault: Fault, is_stream: bool) -> None:
    server = serve(faults={1: fault})
    # outside the SDKs' own trees: what httpx and json say of half an answer
    with pytest.raises(Exception, match=r".") as caught:
        talk(server, protocol, is_stream=is_stream)
    assert not isinstance(caught.value, AssertionError)
    assert talk(server, protocol, is_stream=is_stream).text == TEXT


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", ["hang", "stall"])
def test_what_hangs_ends_with_the_server(protocol: str, fault: Fault) -> None:
    asked, caught = Event(), []

    def brain(received: Received) -> Said:
        asked.set()
        return Said(TEXT)

    def faults(number: int) -> Fault:
        asked.set()
        return fault

    def ask(server: LLMServer) -> None:
        try:
            talk(server, protocol)
        except (openai.APIError, anthropic.APIError, httpx2.HTTPError) as error:
            caught.append(error)

    with LLMServer(brain, faults=faults) as server:
        client = Thread(target=ask, args=(server,))
        client.start()
        assert asked.wait(30)
    client.join(30)
    assert not client.is_alive()
    assert caught


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_slow_first_token_comes_in_the_end(serve: Callable[..., LLMServer], protocol: str, is_stream: bool) -> None:
    server = serve(faults={1: "slow_first_token"}, slow_s=0.01)
    assert talk(server, protocol, is_stream=is_stream).text == TEXT


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_faults_of_content(serve: Callable[..., LLMServer], protocol: str, is_stream: bool) -> None:
    kinds: dict[int, Fault] = {1: "empty_choice", 2: "truncated", 3: "refusal"}
    server = serve(faults=kinds)
    if protocol == "responses" or is_stream or protocol in ("messages", "completions"):
        assert talk(server, protocol, is_stream=is_stream).text == ""
    else:
        assert talk(server, protocol, is_stream=is_stream).finish == ""
    cut = talk(server, protocol, is_stream=is_stream)
    assert TEXT.startswith(cut.text)
    assert len(cut.text) < len(TEXT)
    assert cut.finish in ("length", "max_output_tokens", "max_tokens")
    refused = talk(server, protocol, is_stream=is_stream)
    assert "help with that" in refused.text or refused.finish == "refusal" or protocol == "completions"


def test_page_instead_of_an_answer(serve: Callable[..., LLMServer]) -> None:
    server = serve(faults=lambda number: "html")
    with openai.OpenAI(base_url=server.openai_url, api_key="any", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert raw.headers["content-type"].startswith("text/html")
    assert "<!DOCTYPE html>" in raw.text


def test_short_stream_ends_without_a_reason(serve: Callable[..., LLMServer]) -> None:
    server = serve(faults={1: "short_stream"})
    heard = talk(server, "chat")
    assert heard.finish == ""
    assert REASONING.startswith(heard.reasoning)


def test_schedule_may_be_a_function(serve: Callable[..., LLMServer]) -> None:
    server = serve(faults=lambda number: "server_error" if number % 2 else None)
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            talk(server, "chat")
        assert talk(server, "chat").text == TEXT


@pytest.mark.parametrize("how", ["busy", "unreachable"])
@pytest.mark.parametrize("protocol", ["chat", "messages"])
def test_away_and_back(serve: Callable[..., LLMServer], protocol: str, how: Any) -> None:
    server = serve()
    address = server.url
    assert talk(server, protocol).text == TEXT
    server.away(True, how)
    with pytest.raises((openai.APIError, anthropic.APIError)) as caught:
        talk(server, protocol)
    assert isinstance(caught.value, openai.APIConnectionError | anthropic.APIConnectionError) == (how == "unreachable")
    server.away(False)
    assert server.url == address
    assert talk(server, protocol).text == TEXT
    assert len(server.received) == 2


def test_nobody_lists_models_of_a_service_that_is_away(serve: Callable[..., LLMServer]) -> None:
    server = serve()
    server.away(True)
    with (
        openai.OpenAI(base_url=server.openai_url, api_key="any", max_retries=0) as client,
        pytest.raises(openai.InternalServerError),
    ):
        client.models.list()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_key_is_demanded(serve: Callable[..., LLMServer], protocol: str) -> None:
    assert talk(serve(key="sk-right"), protocol).text == TEXT
    with pytest.raises((openai.AuthenticationError, anthropic.AuthenticationError)) as caught:
        talk(serve(key="sk-other"), protocol)
    assert "sk-right" in str(caught.value)


def test_models_are_listed_and_unknown_ones_not_found(serve: Callable[..., LLMServer]) -> None:
    server = serve(models={"small", "large"})
    with openai.OpenAI(base_url=server.openai_url, api_key="any", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["large", "small"]
        assert client.models.retrieve("small").id == "small"
    with anthropic.Anthropic(base_url=server.url, api_key="any", max_retries=0) as claude:
        assert [model.id for model in claude.models.list()] == ["large", "small"]
    for protocol in ("chat", "messages"):
        with pytest.raises((openai.NotFoundError, anthropic.NotFoundError), match="tiny"):
            talk(server, protocol, model="tiny")
        assert talk(server, protocol, model="small").text == TEXT


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_context_has_an_end(serve: Callable[..., LLMServer], protocol: str) -> None:
    server = serve(context_tokens=5000)
    assert talk(server, protocol).text == TEXT
    long = "word " * 5000
    options: dict[str, Any] = {"messages": [{"role": "user", "content": long}]}
    if protocol in ("completions", "responses"):
        options = {"prompt" if protocol == "completions" else "input": long}
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as caught:
        talk(server, protocol, **options)
    assert ("5000" in str(caught.value)) == (protocol != "responses")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_output_limit_cuts(serve: Callable[..., LLMServer], protocol: str) -> None:
    name = "max_output_tokens" if protocol == "responses" else "max_tokens"
    options: dict[str, Any] = {name: 100}
    if protocol == "messages":
        options["thinking"] = {"type": "disabled"}
    heard = talk(serve(lambda _: Said("x" * 1000)), protocol, **options)
    assert heard.text == "x" * 400
    assert heard.finish in ("length", "max_output_tokens", "max_tokens")
    assert heard.output == 100


@pytest.mark.parametrize(
    ("protocol", "refused", "options", "word"),
    [
        ("chat", "temperature", {"temperature": 0.2}, "temperature"),
        ("chat", "effort", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("chat", "system", {}, "system"),
        ("chat", "stop", {"stop": ["x"]}, "stop"),
        ("chat", "response_format", {"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
        ("chat", "tools", {"with_tool": True}, "tools"),
        ("chat", "max_tokens", {"max_tokens": 5}, "max_completion_tokens"),
        ("chat", "max_completion_tokens", {"max_completion_tokens": 5}, "max_completion_tokens"),
        ("chat", "stream_options", {}, "stream_options"),
        ("prefix", "prefill", {}, "prefix"),
        ("completions", "temperature", {"temperature": 0.2}, "temperature"),
        ("completions", "stop", {"stop": ["x"]}, "stop"),
        ("responses", "temperature", {"temperature": 0.2}, "temperature"),
        ("responses", "effort", {"reasoning": {"effort": "low"}}, "reasoning.effort"),
        ("responses", "tools", {"with_tool": True}, "tools"),
        ("responses", "response_format", {"text": {"format": {"type": "json_object"}}}, "text.format"),
        ("messages", "temperature", {"extra_body": {"temperature": 1.0}}, "temperature"),
        ("messages", "effort", {}, "thinking"),
        ("messages", "effort", {"output_config": {"effort": "low"}}, "effort"),
        ("messages", "tools", {"with_tool": True}, "tool"),
        ("messages", "prefill", {"messages": [USER, PREFILL]}, "prefill"),
        ("messages", "cache_control", {"system": [MARK]}, "cache"),
    ],
)  # fmt: skip
def test_model_refuses_parameters(
    serve: Callable[..., LLMServer], protocol: str, refused: Any, options: Mapping[str, Any], word: str
) -> None:
    server = serve(refuses={refused})
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match=word):
        talk(server, protocol, **options)
    assert server.complaints[0][0] == 400
    assert not server.received


@pytest.mark.parametrize(
    ("protocol", "options", "word"),
    [
        ("chat", {"messages": [{"role": "robot", "content": "x"}]}, "robot"),
        ("chat", {"messages": []}, "messages"),
        ("chat", {"messages": [{"role": "user", "content": None}]}, "content"),
        ("chat", {"messages": [USER, {**BEGUN, "prefix": True}]}, "beta"),
        ("chat", {"extra_body": {"foo": 1}}, "foo"),
        ("chat", {"max_tokens": 5, "max_completion_tokens": 5}, "same time"),
        ("chat", {"max_tokens": 0}, "max_tokens"),
        ("chat", {"temperature": 3}, "temperature"),
        ("chat", {"messages": [USER, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, "preceding"),
        ("chat", {"messages": [USER, BEGUN], "extra_body": {"continue_final_message": True}}, "add_generation_prompt"),
        ("chat", {"response_format": {"type": "json_object"}}, "json"),
        ("chat", {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True,
            "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}}, "additionalProperties"),
        ("chat", {"tools": [{"type": "function", "function": {"name": "a b"}}]}, "pattern"),
        ("prefix", {"messages": [USER, BEGUN]}, "prefix mode"),
        ("prefix", {"messages": [{**BEGUN, "prefix": True}, USER]}, "last message"),
        ("completions", {"prompt": ""}, "prompt"),
        ("completions", {"prompt": "<｜User｜>Write it."}, "assistant"),
        ("responses", {"max_output_tokens": 5}, "16"),
        ("responses", {"extra_body": {"max_tokens": 50}}, "max_tokens"),
        ("responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "No tool call"),
        ("responses", {"input": [USER, UNANSWERED]}, "No tool output"),
        ("responses", {"input": [USER, UNSEALED]}, "verified"),
        ("messages", {"messages": [{"role": "system", "content": "x"}]}, "role"),
        ("messages", {"messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ("messages", {"max_tokens": 1000}, "budget_tokens"),
        ("messages", {"extra_body": {"temperature": 0.5}}, "temperature"),
        ("messages", {"extra_body": {"temperature": 1.5}}, "temperature"),
        ("messages", {"messages": [USER, {"role": "assistant", "content": [FOREIGN]}, USER]}, "signature"),
        ("messages", {"messages": [USER, {"role": "assistant", "content": "so "}]}, "whitespace"),
        ("messages", {"messages": [USER, ASKS, USER]}, "tool_result"),
        ("messages", {"system": [MARK] * 5}, "maximum of 4"),
        ("messages", {"extra_body": {"foo": 1}}, "foo"),
    ],
)  # fmt: skip
def test_wrong_requests_are_turned_down(
    serve: Callable[..., LLMServer], protocol: str, options: Mapping[str, Any], word: str
) -> None:
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError), match=word):
        talk(serve(), protocol, **options)


def test_missing_limit_is_turned_down(serve: Callable[..., LLMServer]) -> None:
    with (
        anthropic.Anthropic(base_url=serve().url, api_key="any", max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError, match="max_tokens: Field required"),
    ):
        client.post("/v1/messages", cast_to=object, body={"model": "m", "messages": [USER]})


def test_reasoning_that_was_not_kept_is_not_found(serve: Callable[..., LLMServer]) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    with pytest.raises(openai.NotFoundError, match="not persisted"):
        talk(serve(), "responses", input=[USER, item, {"role": "assistant", "content": "x"}])


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/v1/chat/completions", "/v1/complete"])
def test_wrong_address_is_not_found(serve: Callable[..., LLMServer], path: str) -> None:
    server = serve()
    with (
        openai.OpenAI(base_url=server.url, api_key="any", max_retries=0) as client,
        pytest.raises(openai.NotFoundError, match="Invalid URL"),
    ):
        client.post(path, cast_to=object, body={})


def test_answer_that_is_begun_goes_on(serve: Callable[..., LLMServer]) -> None:
    server = serve()
    template = {"continue_final_message": True, "add_generation_prompt": False}
    heard = talk(server, "chat", messages=[USER, BEGUN], extra_body=template)
    assert heard.text == TEXT
    (received,) = server.received
    assert (received.thoughts, received.is_thinking) == (BEGUN["content"], True)
    assert [one.author for one in received.messages] == ["user"]


def test_reasoning_may_stand_in_the_text(serve: Callable[..., LLMServer]) -> None:
    server = serve(reasoning="inline")
    assert talk(server, "chat").text == f"<think>\n{REASONING}\n</think>\n\n{TEXT}"
    template = {"continue_final_message": True, "add_generation_prompt": False}
    assert talk(server, "chat", messages=[USER, BEGUN], extra_body=template).text == f"{REASONING}\n</think>\n\n{TEXT}"


@pytest.mark.parametrize(
    ("prompt", "authors", "thoughts"),
    [
        ("<｜begin▁of▁sentence｜>Code.<｜User｜>Write.<｜Assistant｜><think>\nI know", ["system", "user"], "I know"),
        (
            "<|im_start|>system\nCode.<|im_end|>\n<|im_start|>user\nWrite.<|im_end|>\n<|im_start|>assistant\n<think>\nI know",
            ["system", "user"],
            "I know",
        ),
        (
            "<｜User｜>Hi<｜Assistant｜>Ho<｜end▁of▁sentence｜><｜User｜>Hi<｜Assistant｜>",
            ["user", "assistant", "user"],
            "",
        ),
        ("Once upon a time", ["user"], ""),
    ],
    ids=["deepseek", "qwen", "turns", "none"],
)
def test_templates_are_read(serve: Callable[..., LLMServer], prompt: str, authors: list[str], thoughts: str) -> None:
    server = serve()
    talk(server, "completions", prompt=prompt)
    (received,) = server.received
    assert [one.author for one in received.messages] == authors
    assert received.thoughts == thoughts
    assert not any("<|" in one.text or "<｜" in one.text for one in received.messages)


def test_cache_of_openai_keeps_beginnings(serve: Callable[..., LLMServer]) -> None:
    server = serve(cache_from_tokens=128)
    start = {"role": "system", "content": "stable " * 400}
    first = talk(server, "chat", messages=[start, {"role": "user", "content": "one"}])
    second = talk(server, "chat", messages=[start, {"role": "user", "content": "two"}])
    other = talk(server, "chat", messages=[start, {"role": "user", "content": "two"}], model="other")
    assert (first.cached, second.cached, other.cached) == (0, 640, 0)


def test_cache_of_anthropic_keeps_what_is_marked(serve: Callable[..., LLMServer]) -> None:
    server = serve(cache_from_tokens=128)
    stable = {"type": "text", "text": "stable " * 400, "cache_control": {"type": "ephemeral"}}
    first = talk(server, "messages", system=[stable])
    second = talk(server, "messages", system=[stable], messages=[{"role": "user", "content": "other"}])
    unmarked = talk(server, "messages", system="stable " * 400)
    assert (first.cached, unmarked.cached) == (0, 0)
    assert second.cached > 600
    assert second.input > second.cached


def test_failure_of_the_brain_is_the_tests(serve: Callable[..., LLMServer]) -> None:
    def brain(received: Received) -> Said:
        raise AssertionError("the fact is missing")

    with pytest.raises(AssertionError, match="the fact is missing"), LLMServer(brain) as server:  # noqa: PT012
        with pytest.raises(openai.InternalServerError):
            talk(server, "chat")
        assert server.failures


def test_every_fault_is_tested() -> None:
    tested = {"hang", "stall", "dropped", "half_stream", "malformed_json", "error_event", "slow_first_token", "html"}
    tested |= {"empty_choice", "truncated", "refusal", "short_stream", *STATUSES}
    assert tested == set(get_args(Fault))
