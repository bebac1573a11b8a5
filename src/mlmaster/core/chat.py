"""Conversations with language models as pure data: what is asked, what comes back, what is kept of it.

Nothing here knows a provider. Who asks is an engineer (`mlmaster.engineers.llm`), who answers is `mlmaster.llm`; the contract
between them is `mlmaster.ports.LLM`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from mlmaster.core.usage import Usage


class Role(StrEnum):
    """Which of a run's models is asked; one model may play them all.

    PLANNER says what to do, CODER writes it, FEEDBACK gives a second opinion on a suspicious script, SUMMARISER shortens
    what is too long to be shown.
    """

    PLANNER = "planner"
    CODER = "coder"
    FEEDBACK = "feedback"
    SUMMARISER = "summariser"


class Placement(StrEnum):
    """Where memory stands in a request (steerable reasoning, ML-Master 1.0).

    PROMPT: in the last message of the user. CONTINUE: as the begun answer of the assistant that vLLM and SGLang go on with
    (`continue_final_message`). PREFIX: as DeepSeek's chat prefix. COMPLETION: a raw completion of the model's own chat
    template with an opened think block.
    """

    PROMPT = "prompt"
    CONTINUE = "continue"
    PREFIX = "prefix"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool a model may call; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to use a tool; `arguments` is JSON as the model wrote it, which may be none."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        author: Who speaks.
        text: What is said; may be empty beside `calls`.
        calls: Of an assistant: the tools it wants.
        answers: Of a tool: the id of the call this is the result of.
        carried: Of an assistant: what its provider wants back as it was (reasoning items, signed thinking), as JSON data.
        is_stable: The calls that follow begin with the same messages up to this one, so a prompt cache may end here.
    """

    author: Literal["system", "user", "assistant", "tool"]
    text: str
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""
    carried: Mapping[str, Any] | None = None
    is_stable: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked. Equal requests have equal `mlmaster.core.calls.request_hash`.

    Attributes:
        role: Which model.
        messages: A system message first, then a user's; the last one is a user's or a tool's.
        thoughts: Memory in the model's own voice, to be placed in its reasoning where that can be done, else at the end of
            the last message of the user. Empty for none.
        tools: What may be called; only where `ModelFacts.has_tools`.
        schema: JSON schema of the answer, where one is wanted; models without structured output get it in words by whoever
            asks, so the answer must be parsed forgivingly in any case.
        max_output_tokens: Reasoning included; what is left of a budget may allow less.
        prompt: Name and version of the template, `draft@1f3a…`.
    """

    role: Role
    messages: tuple[Message, ...]
    thoughts: str = ""
    tools: tuple[Tool, ...] = ()
    schema: Mapping[str, Any] | None = None
    max_output_tokens: int = 16_000
    prompt: str = ""


class Finish(StrEnum):
    """Why a reply ended. FILTERED: the model or its provider would not answer."""

    STOP = "stop"
    LENGTH = "length"
    TOOLS = "tools"
    FILTERED = "filtered"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: The answer, without reasoning as far as the provider tells the two apart; a think block that is written into
            the text is left to the parser.
        reasoning: What the provider shows of the reasoning.
        calls: Tools the model wants.
        finish: Why it ended.
        usage: Of this call, failed tries before it included.
        model: The version that answered, as the provider names it.
        placement: Where the request's thoughts were placed; PROMPT when there were none.
        carried: For `Message.carried` of the message this reply becomes.
        seconds: From the request to the last token.
    """

    text: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = Finish.STOP
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    placement: Placement = Placement.PROMPT
    carried: Mapping[str, Any] | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of the model that plays a role.

    Attributes:
        name: As the user would write it: `openai:gpt-5`.
        context_tokens: Room for a request and its reply together; None when not known.
        max_output_tokens: Most it may be asked to write in one reply.
        has_tools: Tools may be offered natively.
        has_schema: `Request.schema` is enforced.
        placement: Where thoughts are placed.
    """

    name: str
    context_tokens: int | None = None
    max_output_tokens: int = 16_000
    has_tools: bool = False
    has_schema: bool = False
    placement: Placement = Placement.PROMPT
