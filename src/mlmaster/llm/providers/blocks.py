"""A conversation as Anthropic's blocks: what is sent of it, and what arrives. The SDK is not known here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlmaster.core.chat import Finish, Message, Request, ToolCall
from mlmaster.llm.prices import MeteredUsage
from mlmaster.llm.providers.provider import Part
from mlmaster.llm.providers.thoughts import HEADING

Block = dict[str, Any]

_PROTOCOL = "messages"
_FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "tool_use": Finish.TOOLS,
    "refusal": Finish.FILTERED,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    # only paused: to be gone on with, like a reply that was cut off
    "pause_turn": Finish.LENGTH,
}


def text_block(text: str) -> Block:
    """Return a block of text."""
    return {"type": "text", "text": text}


def turns(request: Request, model: str, *, has_tools: bool) -> tuple[list[Block], list[Block]]:
    """Return the turns of a conversation, and the last block of each stable message, where a prompt cache may end.

    Thoughts are a block of their own behind the last message of the user, so that the cache may end before them.

    Args:
        request: What is asked; its system messages are left to the caller.
        model: Which model is asked.
        has_tools: Whether tools are offered; else calls of earlier ones and their results go in words.
    """
    found: list[Block] = []
    ends: list[Block] = []
    spoken = [message for message in request.messages if message.author != "system"]
    last = max((at for at, message in enumerate(spoken) if message.author == "user"), default=-1)
    for at, message in enumerate(spoken):
        blocks = _blocks(message, model, has_tools=has_tools)
        markable = [block for block in blocks if "thinking" not in block["type"]]
        if message.is_stable and markable:
            ends.append(markable[-1])
        if at == last and request.thoughts.strip():
            blocks.append(text_block(f"{HEADING}\n\n{request.thoughts}"))
        role = "assistant" if message.author == "assistant" else "user"
        if found and found[-1]["role"] == role:
            found[-1]["content"] += blocks
        elif blocks:
            found.append({"role": role, "content": blocks})
    return found, ends


def _blocks(message: Message, model: str, *, has_tools: bool) -> list[Block]:
    """Return a message as blocks; none for an empty one, since empty texts are refused."""
    texts = [text_block(message.text)] if message.text.strip() else []
    if not has_tools:
        return texts + [text_block(f"{call.name}({call.arguments})") for call in message.calls]
    if message.author == "tool":
        return [{"type": "tool_result", "tool_use_id": message.answers, "content": message.text}]
    if (content := _carried(message, model)) is not None:
        return content
    return texts + [_call(call.id, call.name, call.arguments) for call in message.calls]


def _carried(message: Message, model: str) -> list[Block] | None:
    """Return the blocks of a reply as they came, for signed thinking has to go back just so.

    None where there are none, where another model wrote them, or where the message is no longer what came.
    """
    carried = message.carried or {}
    if (carried.get("protocol"), carried.get("model")) != (_PROTOCOL, model):
        return None
    blocks = [dict(block) for block in carried["content"] if _is_whole(block)]
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    is_same = text.strip() == message.text.strip() and calls == [call.id for call in message.calls]
    return blocks if is_same else None


def _is_whole(block: Mapping[str, Any]) -> bool:
    """Return False for what is refused when it goes back: empty text, thinking that was cut off before it was signed."""
    if block["type"] == "text":
        return bool(block["text"].strip())
    return block["type"] != "thinking" or bool(block.get("signature"))


def _call(identity: str, name: str, arguments: str) -> Block:
    """Return the block of a call, with an object for its arguments whatever the model wrote."""
    try:
        found = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        found = None
    whole = found if isinstance(found, dict) else {"unreadable": arguments}
    return {"type": "tool_use", "id": identity, "name": name, "input": whole}


@dataclass(slots=True)
class Arrived:
    """What has arrived of a reply.

    Attributes:
        asked: The model that was asked.
        has_begun: There was an event at all.
    """

    asked: str
    has_begun: bool = False
    _model: str = ""
    _counts: dict[str, int] = field(default_factory=dict)
    _blocks: dict[int, Block] = field(default_factory=dict)
    _arguments: dict[int, str] = field(default_factory=dict)
    _finish: Finish | None = None
    _explanation: str = ""
    _is_counted: bool = False

    def take(self, event: Mapping[str, Any]) -> Part | None:
        """Take an event as JSON data; return the part it is, if it is one."""
        self.has_begun = True
        match event["type"]:
            case "message_start":
                self._model = event["message"].get("model", "")
                self._count(event["message"].get("usage"))
            case "content_block_start":
                self._blocks[event["index"]] = block = dict(event["content_block"])
                return self._part(text=block.get("text") or "", reasoning=block.get("thinking") or "")
            case "content_block_delta":
                return self._grow(event["index"], event["delta"])
            case "message_delta":
                delta = event["delta"]
                self._count(event.get("usage"))
                if reason := delta.get("stop_reason"):
                    self._finish = _FINISHES.get(reason, Finish.STOP)
                self._explanation = (delta.get("stop_details") or {}).get("explanation") or ""
        return None

    def last(self) -> Part:
        """Return the part that ends the reply; it has no finish when the stream broke off."""
        blocks = [self._whole(index) for index in sorted(self._blocks)]
        is_silent = not any(block["type"] == "text" and block["text"].strip() for block in blocks)
        is_signed = any("thinking" in block["type"] for block in blocks)
        return Part(
            text=self._explanation if self._finish is Finish.FILTERED and is_silent else "",
            finish=self._finish,
            usage=self._usage(),
            calls=tuple(
                ToolCall(id=block["id"], name=block["name"], arguments=self._written(index))
                for index, block in sorted(self._blocks.items())
                if block["type"] == "tool_use"
            ),
            model=self._model,
            carried={"protocol": _PROTOCOL, "model": self.asked, "content": blocks} if is_signed else None,
        )

    def _part(self, text: str = "", reasoning: str = "") -> Part:
        """Return a part; the first one says what reading the request has used, should the rest never come."""
        part = Part(text=text, reasoning=reasoning)
        if not self._is_counted:
            self._is_counted = True
            part = replace(part, usage=self._usage(), model=self._model)
        return part

    def _grow(self, index: int, delta: Mapping[str, Any]) -> Part:
        block = self._blocks[index]
        match delta["type"]:
            case "text_delta":
                block["text"] = block.get("text", "") + delta["text"]
                return self._part(text=delta["text"])
            case "thinking_delta":
                block["thinking"] = block.get("thinking", "") + delta["thinking"]
                return self._part(reasoning=delta["thinking"])
            case "signature_delta":
                block["signature"] = block.get("signature", "") + delta["signature"]
            case "input_json_delta":
                self._arguments[index] = self._arguments.get(index, "") + delta["partial_json"]
        return self._part()

    def _written(self, index: int) -> str:
        return self._arguments.get(index) or json.dumps(self._blocks[index].get("input") or {})

    def _whole(self, index: int) -> Block:
        block = self._blocks[index]
        return block if block["type"] != "tool_use" else _call(block["id"], block["name"], self._written(index))

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        # the count at the end is of the whole reply, but may leave out what has not changed
        self._counts |= {name: count for name, count in (usage or {}).items() if isinstance(count, int)}
        thinking = ((usage or {}).get("output_tokens_details") or {}).get("thinking_tokens")
        if isinstance(thinking, int):
            self._counts["thinking_tokens"] = thinking

    def _usage(self) -> MeteredUsage:
        read = self._counts.get("cache_read_input_tokens", 0)
        written = self._counts.get("cache_creation_input_tokens", 0)
        return MeteredUsage(
            # `input_tokens` there are those which neither came from the cache nor went into it
            input_tokens=self._counts.get("input_tokens", 0) + read + written,
            output_tokens=self._counts.get("output_tokens", 0),
            cached_tokens=read,
            reasoning_tokens=self._counts.get("thinking_tokens", 0),
            written_tokens=written,
            calls=1,
        )
