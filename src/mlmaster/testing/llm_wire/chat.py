"""OpenAI's chat completions, with the begun answers of vLLM and SGLang (`continue_final_message`) and DeepSeek (`prefix`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlmaster.core.chat import Finish, Tool
from mlmaster.testing.llm_wire import openai
from mlmaster.testing.llm_wire.exchange import (
    Complaint,
    Counted,
    Heard,
    Manner,
    Received,
    Said,
    event,
    names,
    split,
    think_aloud,
)
from mlmaster.testing.llm_wire.openai import turn_down

ROLES = ("system", "assistant", "user", "tool", "developer")

_KNOWN = names(
    """model messages stream stream_options temperature top_p n stop max_tokens max_completion_tokens
    presence_penalty frequency_penalty logit_bias logprobs top_logprobs user seed tools tool_choice
    parallel_tool_calls response_format reasoning_effort service_tier store metadata prompt_cache_key
    safety_identifier verbosity modalities prediction add_generation_prompt continue_final_message
    chat_template_kwargs top_k min_p repetition_penalty separate_reasoning include_reasoning thinking
    enable_thinking thinking_budget reasoning provider usage"""
)
_REFUSALS = {
    "temperature": "temperature",
    "effort": "reasoning_effort",
    "stop": "stop",
    "response_format": "response_format",
    "tools": "tools",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_completion_tokens",
    "stream_options": "stream_options",
}
_FINISHES = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOLS: "tool_calls",
    Finish.FILTERED: "content_filter",
}
_BETA = "/beta/"
"""Paths of DeepSeek's beta, the only ones with a prefix."""


class ChatWire:
    """Chat completions."""

    def read(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], manner: Manner) -> Received:
        """Return what is asked."""
        openai.check_names(body, _KNOWN)
        model = openai.check_model(body)
        openai.check_numbers(body, ("max_tokens", "max_completion_tokens"))
        if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
            turn_down(
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", "max_tokens"
            )
        if body.get("stream_options") is not None and not body.get("stream"):
            turn_down("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
        openai.check_refusals(body, manner, _REFUSALS)
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            turn_down(
                "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
                "messages",
                "empty_array",
            )
        heard = [_read_message(message, i, manner) for i, message in enumerate(messages)]
        _check_calls(messages)
        tools = _read_tools(body)
        _check_format(body.get("response_format"), heard)
        thoughts, is_begun = _read_begun(path, body, messages, manner)
        if is_begun:
            heard.pop()
        pieces = [json.dumps(body.get("tools", "")), *(f"{one.author}: {one.text}\n" for one in heard), thoughts]
        return Received(
            protocol="chat",
            path=path,
            headers=headers,
            body=body,
            model=model,
            messages=tuple(heard),
            thoughts=thoughts,
            is_thinking="<think>" in thoughts and "</think>" not in thoughts,
            tools=tools,
            pieces=tuple((piece, False) for piece in pieces),
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        )

    def plain(self, received: Received, said: Said, counted: Counted, manner: Manner) -> dict[str, Any]:
        """Return the answer as one JSON object."""
        reasoning, text = _place(received, said, manner)
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": said.refusal or None}
        if not (said.calls or said.refusal):
            message["content"] = text
        if reasoning:
            message[manner.reasoning] = reasoning
        if said.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in said.calls
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
        return {**_head(received, "chat.completion"), "choices": [choice], "usage": usage(counted)}

    def events(self, received: Received, said: Said, counted: Counted, manner: Manner) -> list[str]:
        """Return the answer as the events of a stream."""
        reasoning, text = _place(received, said, manner)
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{manner.reasoning: piece} for piece in split(reasoning)]
        deltas += [{"content": piece} for piece in split(text)]
        deltas += [{"refusal": piece} for piece in split(said.refusal)]
        for i, call in enumerate(said.calls):
            function = {"name": call.name, "arguments": ""}
            deltas.append({"tool_calls": [{"index": i, "id": call.id, "type": "function", "function": function}]})
            deltas += [
                {"tool_calls": [{"index": i, "function": {"arguments": piece}}]} for piece in split(call.arguments)
            ]
        head = _head(received, "chat.completion.chunk")
        is_counted = bool((received.body.get("stream_options") or {}).get("include_usage"))
        more = {"usage": None} if is_counted else {}
        chunks: list[dict[str, Any]] = [
            {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}], **more}
            for delta in deltas
        ]
        last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish(said)}
        chunks.append({**head, "choices": [last], **more})
        if is_counted:
            chunks.append({**head, "choices": [], "usage": usage(counted)})
        return [*(event(chunk) for chunk in chunks), event("[DONE]")]

    def complaint(self, kind: str, detail: str = "") -> Complaint:
        """Return what the service answers where it fails."""
        return openai.failure(kind, detail)

    def overflow(self, received: Received, limit: int) -> Complaint:
        """Return what the service answers to a prompt that is too long."""
        prompt, wanted = received.prompt_tokens, received.max_tokens or 0
        return openai.complaint(
            400,
            f"This model's maximum context length is {limit} tokens. However, you requested {prompt + wanted} tokens "
            f"({prompt} in the messages, {wanted} in the completion). Please reduce the length of the messages or the "
            "completion.",
            param="messages",
            code="context_length_exceeded",
        )

    def broken(self) -> list[str]:
        """Return the events that end a stream in which the service fails."""
        return [event(openai.failure("error").body)]


def usage(counted: Counted) -> dict[str, Any]:
    """Return what was counted, as chat completions and completions say it."""
    return {
        "prompt_tokens": counted.input,
        "completion_tokens": counted.output,
        "total_tokens": counted.input + counted.output,
        "prompt_tokens_details": {"cached_tokens": counted.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning, "audio_tokens": 0},
    }


def _read_message(message: Any, i: int, manner: Manner) -> Heard:
    place = f"messages[{i}]"
    role = message.get("role") if isinstance(message, Mapping) else None
    if role not in ROLES:
        supported = ", ".join(f"'{name}'" for name in ROLES)
        turn_down(f"Invalid value: '{role}'. Supported values are: {supported}.", f"{place}.role", "invalid_value")
    if role in ("system", "developer") and "system" in manner.refuses:
        turn_down(
            f"Unsupported value: '{place}.role' does not support '{role}' with this model.",
            f"{place}.role",
            "unsupported_value",
        )
    calls = message.get("tool_calls") or []
    if message.get("content") is None and role == "assistant" and (calls or message.get("reasoning_content")):
        text = ""
    else:
        text = openai.read_text(message.get("content"), f"{place}.content", ("text",))
    wanted = [f"{call['function']['name']} {call['function']['arguments']}" for call in calls]
    return Heard("system" if role == "developer" else role, "\n".join([text, *wanted]) if wanted else text)


def _check_calls(messages: Sequence[Mapping[str, Any]]) -> None:
    """Turn down results without their calls, and calls without their results."""
    open_calls: set[str] = set()
    for i, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                turn_down(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'.",
                    f"messages[{i}].role",
                )
            open_calls.discard(message["tool_call_id"])
            continue
        _check_answered(open_calls)
        open_calls = {call["id"] for call in message.get("tool_calls") or []}
    _check_answered(open_calls)


def _check_answered(open_calls: set[str]) -> None:
    if open_calls:
        turn_down(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The "
            f"following tool_call_ids did not have response messages: {', '.join(sorted(open_calls))}",
            "messages",
        )


def _read_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    tools = []
    for i, tool in enumerate(body.get("tools") or []):
        if not isinstance(tool, Mapping) or tool.get("type") != "function":
            turn_down(
                "Invalid value for 'type'. Supported values are: 'function'.", f"tools[{i}].type", "invalid_value"
            )
        tools.append(openai.read_tool(tool.get("function"), f"tools[{i}].function"))
    if body.get("tool_choice") is not None and not tools:
        turn_down(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.", "tool_choice"
        )
    return tuple(tools)


def _check_format(format_: Any, heard: Sequence[Heard]) -> None:
    if format_ is None:
        return
    kind = format_.get("type") if isinstance(format_, Mapping) else None
    if kind not in ("text", "json_object", "json_schema"):
        turn_down(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "response_format.type",
            "invalid_value",
        )
    if kind == "json_object" and not any("json" in one.text.lower() for one in heard):
        turn_down(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )
    if kind == "json_schema":
        asked = format_.get("json_schema")
        if not isinstance(asked, Mapping) or not openai.TOOL_NAME.fullmatch(str(asked.get("name", ""))):
            turn_down(
                "Missing required parameter: 'response_format.json_schema.name'.",
                "response_format.json_schema.name",
                "missing_required_parameter",
            )
        openai.check_schema(
            asked.get("schema"), f"response_format '{asked['name']}'", is_strict=bool(asked.get("strict"))
        )


def _read_begun(
    path: str, body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], manner: Manner
) -> tuple[str, bool]:
    """Return the answer that is begun for the model, and whether there is any."""
    last = messages[-1]
    template = [name for name in ("add_generation_prompt", "continue_final_message") if name in body]
    prefixes = [message for message in messages if "prefix" in message]
    if template and ("prefill" in manner.refuses or path.startswith(_BETA)):
        turn_down(f"Unrecognized request argument{'s' * (len(template) > 1)} supplied: {', '.join(template)}")
    if prefixes and ("prefill" in manner.refuses or not path.startswith(_BETA)):
        turn_down('prefix is only available when using beta api (set base_url="https://api.deepseek.com/beta")')
    if prefixes and (prefixes != [last] or last["role"] != "assistant"):
        turn_down("prefix mode is only for the last message, which must be an assistant's")
    if prefixes and last["prefix"]:
        return str(last.get("reasoning_content") or "") + str(last.get("content") or ""), True
    if body.get("continue_final_message"):
        if body.get("add_generation_prompt", True):
            turn_down("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
        if last["role"] != "assistant":
            turn_down("continue_final_message is set but the final message is not an assistant's")
        return openai.read_text(last.get("content"), "messages[-1].content", ("text",)), True
    if path.startswith(_BETA) and last["role"] == "assistant":
        turn_down(
            "The last message of this model must be a user message, or an assistant message with prefix mode on (refer to "
            "https://api-docs.deepseek.com/guides/chat_prefix_completion).",
            code="invalid_request_error",
        )
    return "", False


def _place(received: Received, said: Said, manner: Manner) -> tuple[str, str]:
    """Return the reasoning and the text as this provider tells them apart."""
    if manner.reasoning != "inline":
        return said.reasoning, said.text
    return "", think_aloud(received, replace(said, refusal=""))


def _finish(said: Said) -> str:
    return _FINISHES[Finish.TOOLS if said.calls else said.finish]


def _head(received: Received, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{received.number}",
        "object": kind,
        "created": 1_700_000_000,
        "model": received.model,
        "system_fingerprint": None,
    }
