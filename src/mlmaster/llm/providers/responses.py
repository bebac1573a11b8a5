"""OpenAI's Responses: requests to its items, its events to parts, with the model's own reasoning carried over a session.

Nothing is kept at OpenAI (`store: false`), so the items of a reply go back with the next request as they came, reasoning
encrypted. A model that takes no effort is one that does not reason, and is not asked for any such item. Thoughts always stand
in the prompt: an answer cannot be begun here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlmaster.core.chat import Finish, Message, Placement, Request, Tool, ToolCall
from mlmaster.llm.providers.bodies import ANSWER, Body, is_strict
from mlmaster.llm.providers.chat import cache_key, words
from mlmaster.llm.providers.counts import usage_of
from mlmaster.llm.providers.lines import Event, Speaker
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.providers.thoughts import in_prompt, without_system

CARRIED = "responses"
"""Key of what is carried from turn to turn; another protocol's is left alone."""
LEAST_OUTPUT = 16
"""Fewer tokens of a reply are not taken for a limit."""
_ENDS = {"response.completed", "response.incomplete", "response.failed"}


class ResponsesProvider:
    """Speaks to one model over Responses; implements `mlmaster.llm.providers.provider.Provider`."""

    def __init__(
        self,
        model: str,
        *,
        address: str,
        key: str | None = None,
        key_env: str | None = None,
        has_cache_key: bool = True,
    ) -> None:
        """Prepare to speak; nothing is sent.

        Args:
            model: As its provider knows it.
            address: The base URL.
            key: None where none is wanted.
            key_env: Environment variable of the key, for messages.
            has_cache_key: Requests may say which of them begin alike (`prompt_cache_key`).
        """
        self._speaker = Speaker(model, address, key, key_env)
        self._has_cache_key = has_cache_key

    def placement(self, request: Request, options: Options) -> Placement:  # noqa: ARG002 - as the seam wants it
        """Return PROMPT: there is no other place here."""
        return Placement.PROMPT

    def stream(self, request: Request, options: Options) -> Iterator[Part]:
        """Send the request and yield the parts of the reply."""
        body = self.body(request, options)
        reply = _Reply(self._speaker, body.sent)
        return self._speaker.ask(
            "/responses", body.fields, reply.parts, lambda error: self._speaker.fault(error, sent=body.sent)
        )

    def close(self) -> None:
        """Close all connections."""
        self._speaker.close()

    def body(self, request: Request, options: Options) -> Body:
        """Return what is sent for a request."""
        told = in_prompt(request.messages, request.thoughts)
        told = without_system(told) if "system" in options.dropped else told
        has_reasoning = "effort" not in options.dropped
        body = Body(
            options.dropped,
            model=self._speaker.model,
            input=[item for each in told if each.author != "system" for item in _items(each, has_reasoning)],
            stream=True,
            store=False,
        )
        body.put("system", instructions="\n\n".join(each.text for each in told if each.author == "system"))
        body.put("temperature", temperature=options.temperature)
        body.put("effort", include=["reasoning.encrypted_content"])
        body.put("effort", reasoning={"effort": options.effort} if options.effort else None)
        body.put("tools", tools=[_tool(each) for each in request.tools])
        body.put("schema", text={"format": _format(request.schema)} if request.schema else None)
        body.put("max_output_tokens", max_output_tokens=max(LEAST_OUTPUT, request.max_output_tokens))
        body.put("cache", prompt_cache_key=cache_key(request) if self._has_cache_key else None)
        return body


def _items(message: Message, has_reasoning: bool) -> Iterator[dict[str, Any]]:
    """Yield the items that a message is made of; what its provider wants back as it was stands for an assistant's."""
    if message.author == "tool":
        yield {"type": "function_call_output", "call_id": message.answers, "output": message.text}
        return
    carried = (message.carried or {}).get(CARRIED)
    if carried:
        yield from (item for item in carried if has_reasoning or item.get("type") != "reasoning")
        return
    if message.text or not message.calls:
        yield {"role": message.author, "content": message.text}
    for call in message.calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _tool(tool: Tool) -> dict[str, Any]:
    parameters = dict(tool.parameters)
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "strict": is_strict(parameters),  # left out, it counts as wanted
    }


def _format(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "name": ANSWER, "schema": schema, "strict": is_strict(schema)}


@dataclass
class _Reply:
    """What has arrived of one reply."""

    speaker: Speaker
    sent: Collection[str]
    _items: list[Mapping[str, Any]] = field(default_factory=list)
    _is_refused: bool = False

    def parts(self, events: Iterator[Event]) -> Iterator[Part]:
        """Yield the parts of the events.

        Raises:
            Fault: One of them says what went wrong, or none is of this protocol.
        """
        is_known = False
        for event in events:
            kind = words(event.get("type"))
            is_known |= kind.startswith("response.")
            if kind in _ENDS:
                yield self._end(kind, event)
            elif kind == "error":
                raise self.speaker.said(None, json.dumps({"error": dict(event)}), sent=self.sent)
            else:
                yield self._piece(kind, event)
        if not is_known:
            raise Fault(
                "garbled",
                f"{self.speaker.model} at {self.speaker.address}: no response in the answer; see llm.protocol",
            )

    def _piece(self, kind: str, event: Event) -> Part:
        delta = words(event.get("delta"))
        if kind == "response.output_text.delta":
            return Part(text=delta)
        if kind == "response.refusal.delta":
            self._is_refused = True
            return Part(text=delta)
        if kind in ("response.reasoning_text.delta", "response.reasoning_summary_text.delta"):
            return Part(reasoning=delta)
        if kind == "response.output_item.done" and isinstance(item := event.get("item"), Mapping):
            self._items.append(item)
        return Part()

    def _end(self, kind: str, event: Event) -> Part:
        """Return the last part.

        Raises:
            Fault: The response failed.
        """
        found = event.get("response")
        response: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        if kind == "response.failed":
            raise self.speaker.said(None, json.dumps({"error": response.get("error") or "no reason"}), sent=self.sent)
        items = [each for each in self._items if each.get("status") != "incomplete"]
        calls = tuple(
            ToolCall(words(item.get("call_id")), words(item.get("name")), words(item.get("arguments")) or "{}")
            for item in items
            if item.get("type") == "function_call"
        )
        return Part(
            finish=self._finish(kind, response, has_calls=bool(calls)),
            usage=usage_of(response.get("usage")),
            calls=calls,
            model=words(response.get("model")),
            carried=_carried(items),
        )

    def _finish(self, kind: str, response: Mapping[str, Any], *, has_calls: bool) -> Finish:
        if kind == "response.incomplete":
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, Mapping) else None
            return Finish.FILTERED if reason == "content_filter" else Finish.LENGTH
        if self._is_refused:
            return Finish.FILTERED
        return Finish.TOOLS if has_calls else Finish.STOP


def _carried(items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the items as they go back: nothing is stored by its id, what is null is not taken, nor reasoning for nothing."""
    kept: list[dict[str, Any]] = []
    for item in items:
        kind = item.get("type")
        if kind == "reasoning" and item.get("encrypted_content"):
            left_out = {"status"}
        elif kind in ("message", "function_call"):
            left_out = {"status", "id"}
        else:
            continue
        kept.append({name: value for name, value in item.items() if value is not None and name not in left_out})
    while kept and kept[-1]["type"] == "reasoning":
        kept.pop()
    return {CARRIED: kept} if kept else None
