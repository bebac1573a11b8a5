"""Anthropic's messages: blocks instead of texts, signed thinking that must come back as it was, marks for the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from mlmaster.core.chat import Finish, Tool
from mlmaster.testing.llm_wire.exchange import Complaint, Counted, Heard, Manner, Received, Said, event, names, split
from mlmaster.testing.llm_wire.openai import TOOL_NAME

FAILURES: Mapping[str, tuple[int, str, str]] = {
    "key": (401, "authentication_error", "invalid x-api-key: {}"),
    "model": (404, "not_found_error", "model: {}"),
    "path": (404, "not_found_error", "Not Found"),
    "json": (400, "invalid_request_error", "The request body is not valid JSON"),
    "busy": (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 30,000 input tokens per minute.",
    ),
    "error": (500, "api_error", "Internal server error"),
    "unavailable": (503, "api_error", "Service unavailable"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "quota": (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase "
        "credits.",
    ),
    "balance": (402, "billing_error", "There is an issue with your billing or payment information."),
}
"""Status, type and message of each failure."""

_KNOWN = names(
    """model messages max_tokens system stream temperature top_p top_k stop_sequences tools tool_choice thinking
    metadata service_tier output_config cache_control container"""
)
_MOST_MARKS = 4
_FINISHES = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOLS: "tool_use",
    Finish.FILTERED: "refusal",
}


class MessagesWire:
    """Anthropic's messages."""

    def read(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], manner: Manner) -> Received:
        """Return what is asked."""
        if "anthropic-version" not in headers:
            _turn_down("anthropic-version: header is required")
        for name in sorted(set(body) - _KNOWN):
            _turn_down(f"{name}: Extra inputs are not permitted")
        for name in ("model", "messages", "max_tokens"):
            if name not in body:
                _turn_down(f"{name}: Field required")
        _check_numbers(body)
        _check_refusals(body, manner)
        messages = body["messages"]
        if not isinstance(messages, list) or not messages:
            _turn_down("messages: at least one message is required")
        heard, pieces = _read_system(body)
        for i, message in enumerate(messages):
            heard += _read_message(message, i, pieces, is_last=i == len(messages) - 1)
        _check_results(messages)
        _check_thinking(body, messages)
        marks = sum(is_mark for _, is_mark in pieces) + ("cache_control" in body)
        if marks and "cache_control" in manner.refuses:
            _turn_down("system.0.cache_control: Extra inputs are not permitted")
        if marks > _MOST_MARKS:
            _turn_down(f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {marks}.")
        if "cache_control" in body:
            pieces[-1] = (pieces[-1][0], True)
        thoughts = ""
        if messages[-1]["role"] == "assistant":
            if "prefill" in manner.refuses:
                _turn_down(
                    "This model does not support assistant message prefill. The conversation must end with a user message."
                )
            thoughts = heard.pop().text
        return Received(
            protocol="messages",
            path=path,
            headers=headers,
            body=body,
            model=body["model"],
            messages=tuple(heard),
            thoughts=thoughts,
            is_thinking="<think" in thoughts and "</think" not in thoughts,
            tools=tuple(_read_tool(tool, i) for i, tool in enumerate(body.get("tools") or [])),
            pieces=tuple(pieces),
            max_tokens=body["max_tokens"],
        )

    def plain(self, received: Received, said: Said, counted: Counted, manner: Manner) -> dict[str, Any]:  # noqa: ARG002
        """Return the answer as one JSON object."""
        return {
            **_head(received),
            "content": _blocks(received, said),
            "stop_reason": _finish(said),
            "stop_sequence": None,
            "usage": _usage(counted),
        }

    def events(self, received: Received, said: Said, counted: Counted, manner: Manner) -> list[str]:  # noqa: ARG002
        """Return the answer as the events of a stream."""
        start = {**_head(received), "content": [], "stop_reason": None, "stop_sequence": None}
        start["usage"] = {**_usage(counted), "output_tokens": 1}
        told: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
        for i, block in enumerate(_blocks(received, said)):
            opened, deltas = _deltas(block)
            told.append({"type": "content_block_start", "index": i, "content_block": opened})
            told += [{"type": "content_block_delta", "index": i, "delta": delta} for delta in deltas]
            told.append({"type": "content_block_stop", "index": i})
        delta = {"stop_reason": _finish(said), "stop_sequence": None}
        told.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": counted.output}})
        told.append({"type": "message_stop"})
        return [event(one, one["type"]) for one in told]

    def complaint(self, kind: str, detail: str = "") -> Complaint:
        """Return what the service answers where it fails."""
        status, type_, message = FAILURES[kind]
        return _complaint(status, type_, message.format(detail))

    def overflow(self, received: Received, limit: int) -> Complaint:
        """Return what the service answers to a prompt that is too long."""
        prompt = received.prompt_tokens
        if prompt > limit:
            message = f"prompt is too long: {prompt} tokens > {limit} maximum"
        else:
            message = (
                f"input length and `max_tokens` exceed context limit: {prompt} + {received.max_tokens} > {limit}, decrease "
                "input length or `max_tokens` and try again"
            )
        return _complaint(400, "invalid_request_error", message)

    def broken(self) -> list[str]:
        """Return the events that end a stream in which the service fails."""
        return [event(self.complaint("overloaded").body, "error")]


def sign(thinking: str) -> str:
    """Return the signature that thinking must come back with."""
    return hashlib.sha256(f"signed:{thinking}".encode()).hexdigest()


def _complaint(status: int, kind: str, message: str) -> Complaint:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CTest"}
    return Complaint(status, body, {"request-id": "req_011CTest"})


def _turn_down(message: str) -> NoReturn:
    raise _complaint(400, "invalid_request_error", message)


def _check_numbers(body: Mapping[str, Any]) -> None:
    if not isinstance(body["max_tokens"], int) or body["max_tokens"] < 1:
        _turn_down("max_tokens: Input should be greater than or equal to 1")
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 1:
        _turn_down("temperature: range: 0..1")
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens", 0)
        if budget < 1024:
            _turn_down("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if body["max_tokens"] <= budget:
            _turn_down("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if thinking.get("type") in ("enabled", "adaptive") and temperature not in (None, 1):
        _turn_down("`temperature` may only be set to 1 when thinking is enabled.")


def _check_refusals(body: Mapping[str, Any], manner: Manner) -> None:
    config = body.get("output_config") or {}
    kind = (body.get("thinking") or {}).get("type")
    if "temperature" in manner.refuses and body.get("temperature") is not None:
        _turn_down("`temperature` is deprecated for this model.")
    if "effort" in manner.refuses and config.get("effort"):
        _turn_down("This model does not support the effort parameter.")
    if "effort" in manner.refuses and kind == "adaptive":
        _turn_down("adaptive thinking is not supported on this model")
    if "effort" in manner.refuses and kind == "enabled":
        _turn_down('"thinking.type.enabled" is not supported for this model.')
    if "response_format" in manner.refuses and config.get("format"):
        _turn_down("output_config.format: this model does not support structured outputs.")
    if "tools" in manner.refuses and body.get("tools"):
        _turn_down("This model does not support tool use.")


def _read_system(body: Mapping[str, Any]) -> tuple[list[Heard], list[tuple[str, bool]]]:
    """Return the system message and the pieces of tools and system, which come first in the cache."""
    tools = body.get("tools") or []
    pieces = [(json.dumps(tools), any("cache_control" in tool for tool in tools))]
    system = body.get("system")
    if system is None:
        return [], pieces
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    texts = []
    for i, block in enumerate(blocks):
        texts.append(_read_block(block, f"system.{i}"))
        pieces.append((f"system: {texts[-1]}\n", "cache_control" in block))
    return [Heard("system", "\n".join(texts))], pieces


def _read_message(message: Any, i: int, pieces: list[tuple[str, bool]], *, is_last: bool) -> list[Heard]:
    """Return a message as the model reads it; results of tools are messages of their own."""
    place = f"messages.{i}"
    role = message.get("role") if isinstance(message, Mapping) else None
    if role not in ("user", "assistant"):
        _turn_down(f"{place}.role: Input should be 'user' or 'assistant'")
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list):
        _turn_down(f"{place}.content: Input should be a valid string")
    if not blocks and not (is_last and role == "assistant"):
        _turn_down(f"{place}: all messages must have non-empty content except for the optional final assistant message")
    texts: dict[bool, list[str]] = {True: [], False: []}
    for j, block in enumerate(blocks):
        text = _read_block(block, f"{place}.content.{j}")
        if is_last and role == "assistant" and j == len(blocks) - 1 and text != text.rstrip():
            _turn_down("messages: final assistant content cannot end with trailing whitespace")
        pieces.append((f"{role}: {text}\n", "cache_control" in block))
        if block.get("type") not in ("thinking", "redacted_thinking"):
            texts[block.get("type") == "tool_result"].append(text)
    heard = [Heard("tool", text) for text in texts[True]]
    if texts[False] or not heard:
        heard.append(Heard(role, "\n".join(texts[False])))
    return heard


def _read_block(block: Any, place: str) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    if kind == "text":
        if not str(block.get("text") or "").strip():
            _turn_down("messages: text content blocks must be non-empty")
        return str(block["text"])
    if kind == "thinking":
        if block.get("signature") != sign(str(block.get("thinking"))):
            _turn_down(f"{place}: Invalid `signature` in `thinking` block")
        return str(block["thinking"])
    if kind == "redacted_thinking":
        return ""
    if kind == "tool_use":
        if not isinstance(block.get("input"), Mapping):
            _turn_down(f"{place}.tool_use.input: Input should be a valid dictionary")
        return f"{block.get('name')} {json.dumps(block['input'])}"
    if kind == "tool_result":
        content = block.get("content", "")
        if isinstance(content, str):
            return content
        return "\n".join(_read_block(part, f"{place}.content.{i}") for i, part in enumerate(content))
    _turn_down(f"{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags")


def _blocks_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return message["content"] if isinstance(message["content"], list) else []


def _check_results(messages: Sequence[Mapping[str, Any]]) -> None:
    """Turn down calls whose results do not follow at once, and results without calls."""
    wanted: set[str] = set()
    for i, message in enumerate(messages):
        found = {block["tool_use_id"] for block in _blocks_of(message) if block["type"] == "tool_result"}
        if wanted - found:
            _turn_down(
                f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(wanted - found))}. Each `tool_use` block must have a corresponding `tool_result` block "
                "in the next message."
            )
        if found - wanted:
            _turn_down(
                f"messages.{i}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(sorted(found - wanted))}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        wanted = {block["id"] for block in _blocks_of(message) if block["type"] == "tool_use"}
    if wanted:
        _turn_down(
            f"messages.{len(messages)}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(sorted(wanted))}."
        )


def _check_thinking(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> None:
    """Turn down tool calls that are handed back without the thinking before them."""
    if (body.get("thinking") or {}).get("type") != "enabled":
        return
    for i, message in enumerate(messages):
        blocks = _blocks_of(message)
        kinds = [block["type"] for block in blocks]
        if message["role"] == "assistant" and "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
            _turn_down(
                f"messages.{i}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`. When "
                "`thinking` is enabled, a final `assistant` message must start with a thinking block."
            )


def _read_tool(tool: Any, i: int) -> Tool:
    if not isinstance(tool, Mapping) or not TOOL_NAME.fullmatch(str(tool.get("name", ""))):
        _turn_down(f"tools.{i}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    schema = tool.get("input_schema")
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        _turn_down(f"tools.{i}.custom.input_schema.type: Field required")
    return Tool(tool["name"], str(tool.get("description", "")), schema)


def _blocks(received: Received, said: Said) -> list[dict[str, Any]]:
    """Return the content; thinking is only there when it was asked for."""
    blocks: list[dict[str, Any]] = []
    thinking = received.body.get("thinking") or {}
    if said.reasoning and thinking.get("type") in ("enabled", "adaptive"):
        shown = "" if thinking.get("display") == "omitted" else said.reasoning
        blocks.append({"type": "thinking", "thinking": shown, "signature": sign(shown)})
    if said.text:
        blocks.append({"type": "text", "text": said.text, "citations": None})
    for call in said.calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)})
    return blocks


def _deltas(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a block as it opens, and what fills it."""
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in split(block["thinking"])]
        return {**block, "thinking": "", "signature": ""}, [
            *deltas,
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in split(block["text"])]
    pieces = ["", *split(json.dumps(block["input"], ensure_ascii=False))]
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def _usage(counted: Counted) -> dict[str, Any]:
    return {
        "input_tokens": counted.input - counted.cached - counted.written,
        "cache_creation_input_tokens": counted.written,
        "cache_read_input_tokens": counted.cached,
        "output_tokens": counted.output,
        "service_tier": "standard",
    }


def _finish(said: Said) -> str:
    if said.refusal:
        return "refusal"
    return _FINISHES[Finish.TOOLS if said.calls else said.finish]


def _head(received: Received) -> dict[str, Any]:
    return {"id": f"msg_{received.number}", "type": "message", "role": "assistant", "model": received.model}
