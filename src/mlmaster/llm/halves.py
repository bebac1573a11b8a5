"""Half characters: surrogates without their other half, which JSON can name and no protocol can carry.

A server that cuts text where it likes says an emoji in two halves, a model may write one alone, and names of files that are
no UTF-8 hold them too. Halves that belong together become one character again, the others the mark of what cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlmaster.core.chat import Message, Reply, Request, ToolCall

_HALF = re.compile("[\ud800-\udfff]")


def joined_text(text: str) -> str:
    """Return a text that can be encoded."""
    if _HALF.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def joined_reply(reply: Reply) -> Reply:
    """Return a reply whose texts can all be encoded."""
    return replace(
        reply,
        text=joined_text(reply.text),
        reasoning=joined_text(reply.reasoning),
        calls=_calls(reply.calls),
        model=joined_text(reply.model),
        carried=_joined(reply.carried),
    )


def joined_request(request: Request) -> Request:
    """Return a request whose texts can all be encoded; tools and schema are our own words."""
    return replace(
        request,
        messages=tuple(map(_message, request.messages)),
        thoughts=joined_text(request.thoughts),
    )


def _message(message: Message) -> Message:
    return replace(
        message,
        text=joined_text(message.text),
        calls=_calls(message.calls),
        answers=joined_text(message.answers),
        carried=_joined(message.carried),
    )


def _calls(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(joined_text(each.id), joined_text(each.name), joined_text(each.arguments)) for each in calls)


def _joined(data: Any) -> Any:
    if isinstance(data, str):
        return joined_text(data)
    if isinstance(data, Mapping):
        return {joined_text(key): _joined(value) for key, value in data.items()}
    return [_joined(each) for each in data] if isinstance(data, list | tuple) else data
