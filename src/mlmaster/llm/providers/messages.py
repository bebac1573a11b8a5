"""Anthropic's messages, spoken through its SDK.

Imported only where such a model is asked, since the SDK is slow to load. Claude takes no begun answer while it thinks, and
of late none at all, so thoughts always stand in the prompt. How a conversation becomes blocks, and blocks a reply, is
`blocks.py`.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Collection, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from threading import Lock
from typing import Any
from weakref import WeakSet

import anthropic
import httpx2

from mlmaster.core.chat import Placement, Request
from mlmaster.llm.capabilities import Capabilities
from mlmaster.llm.presets import Thinking
from mlmaster.llm.providers.blocks import Arrived, text_block, turns
from mlmaster.llm.providers.faults import connection_fault, fault_of
from mlmaster.llm.providers.headers import keep_own
from mlmaster.llm.providers.lines import CONNECT_S, NO_KEY, Conversation, Line
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.providers.thoughts import without_system

MAKER = "anthropic.com"
MOST_MARKS = 4
"""Of the ends of cached beginnings in one request; more are refused."""
LEAST_MAX_TOKENS = 4_096
"""What every model may be asked to write; here the limit has no other name and cannot be left out."""
LEAST_BUDGET = 1_024
"""Of tokens to think with; less is refused."""

_SHOWN_THINKING = {"type": "adaptive", "display": "summarized"}
"""Without a summary, newer models send nothing at all while they think, and seem to stand still."""
_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
_SHARES = {"minimal": 0.0, "low": 0.25, "medium": 0.5, "high": 0.75}
"""Of the tokens of a reply that a model with a budget may think with."""


class MessagesProvider:
    """Speaks to one model over Anthropic's messages; implements `mlmaster.llm.providers.provider.Provider`."""

    def __init__(
        self, declared: Capabilities, model: str, *, address: str, key: str | None, key_env: str | None
    ) -> None:
        """Prepare to speak; nothing is sent.

        Args:
            declared: What the model can do.
            model: As its provider knows it.
            address: Of the provider, with or without `/v1`.
            key: None where none is wanted.
            key_env: Environment variable of the key, for messages.
        """
        self._declared = declared
        self._model = model
        self._address = address.rstrip("/").removesuffix("/v1")
        self._key = key
        self._key_env = key_env
        self._trust: ssl.SSLContext = httpx2.create_ssl_context()
        self._open: WeakSet[Conversation] = WeakSet()
        self._lock = Lock()

    def placement(self, request: Request, options: Options) -> Placement:  # noqa: ARG002 - the seam's arguments
        """Return PROMPT."""
        return Placement.PROMPT

    def stream(self, request: Request, options: Options) -> Conversation:
        """Send the request when the first part is asked for, and yield the parts of the reply."""
        body = self.body(request, options)
        sent = _sent(body, options)

        def talk(line: Line) -> Generator[Part, None, None]:
            try:
                yield from self._parts(line, body)
            except anthropic.AnthropicError as error:
                # without its cause: an SDK's error holds the request, and that the key
                raise self._fault(error, sent) from None
            except (AttributeError, KeyError, TypeError):  # an event that lacks what it must have
                raise self._garbled() from None

        conversation = Conversation(talk, lambda error: self._fault(error, sent))
        with self._lock:
            self._open.add(conversation)
        return conversation

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            conversations = list(self._open)
        for each in conversations:
            each.close()

    def body(self, request: Request, options: Options) -> dict[str, Any]:
        """Return what is sent for a request."""
        dropped = options.dropped
        if "system" in dropped:
            request = replace(request, messages=without_system(request.messages))
        tools = () if "tools" in dropped else request.tools
        most = request.max_output_tokens
        if "max_output_tokens" in dropped:
            most = min(most, LEAST_MAX_TOKENS)
        messages, ends = turns(request, self._model, has_tools=bool(tools))
        body: dict[str, Any] = {"model": self._model, "max_tokens": most, "messages": messages, "stream": True}
        system = [text_block(each.text) for each in request.messages if each.author == "system" and each.text.strip()]
        if system:
            body["system"] = system
            # the system prompt is there on every call; of the rest, the longest beginnings save most
            ends = [system[-1], *ends[-(MOST_MARKS - 1) :]]
        if self._declared.caching == "marked" and "cache" not in dropped:
            for block in ends[-MOST_MARKS:]:
                block["cache_control"] = {"type": "ephemeral"}
        if tools:
            body["tools"] = [
                {"name": each.name, "description": each.description, "input_schema": dict(each.parameters)}
                for each in tools
            ]
        if "effort" not in dropped:
            body |= _thinking(self._declared.thinking, options.effort, most)
        if request.schema is not None and self._declared.has_schema and "schema" not in dropped:
            schema = anthropic.transform_schema(dict(request.schema))
            body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}
        if options.temperature is not None and "temperature" not in dropped and "thinking" not in body:
            body["temperature"] = min(options.temperature, 1.0)  # the range of others is twice as wide
        return body

    def _parts(self, line: Line, body: Mapping[str, Any]) -> Generator[Part, None, None]:
        """Send a request and yield the parts of the reply."""
        # without a key, the SDK would look for one in the environment and send it to whoever is asked
        key = self._key or NO_KEY
        with (
            httpx2.Client(
                verify=self._trust,
                timeout=httpx2.Timeout(None, connect=CONNECT_S),  # whoever reads the parts looks at the clock
                event_hooks={"request": [line.watch, keep_own(self._address, MAKER, key)]},
            ) as http,
            anthropic.Anthropic(api_key=key, base_url=self._address, max_retries=0, http_client=http) as client,
            # not `messages.create`, which tells the age of models by Python's warnings
            closing(
                client.post("/v1/messages", cast_to=object, body=body, stream=True, stream_cls=anthropic.Stream[object])
            ) as events,
        ):
            kind = events.response.headers.get("content-type", "")
            if "json" in kind or "html" in kind:
                raise self._instead(events.response)
            arrived = Arrived(self._model)
            for event in events:
                if isinstance(event, Mapping) and (part := arrived.take(event)) is not None:
                    yield part
            if not arrived.has_begun:
                raise self._garbled()
            yield arrived.last()

    def _instead(self, response: httpx2.Response) -> Fault:
        """Return the fault of an answer that is no stream of events: a page, or an error that calls itself a success."""
        response.read()
        if "json" in response.headers["content-type"] and '"error"' not in response.text:
            return self._garbled()
        return self._said(response.status_code, response.text, response.headers, ())

    def _fault(self, error: Exception, sent: Collection[str]) -> Fault:
        """Return what an error of the SDK, of HTTP or of JSON means."""
        if isinstance(error, anthropic.APIStatusError):
            body = error.body if isinstance(error.body, str) else json.dumps(error.body)
            return self._said(error.status_code, body, error.response.headers, sent)
        if isinstance(error, ValueError | RecursionError | anthropic.APIResponseValidationError) and not isinstance(
            error, UnicodeEncodeError
        ):
            return self._garbled()
        return connection_fault(
            error,
            model=self._declared.name,
            address=self._address,
            key_env=self._key_env,
            secrets=(self._key,) if self._key else (),
        )

    def _said(self, status: int, body: str, headers: Mapping[str, str], sent: Collection[str]) -> Fault:
        return fault_of(
            status,
            body,
            headers,
            model=self._declared.name,
            address=self._address,
            key_env=self._key_env,
            sent=sent,
            secrets=(self._key,) if self._key else (),
        )

    def _garbled(self) -> Fault:
        return Fault(
            "garbled",
            f"{self._declared.name} at {self._address}: the answer makes no sense; does the address speak Anthropic's "
            "messages? See llm.base_url and llm.protocol",
        )


def _thinking(thinking: Thinking | None, effort: str | None, most: int) -> dict[str, Any]:
    """Return what asks for an effort: nothing where the model does not think, or shall do as it is used to."""
    if thinking is None:
        return {}
    if thinking.kind == "budget":
        budget = max(LEAST_BUDGET, int(most * _SHARES[effort])) if effort in _SHARES else 0
        return {"thinking": {"type": "enabled", "budget_tokens": budget}} if 0 < budget < most else {}
    if effort is None:
        return {"thinking": _SHOWN_THINKING} if thinking.is_default else {}
    if effort == "none" and thinking.turned_off_by is not None:
        return {"thinking": {"type": thinking.turned_off_by}}
    return {"thinking": _SHOWN_THINKING, "output_config": {"effort": _EFFORTS[effort]}}


def _sent(body: Mapping[str, Any], options: Options) -> frozenset[str]:
    """Return which parameters a request has, for only these can be refused."""
    config = body.get("output_config", {})
    has = {
        "temperature": "temperature" in body,
        "effort": "thinking" in body,
        "system": "system" in body,
        "tools": "tools" in body,
        "schema": "format" in config,
        "max_output_tokens": "max_output_tokens" not in options.dropped,
        "cache": "cache_control" in json.dumps(body),
    }
    return frozenset(parameter for parameter in has if has[parameter])
