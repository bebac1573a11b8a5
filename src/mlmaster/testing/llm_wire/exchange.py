"""One exchange with the pretended provider, in no protocol's words: what was received, what is said, what it counts.

The protocols themselves are `chat`, `completions`, `responses` and `messages`; each reads a request into `Received`, turning
down what the real service turns down, and writes `Said` as one answer or as the events of a stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from mlmaster.core.chat import Finish, Tool, ToolCall

Speech = Literal["chat", "completions", "responses", "messages"]

Refused = Literal[
    "temperature",
    "effort",
    "system",
    "stop",
    "response_format",
    "tools",
    "prefill",
    "max_tokens",
    "max_completion_tokens",
    "stream_options",
    "cache_control",
]
"""What a model can be told not to take."""

CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as the model reads it, with the text of tool calls and results."""

    author: Literal["system", "user", "assistant", "tool"]
    text: str


@dataclass(frozen=True, slots=True)
class Received:
    """A request as a model would read it.

    Attributes:
        protocol, path, headers, body: As it came; names of headers in lower case.
        model: Who is asked.
        messages: All but what is begun for the model.
        thoughts: What is begun for it, where memory stands in its own voice: the last message of the assistant, the
            reasoning of a prefix, what follows an opened think block; "" without.
        is_thinking: The thoughts stand in a think block that is still open.
        tools: What it may call.
        pieces: The prompt as a cache sees it: each piece with whether a cache may end after it.
        max_tokens: Most it may say; None without a limit.
        number: Which request it is, from 1.
        fault: What the server does instead of answering; "" for nothing.
    """

    protocol: Speech
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    model: str
    messages: tuple[Heard, ...]
    thoughts: str = ""
    is_thinking: bool = False
    tools: tuple[Tool, ...] = ()
    pieces: tuple[tuple[str, bool], ...] = ()
    max_tokens: int | None = None
    number: int = 0
    fault: str = ""

    @property
    def text(self) -> str:
        """Return everything the model reads, in order."""
        tools = [f"{tool.name}: {tool.description} {json.dumps(tool.parameters)}" for tool in self.tools]
        return "\n\n".join([*tools, *(heard.text for heard in self.messages), self.thoughts]).rstrip()

    @property
    def is_stream(self) -> bool:
        """Return True when the reply is wanted as it is written."""
        return bool(self.body.get("stream"))

    @property
    def prompt_tokens(self) -> int:
        """Return how many tokens the prompt has."""
        return sum(count(piece) for piece, _ in self.pieces)


@dataclass(frozen=True, slots=True)
class Said:
    """What the pretended model says.

    Attributes:
        text: The answer.
        reasoning: What it thought before.
        calls: Tools it wants; a call without an id gets one.
        finish: Why it ends; TOOLS is meant wherever there are calls.
        refusal: Said in place of an answer, where the protocol has a place for it.
        usage: What the provider counts; None to count it from the sizes.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = Finish.STOP
    refusal: str = ""
    usage: Counted | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of one exchange: `cached` and `written` (to the cache) are of `input`, `reasoning` is of `output`."""

    input: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0


Brain = Callable[[Received], Said]
"""A pretended model."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What the pretended provider is like.

    Attributes:
        refuses: Parameters its models do not take.
        reasoning: Where chat completions show reasoning: in a field of this name (vLLM and DeepSeek, OpenRouter), or inline
            in the text, between think tags.
    """

    refuses: frozenset[Refused] = frozenset()
    reasoning: Literal["reasoning_content", "reasoning", "inline"] = "reasoning_content"


@dataclass(eq=False)
class Complaint(Exception):
    """A request is turned down: the status and body of the answer."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(Protocol):
    """One protocol."""

    def read(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], manner: Manner) -> Received:
        """Return what is asked.

        Raises:
            Complaint: The real service would turn it down.
        """
        ...

    def plain(self, received: Received, said: Said, counted: Counted, manner: Manner) -> dict[str, Any]:
        """Return the answer as one JSON object."""
        ...

    def events(self, received: Received, said: Said, counted: Counted, manner: Manner) -> list[str]:
        """Return the answer as the events of a stream."""
        ...

    def complaint(self, kind: str, detail: str = "") -> Complaint:
        """Return what the service answers where it fails; kinds are the keys of each protocol's table."""
        ...

    def overflow(self, received: Received, limit: int) -> Complaint:
        """Return what the service answers to a prompt that is too long."""
        ...

    def broken(self) -> list[str]:
        """Return the events that end a stream in which the service fails."""
        ...


def count(text: str) -> int:
    """Return how many tokens the pretended models count in a text."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def measure(received: Received, said: Said, cached: int, written: int) -> Counted:
    """Return what an exchange counts."""
    if said.usage is not None:
        return said.usage
    reasoning = count(said.reasoning)
    calls = sum(count(call.name + call.arguments) for call in said.calls)
    output = reasoning + count(said.text or said.refusal) + calls
    return Counted(received.prompt_tokens, max(1, output), cached, written, reasoning)


def shorten(said: Said, tokens: int | None) -> Said:
    """Return what a model gets to say within its limit: reasoning comes first, calls come whole or not at all."""
    if tokens is None or measure_said(said) <= tokens:
        return said
    room = tokens * CHARACTERS_PER_TOKEN
    reasoning = said.reasoning[:room]
    text = said.text[: room - len(reasoning)]
    return replace(said, reasoning=reasoning, text=text, calls=(), finish=Finish.LENGTH)


def measure_said(said: Said) -> int:
    """Return how many tokens are said."""
    calls = sum(count(call.name + call.arguments) for call in said.calls)
    return count(said.reasoning) + count(said.text) + calls


def think_aloud(received: Received, said: Said) -> str:
    """Return reasoning and answer as one text with think tags; a think block that stands open goes on."""
    opening, text = "" if received.is_thinking else "<think>\n", said.text or said.refusal
    if said.finish is Finish.LENGTH and said.reasoning and not text:
        return opening + said.reasoning
    if not said.reasoning and not received.is_thinking:
        return text
    return f"{opening}{said.reasoning}\n</think>\n\n{text}"


def split(text: str) -> list[str]:
    """Return a text in pieces as a stream brings them: at most about fifty, none without a character."""
    size = max(12, -(-len(text) // 50))
    return [text[i : i + size] for i in range(0, len(text), size)]


def names(text: str) -> frozenset[str]:
    """Return the names in a text."""
    return frozenset(text.split())


def event(data: Mapping[str, Any] | str, name: str = "") -> str:
    """Return one event of a stream."""
    line = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {name}\n" if name else "") + f"data: {line}\n\n"
