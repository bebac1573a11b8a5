"""OpenAI's Responses: items instead of messages, reasoning that is handed back sealed, events with names."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from mlmaster.core.chat import Finish, Tool
from mlmaster.testing.llm_wire import openai
from mlmaster.testing.llm_wire.exchange import Complaint, Counted, Heard, Manner, Received, Said, event, names, split
from mlmaster.testing.llm_wire.openai import turn_down

_KNOWN = names(
    """model input instructions stream stream_options temperature top_p max_output_tokens max_tool_calls user tools
    tool_choice parallel_tool_calls text reasoning include store metadata previous_response_id service_tier
    truncation prompt_cache_key prompt_cache_retention safety_identifier background top_logprobs"""
)
_AUTHORS: Mapping[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_SMALLEST_OUTPUT = 16


class ResponsesWire:
    """Responses."""

    def read(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], manner: Manner) -> Received:
        """Return what is asked."""
        unknown = sorted(set(body) - _KNOWN)
        if unknown:
            turn_down(f"Unknown parameter: '{unknown[0]}'.", unknown[0], "unknown_parameter")
        model = openai.check_model(body)
        openai.check_numbers(body, ("max_output_tokens",), _SMALLEST_OUTPUT)
        _check_refusals(body, manner)
        if body.get("previous_response_id"):
            turn_down(
                f"Previous response with id '{body['previous_response_id']}' not found.",
                "previous_response_id",
                "previous_response_not_found",
            )
        items = body.get("input")
        if isinstance(items, str):
            items = [{"role": "user", "content": items}]
        if not isinstance(items, list) or not items:
            turn_down("Missing required parameter: 'input'.", "input", "missing_required_parameter")
        _check_chain(items, body)
        instructions = str(body.get("instructions") or "")
        heard = [Heard("system", instructions)] if instructions else []
        heard += [one for i, item in enumerate(items) if (one := _read_item(item, i)) is not None]
        tools = _read_tools(body)
        _check_format((body.get("text") or {}).get("format"), heard)
        pieces = [json.dumps(body.get("tools", "")), *(f"{one.author}: {one.text}\n" for one in heard)]
        return Received(
            protocol="responses",
            path=path,
            headers=headers,
            body=body,
            model=model,
            messages=tuple(heard),
            tools=tools,
            pieces=tuple((piece, False) for piece in pieces),
            max_tokens=body.get("max_output_tokens"),
        )

    def plain(self, received: Received, said: Said, counted: Counted, manner: Manner) -> dict[str, Any]:  # noqa: ARG002
        """Return the answer as one JSON object."""
        return _response(received, said, counted, _items(received, said))

    def events(self, received: Received, said: Said, counted: Counted, manner: Manner) -> list[str]:  # noqa: ARG002
        """Return the answer as the events of a stream."""
        items = _items(received, said)
        begun = {**_response(received, said, None, []), "status": "in_progress", "incomplete_details": None}
        told: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        for i, item in enumerate(items):
            told += _tell(item, i)
        whole = _response(received, said, counted, items)
        told.append({"type": f"response.{whole['status']}", "response": whole})
        return [event({**one, "sequence_number": i}, one["type"]) for i, one in enumerate(told)]

    def complaint(self, kind: str, detail: str = "") -> Complaint:
        """Return what the service answers where it fails."""
        return openai.failure(kind, detail)

    def overflow(self, received: Received, limit: int) -> Complaint:  # noqa: ARG002 - this service does not say it
        """Return what the service answers to a prompt that is too long."""
        return openai.complaint(
            400,
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            param="input",
            code="context_length_exceeded",
        )

    def broken(self) -> list[str]:
        """Return the events that end a stream in which the service fails."""
        message = openai.FAILURES["error"][1]
        error = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 999}
        return [event(error, "error")]


def seal(reasoning: str) -> str:
    """Return reasoning in the form in which it is handed out and must come back."""
    proof = hashlib.sha256(f"sealed:{reasoning}".encode()).hexdigest()
    return base64.b64encode(json.dumps([reasoning, proof]).encode()).decode()


def _is_sealed(content: str) -> bool:
    try:
        reasoning, _ = json.loads(base64.b64decode(content, validate=True))
    except ValueError:
        return False
    return seal(reasoning) == content


def _check_refusals(body: Mapping[str, Any], manner: Manner) -> None:
    flat = dict(body)
    flat["reasoning.effort"] = (body.get("reasoning") or {}).get("effort")
    flat["text.format"] = (body.get("text") or {}).get("format")
    names = {
        "temperature": "temperature",
        "tools": "tools",
        "response_format": "text.format",
        "max_tokens": "max_output_tokens",
        "stream_options": "stream_options",
    }
    if "effort" in manner.refuses and flat["reasoning.effort"] is not None:
        turn_down(
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            "reasoning.effort",
            "unsupported_parameter",
        )
    if "temperature" in manner.refuses and flat.get("temperature") is not None:
        turn_down("Unsupported parameter: 'temperature' is not supported with this model.", "temperature")
    openai.check_refusals(flat, manner, names)


def _check_chain(items: Sequence[Any], body: Mapping[str, Any]) -> None:
    """Turn down items that are handed back without those they belong to."""
    calls, results = set(), set()
    for i, item in enumerate(items):
        if not isinstance(item, Mapping):
            turn_down(f"Invalid type for 'input[{i}]': expected an object.", f"input[{i}]", "invalid_type")
        kind = item.get("type", "message")
        if kind == "function_call":
            calls.add(item.get("call_id"))
        elif kind == "function_call_output":
            if item.get("call_id") not in calls:
                turn_down(f"No tool call found for function call output with call_id {item.get('call_id')}.", "input")
            results.add(item["call_id"])
        elif kind == "reasoning":
            _check_reasoning(item, items[i + 1] if i + 1 < len(items) else {}, body)
    for call in sorted(map(str, calls - results)):
        turn_down(f"No tool output found for function call {call}.", "input")


def _check_reasoning(item: Mapping[str, Any], following: Any, body: Mapping[str, Any]) -> None:
    name, content = item.get("id"), item.get("encrypted_content")
    if content is None and body.get("store") is False:
        raise openai.complaint(
            404,
            f"Item with id '{name}' not found. Items are not persisted when `store` is set to false. Try again with `store` "
            "set to true, or remove this item from your input.",
            param="input",
        )
    if content is not None and not _is_sealed(content):
        turn_down(f"The encrypted content for item {name} could not be verified.", code="invalid_encrypted_content")
    is_followed = isinstance(following, Mapping) and (
        following.get("type") in ("function_call", "reasoning") or following.get("role") == "assistant"
    )
    if not is_followed:
        turn_down(f"Item '{name}' of type 'reasoning' was provided without its required following item.", "input")


def _read_item(item: Mapping[str, Any], i: int) -> Heard | None:
    """Return an item as the model reads it; sealed reasoning is not for our eyes."""
    kind = item.get("type", "message")
    if kind == "reasoning":
        return None
    if kind == "function_call":
        return Heard("assistant", f"{item.get('name')} {item.get('arguments')}")
    if kind == "function_call_output":
        return Heard("tool", openai.read_text(item.get("output"), f"input[{i}].output", ("input_text",)))
    author = _AUTHORS.get(str(item.get("role")))
    if kind != "message" or author is None:
        turn_down(
            f"Invalid value: '{item.get('role') if kind == 'message' else kind}'. Supported values are: 'assistant', "
            "'system', 'developer', and 'user'.",
            f"input[{i}]",
            "invalid_value",
        )
    kinds = ("output_text", "refusal") if author == "assistant" else ("input_text",)
    return Heard(author, openai.read_text(item.get("content"), f"input[{i}].content", kinds))


def _read_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    tools = []
    for i, tool in enumerate(body.get("tools") or []):
        if not isinstance(tool, Mapping) or tool.get("type") != "function":
            turn_down(
                "Invalid value for 'type'. Supported values are: 'function'.", f"tools[{i}].type", "invalid_value"
            )
        if "name" not in tool:
            turn_down(
                f"Missing required parameter: 'tools[{i}].name'.", f"tools[{i}].name", "missing_required_parameter"
            )
        tools.append(openai.read_tool(tool, f"tools[{i}]"))
    return tuple(tools)


def _check_format(format_: Any, heard: Sequence[Heard]) -> None:
    if format_ is None:
        return
    kind = format_.get("type") if isinstance(format_, Mapping) else None
    if kind == "json_schema":
        if not openai.TOOL_NAME.fullmatch(str(format_.get("name", ""))):
            turn_down(
                "Missing required parameter: 'text.format.name'.", "text.format.name", "missing_required_parameter"
            )
        # here schemas are enforced unless told otherwise
        openai.check_schema(
            format_.get("schema"), f"response_format '{format_['name']}'", is_strict=format_.get("strict") is not False
        )
    elif kind == "json_object":
        if not any("json" in one.text.lower() for one in heard):
            turn_down(
                "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
                "'json_object'.",
                "input",
            )
    elif kind != "text":
        turn_down(f"Invalid value: '{kind}'.", "text.format.type", "invalid_value")


def _items(received: Received, said: Said) -> list[dict[str, Any]]:
    """Return the output items."""
    status = "incomplete" if said.finish in (Finish.LENGTH, Finish.FILTERED) else "completed"
    items: list[dict[str, Any]] = []
    if said.reasoning:
        is_shown = (received.body.get("reasoning") or {}).get("summary")
        item = {
            "id": f"rs_{received.number}",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": said.reasoning}] if is_shown else [],
        }
        if "reasoning.encrypted_content" in (received.body.get("include") or ()):
            item["encrypted_content"] = seal(said.reasoning)
        items.append(item)
    content: list[dict[str, Any]] = []
    if said.text:
        content.append({"type": "output_text", "text": said.text, "annotations": [], "logprobs": []})
    if said.refusal:
        content.append({"type": "refusal", "refusal": said.refusal})
    if content:
        items.append(
            {
                "id": f"msg_{received.number}",
                "type": "message",
                "role": "assistant",
                "status": status,
                "content": content,
            }
        )
    for i, call in enumerate(said.calls):
        items.append(
            {
                "id": f"fc_{received.number}_{i}",
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
                "status": "completed",
            }
        )
    return items


def _response(
    received: Received, said: Said, counted: Counted | None, items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the whole response."""
    reason = {Finish.LENGTH: "max_output_tokens", Finish.FILTERED: "content_filter"}.get(said.finish)
    usage = counted and {
        "input_tokens": counted.input,
        "input_tokens_details": {"cached_tokens": counted.cached, "cache_write_tokens": 0},
        "output_tokens": counted.output,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning},
        "total_tokens": counted.input + counted.output,
    }
    return {
        "id": f"resp_{received.number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": received.body.get("instructions"),
        "max_output_tokens": received.max_tokens,
        "model": received.model,
        "output": items,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": received.body.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "metadata": {},
    }


def _tell(item: Mapping[str, Any], index: int) -> list[dict[str, Any]]:
    """Return the events that build one item."""
    place = {"item_id": item["id"], "output_index": index}
    told: list[dict[str, Any]] = []
    if item["type"] == "reasoning":
        opened: dict[str, Any] = {**item, "summary": []}
        for i, part in enumerate(item["summary"]):
            where = {**place, "summary_index": i}
            empty = {"type": "summary_text", "text": ""}
            told.append({"type": "response.reasoning_summary_part.added", **where, "part": empty})
            told += [
                {"type": "response.reasoning_summary_text.delta", **where, "delta": p} for p in split(part["text"])
            ]
            told.append({"type": "response.reasoning_summary_text.done", **where, "text": part["text"]})
            told.append({"type": "response.reasoning_summary_part.done", **where, "part": part})
    elif item["type"] == "message":
        opened = {**item, "status": "in_progress", "content": []}
        for i, part in enumerate(item["content"]):
            told += _tell_part(part, {**place, "content_index": i})
    else:
        opened = {**item, "status": "in_progress", "arguments": ""}
        told += [
            {"type": "response.function_call_arguments.delta", **place, "delta": p} for p in split(item["arguments"])
        ]
        done = {"name": item["name"], "arguments": item["arguments"]}
        told.append({"type": "response.function_call_arguments.done", **place, **done})
    return [
        {"type": "response.output_item.added", "output_index": index, "item": opened},
        *told,
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _tell_part(part: Mapping[str, Any], where: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the events that build one part of a message."""
    field = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if field == "refusal" else "response.output_text"
    more: dict[str, Any] = {} if field == "refusal" else {"logprobs": []}
    return [
        {"type": "response.content_part.added", **where, "part": {**part, field: ""}},
        *({"type": f"{name}.delta", **where, "delta": piece, **more} for piece in split(part[field])),
        {"type": f"{name}.done", **where, field: part[field], **more},
        {"type": "response.content_part.done", **where, "part": part},
    ]
