"""A pretended provider of language models: a local HTTP server that speaks as the real ones do, and fails as they do.

    with LLMServer(lambda received: Said("Hello.")) as server:
        client = openai.OpenAI(base_url=server.openai_url, api_key="any")

It speaks OpenAI's chat completions (`/v1/chat/completions`; with DeepSeek's prefixes below `/beta`), raw completions
(`/v1/completions`), OpenAI's Responses (`/v1/responses`), Anthropic's messages (`/v1/messages`) and lists its models
(`/v1/models`). What it answers is a function of what a model would read; `mlmaster.testing.competent_coder` is one that
solves tasks. Wrong requests are turned down in the words of the real services (`mlmaster.testing.llm_wire`).

Faults come by the number of the request, counted from 1 over everything that is posted, also what is turned down. Nothing
waits by the clock but what `slow_s` says; what hangs does so until the server closes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Self

from mlmaster.core.chat import Finish
from mlmaster.testing.llm_wire.cache import PromptCache
from mlmaster.testing.llm_wire.chat import ChatWire
from mlmaster.testing.llm_wire.completions import CompletionsWire
from mlmaster.testing.llm_wire.exchange import (
    Brain,
    Complaint,
    Counted,
    Heard,
    Manner,
    Received,
    Refused,
    Said,
    Wire,
    event,
    measure,
    shorten,
)
from mlmaster.testing.llm_wire.listening import Listener
from mlmaster.testing.llm_wire.messages import MessagesWire
from mlmaster.testing.llm_wire.responses import ResponsesWire

__all__ = ["Brain", "Counted", "Fault", "Heard", "LLMServer", "Received", "Said"]

Fault = Literal[
    "rate_limit",
    "rate_limit_retry_after",
    "server_error",
    "unavailable",
    "overloaded",
    "quota",
    "balance",
    "wrong_model",
    "context_overflow",
    "html",
    "bad_gateway",
    "dropped",
    "hang",
    "malformed_json",
    "empty_choice",
    "refusal",
    "truncated",
    "slow_first_token",
    "half_stream",
    "short_stream",
    "stall",
    "error_event",
]
"""What may go wrong with a request.

rate_limit(_retry_after): 429, without and with `Retry-After`. server_error, unavailable: 500, 503. overloaded: 529 of
Anthropic, 503 of others. quota: the account is empty, by 429, or 400 of Anthropic. balance: the same by 402. wrong_model:
404. html: a page of a proxy with status 200. bad_gateway: such a page with 502. dropped: the connection is reset before any
answer. hang: no answer at all. malformed_json, empty_choice: an answer that cannot be read, and one without content. refusal:
the model will not answer. truncated: half the answer, for want of tokens. slow_first_token: headers and a sign of life at
once, the rest `slow_s` seconds later. half_stream: half the answer, then the connection is closed. short_stream: half the
events, then a proper end. stall: half the answer, then nothing more. error_event: half the events, then one of an error.
"""

_COMPLAINTS: Mapping[str, str] = {
    "rate_limit": "busy",
    "rate_limit_retry_after": "busy",
    "server_error": "error",
    "unavailable": "unavailable",
    "overloaded": "overloaded",
    "quota": "quota",
    "balance": "balance",
    "wrong_model": "model",
}
_WIRES: Mapping[str, Wire] = {
    "/v1/chat/completions": ChatWire(),
    "/beta/chat/completions": ChatWire(),
    "/v1/completions": CompletionsWire(),
    "/v1/responses": ResponsesWire(),
    "/v1/messages": MessagesWire(),
}


class LLMServer:
    """A pretended provider at an address of this machine, for as long as the `with` block lasts.

    An exception of the brain is answered with status 500, kept in `failures`, and raised again when the block ends.

    Args:
        answer: The model: maps what it reads to what it says. Called from several threads.
        faults: Maps the number of a request to what goes wrong with it.
        refuses: Parameters its models do not take.
        key: What must come as key; None takes any. A wrong one is repeated in the answer, as careless services do.
        models: Names it knows; None knows every name.
        context_tokens: Room for prompt and answer; None is boundless.
        reasoning: Where chat completions show reasoning.
        retry_after_s: What `Retry-After` says.
        slow_s: Seconds before a slow first token.
        cache_from_tokens: Size of the smallest prompt that its cache keeps.

    Attributes:
        received: Every request that could be read, in order, also those that met a fault.
        complaints: Status and message of every request that was turned down.
        counted: What it charges, by the number of the request; whole answers, whatever became of them on the way.
        failures: What the brain raised.
    """

    def __init__(
        self,
        answer: Brain,
        *,
        faults: Callable[[int], Fault | None] | Mapping[int, Fault] | None = None,
        refuses: Collection[Refused] = (),
        key: str | None = None,
        models: Collection[str] | None = None,
        context_tokens: int | None = None,
        reasoning: Literal["reasoning_content", "reasoning", "inline"] = "reasoning_content",
        retry_after_s: int = 1,
        slow_s: float = 0.1,
        cache_from_tokens: int = 1024,
    ) -> None:
        self.received: list[Received] = []
        self.complaints: list[tuple[int, str]] = []
        self.counted: dict[int, Counted] = {}
        self.failures: list[Exception] = []
        self.manner = Manner(frozenset(refuses), reasoning)
        self.slow_s = slow_s
        self._answer = answer
        self._fault_of = _as_function(faults)
        self._key = key
        self._models = None if models is None else frozenset(models)
        self._context_tokens = context_tokens
        self._retry_after_s = retry_after_s
        self._cache = PromptCache(cache_from_tokens)
        self._away: Literal["", "busy", "unreachable"] = ""
        self._number = 0
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self.failures and error is None:
            raise self.failures[0]

    @property
    def url(self) -> str:
        """Return the address without a path: the base URL of Anthropic's SDK."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def openai_url(self) -> str:
        """Return the base URL of OpenAI's SDK."""
        return f"{self.url}/v1"

    @property
    def beta_url(self) -> str:
        """Return the base URL of OpenAI's SDK where prefixes are taken."""
        return f"{self.url}/beta"

    def away(self, is_away: bool, how: Literal["busy", "unreachable"] = "busy") -> None:
        """Go away, or come back: answer everything with 503, or take no connection at all."""
        with self._lock:
            self._away = how if is_away else ""
        if is_away and how == "unreachable":
            self._stop_listening()
        elif self._listener is None:
            self._listen()

    def close(self) -> None:
        """Stop; whatever hangs ends."""
        self._stop_listening()

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Wire, Received]:
        """Return what is asked, and in which protocol.

        Raises:
            Complaint: It is turned down, or meets a fault that is an answer.
        """
        with self._lock:
            self._number += 1
            number, away = self._number, self._away
        wire = _WIRES.get(path)
        if wire is None:
            raise ChatWire().complaint("path", f"POST {path}")
        if away:
            raise wire.complaint("unavailable")
        self._check_key(wire, headers)
        try:
            data = json.loads(body)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise wire.complaint("json")
        received = replace(
            wire.read(path, headers, data, self.manner), number=number, fault=self._fault_of(number) or ""
        )
        with self._lock:
            self.received.append(received)
        if received.fault in _COMPLAINTS:
            found = wire.complaint(_COMPLAINTS[received.fault], received.model)
            wait = {"retry-after": str(self._retry_after_s)} if received.fault == "rate_limit_retry_after" else {}
            raise Complaint(found.status, found.body, {**found.headers, **wait})
        if self._models is not None and received.model not in self._models:
            raise wire.complaint("model", received.model)
        self._check_room(wire, received)
        return wire, received

    def think(self, wire: Wire, received: Received) -> tuple[dict[str, Any], list[str]]:
        """Return the answer, whole and as the events of a stream."""
        said, counted = self._say(received)
        whole = wire.plain(received, said, counted, self.manner)
        events = wire.events(received, said, counted, self.manner)
        if received.fault == "empty_choice":
            whole, events = _emptied(whole), _emptied_events(events)
        return whole, events

    def complain(self, complaint: Complaint) -> None:
        """Keep what was turned down."""
        with self._lock:
            self.complaints.append((complaint.status, json.dumps(complaint.body)))

    def check_reader(self, headers: Mapping[str, str]) -> None:
        """Turn down who may not read the list of models.

        Raises:
            Complaint: Their key is wrong, or the service is away.
        """
        wire = MessagesWire() if "anthropic-version" in headers else ChatWire()
        if self._away:
            raise wire.complaint("unavailable")
        self._check_key(wire, headers)

    def models(self) -> list[str]:
        """Return the names of the models it has."""
        return sorted(self._models or ("test-model",))

    def _say(self, received: Received) -> tuple[Said, Counted]:
        if received.fault == "refusal":
            said = Said(refusal="I'm sorry, but I can't help with that.")
        else:
            try:
                said = self._answer(received)
                if said.calls and not received.tools:
                    raise ValueError("the brain calls tools that nobody offered")
            except Exception as error:
                with self._lock:
                    self.failures.append(error)
                wire = _WIRES[received.path]
                raise wire.complaint("error") from error
        prefix = "toolu" if received.protocol == "messages" else "call"
        calls = [
            call if call.id else replace(call, id=f"{prefix}_{received.number}_{i}")
            for i, call in enumerate(said.calls)
        ]
        said = shorten(replace(said, calls=tuple(calls)), received.max_tokens)
        if received.fault == "truncated":
            said = replace(said, text=said.text[: len(said.text) // 2], calls=(), finish=Finish.LENGTH)
        counted = measure(received, said, *self._cache.pass_through(received))
        with self._lock:
            self.counted[received.number] = counted
        return said, counted

    def _check_key(self, wire: Wire, headers: Mapping[str, str]) -> None:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        given = headers.get("x-api-key") or bearer if isinstance(wire, MessagesWire) else bearer
        if self._key is not None and given != self._key:
            raise wire.complaint("key", given)

    def _check_room(self, wire: Wire, received: Received) -> None:
        limit = received.prompt_tokens // 2 if received.fault == "context_overflow" else self._context_tokens
        # what the Responses may write is no promise, so only what is read counts there
        wanted = 0 if received.protocol == "responses" else received.max_tokens or 0
        if limit is not None and received.prompt_tokens + wanted > limit:
            raise wire.overflow(received, limit)

    def _listen(self) -> None:
        self._listener = Listener(("127.0.0.1", self._port), self)
        self._port = self._listener.server_address[1]
        self._listener.begin()

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.end()


def _as_function(faults: Callable[[int], Fault | None] | Mapping[int, Fault] | None) -> Callable[[int], Fault | None]:
    if faults is None:
        return lambda _: None
    return faults if callable(faults) else faults.get


def _emptied(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer without its content."""
    return {name: [] if name in ("choices", "content", "output") else value for name, value in whole.items()}


def _emptied_events(events: Sequence[str]) -> list[str]:
    """Return a stream without content: events that carry any are left out, the rest is emptied."""
    return list(_keep_empty(events))


def _keep_empty(events: Sequence[str]) -> Iterator[str]:
    for one in events:
        head, _, line = one.rpartition("data: ")
        try:
            data = json.loads(line)
        except ValueError:
            yield one
            continue
        kind = data.get("type", "")
        if kind.startswith(("content_block", "response.output", "response.content", "response.reasoning")):
            continue
        if kind.startswith("response.function"):
            continue
        if "choices" in data:
            data["choices"] = []
        if "response" in data:
            data["response"] = _emptied(data["response"])
        yield head + event(data)
