"""The seam between what is the same for all models and the few ways of speaking to one.

A provider is one model at one address over one protocol. It only speaks: what to leave out, when to try again, what it may
cost and what is kept of it are decided above (`mlmaster.llm.models`). Its parts arrive as they are written, so that a reply
that stands still is noticed, and what half a reply has used is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlmaster.core.chat import Finish, Placement, Request, ToolCall
from mlmaster.core.usage import Usage

PARAMETERS = (
    "temperature",
    "effort",
    "system",
    "tools",
    "schema",
    "max_output_tokens",
    "stream_usage",
    "cache",
    "prefill",
)
"""What may be left out of a request because a model refuses it. `system`: its text then opens the first user message;
`max_output_tokens`: the limit goes by its other name, and if that is refused too, is not sent; `prefill`: thoughts are
placed in the prompt."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a request is put to a model.

    Attributes:
        temperature, effort: As set by the user; None for the provider's own.
        dropped: Of `PARAMETERS`, those that this model refused before.
    """

    temperature: float | None = None
    effort: str | None = None
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a reply as it arrives; text and reasoning are to be joined, the rest counts once, on the last part.

    Attributes:
        finish: None until the provider has said why the reply ended; a stream that ends without has broken off.
        usage: What the provider counted; None where it has not said. Without a price.
        calls: Whole tool calls.
        carried: As `Reply.carried`.
    """

    text: str = ""
    reasoning: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    calls: tuple[ToolCall, ...] = ()
    model: str = ""
    carried: Mapping[str, Any] | None = None


class Provider(Protocol):
    """Speaks to one model. May be used from several threads."""

    def placement(self, request: Request, options: Options) -> Placement:
        """Return where the thoughts of a request are placed; PROMPT when there are none or nothing else works."""
        ...

    def stream(self, request: Request, options: Options) -> Iterator[Part]:
        """Send the request and yield the parts of the reply.

        Closing the iterator, from any thread, ends the connection.

        Raises:
            Fault: Everything that goes wrong, before or between parts; no error of an SDK gets out.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(eq=False)
class Fault(Exception):
    """What went wrong with one try.

    Attributes:
        kind: `away` (5xx, overloaded, connection refused, reset or timed out, half a stream), `busy` (429), `garbled` (no
            JSON, no choices), `key`, `model`, `quota`, `address`, `certificate` (as `ProviderError.cause`), `refused` (the
            model takes no `parameter`), `overflow` (of the context), `request` (any other complaint about the request).
        message: In words, scrubbed of secrets.
        parameter: Of a `refused` fault: one of `PARAMETERS`.
        retry_after_s: What the provider asks for.
        limit_tokens: Of an `overflow`, where it says so.
        received: What of the reply had arrived.
    """

    kind: str
    message: str
    parameter: str = ""
    retry_after_s: float | None = None
    limit_tokens: int | None = None
    received: Part = field(default_factory=Part)

    @property
    def is_passing(self) -> bool:
        """Return True when the same request may be answered a little later."""
        return self.kind in ("away", "busy", "garbled")
