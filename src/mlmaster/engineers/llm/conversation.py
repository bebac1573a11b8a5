"""What is said in one session: the prompt, which never changes, and the turns since, of which the oldest may be left out.

Requests of a session begin alike as long as nothing is left out, so that a provider's prompt cache pays; hence much is left
out at once when it must be.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlmaster.core.chat import Message, Request, Role, Tool
from mlmaster.core.tokens import estimate_tokens

LEFT = 0.75
"""Of the bound that was passed, so much is kept when something must be left out."""
SHORT = 60
"""Tokens of a result that is not worth leaving out."""
HEADING = "## What is known"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model said, and what it was told then."""

    said: Message
    told: tuple[Message, ...]


class Conversation:
    """A prompt and what was said since.

    Args:
        prompt: The messages every request begins with.
        name: Name and version of the prompt.
        thoughts: Memory for the model's own reasoning, in the first request alone.
        left_out: What stands where a result was.
        tools: What is offered natively.
    """

    def __init__(
        self,
        prompt: Sequence[Message],
        *,
        name: str = "",
        thoughts: str = "",
        left_out: str = "[left out]",
        tools: tuple[Tool, ...] = (),
    ) -> None:
        self._prompt = tuple(prompt)
        self._name, self._thoughts, self._left_out, self._tools = name, thoughts, left_out, tools
        self._turns: list[Turn] = []

    def request(self, max_output_tokens: int, more: Sequence[Message] = (), *, is_last: bool = False) -> Request:
        """Return what is to be asked next.

        Args:
            max_output_tokens: Most the reply may have.
            more: Messages that stand in this request alone.
            is_last: Whether no other request will begin with this one.
        """
        is_first = not (self._turns or more)
        messages = self._messages(is_first=is_first)
        if not (is_last or (is_first and self._thoughts)):
            messages = (*messages[:-1], replace(messages[-1], is_stable=True))
        return Request(
            role=Role.CODER,
            messages=(*messages, *more),
            thoughts=self._thoughts if is_first else "",
            tools=self._tools,
            max_output_tokens=max_output_tokens,
            prompt=self._name,
        )

    @property
    def has_begun(self) -> bool:
        """Return True when a turn is over."""
        return bool(self._turns)

    @property
    def tokens(self) -> int:
        """Return about how many tokens the next request has."""
        return request_tokens(self.request(0))

    def add(self, said: Message, told: Sequence[Message]) -> None:
        """Add a turn."""
        self._turns.append(Turn(said, tuple(told)))

    def ask_otherwise(self, words: str) -> None:
        """Add words to the last message, after a reply that is not kept."""
        if self._turns:
            last = self._turns[-1]
            self._turns[-1] = replace(last, told=(*last.told[:-1], _with(last.told[-1], words)))
        else:
            self._prompt = (*self._prompt[:-1], _with(self._prompt[-1], words))

    def shorten(self, tokens: int) -> bool:
        """Leave something out when there are more than so many tokens, and return whether anything was.

        The oldest results go first, then the oldest turns; the prompt and the last turn stay.
        """
        if self.tokens <= tokens:
            return False
        aim, before = LEFT * tokens, self.tokens
        for place, turn in enumerate(self._turns[:-1]):
            if self.tokens > aim:
                self._turns[place] = replace(turn, told=tuple(map(self._without_result, turn.told)))
        while self.tokens > aim and len(self._turns) > 1:
            del self._turns[0]
        return self.tokens < before

    def _messages(self, *, is_first: bool) -> tuple[Message, ...]:
        prompt = self._prompt
        if self._thoughts and not is_first:
            # the reasoning of earlier turns is shown to no model, so from here on memory stands where it can be read
            prompt = (*prompt[:-1], _with(prompt[-1], f"{HEADING}\n\n{self._thoughts}"))
        return (*prompt, *(message for turn in self._turns for message in (turn.said, *turn.told)))

    def _without_result(self, message: Message) -> Message:
        if estimate_tokens(message.text) <= SHORT:
            return message
        return replace(message, text=self._left_out)


def request_tokens(request: Request) -> int:
    """Return about how many tokens a request has."""
    offered = sum(estimate_tokens(tool.description + json.dumps(dict(tool.parameters))) for tool in request.tools)
    return offered + estimate_tokens(request.thoughts) + sum(map(_size, request.messages))


def _size(message: Message) -> int:
    called = "".join(call.name + call.arguments for call in message.calls)
    carried = "" if message.carried is None else json.dumps(dict(message.carried), default=str)
    return estimate_tokens(message.text + called + carried)


def _with(message: Message, words: str) -> Message:
    return replace(message, text=f"{message.text}\n\n{words}")
