"""What one solution may still take: replies, tokens, seconds; every request for it goes through here and is counted."""

from __future__ import annotations

from collections.abc import Sequence

from mlmaster.core.chat import ModelFacts, Reply, Request
from mlmaster.core.tokens import estimate_tokens
from mlmaster.core.usage import Usage
from mlmaster.engineers.llm.conversation import request_tokens
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.ports import LLM, Clock, Desk

SHORTEST_REPLY = 1_000
"""Tokens; where no more are left for a reply, none is asked for."""


class Allowance:
    """Counts what a proposal takes.

    Args:
        llm: Who is asked.
        desk: Whose proposal it is.
        clock: The time.
        settings: The caps.

    Attributes:
        usage: Of all replies so far.
        largest: Tokens of the largest request, an estimate.
        turns: Replies that counted; see `count_turn`.
    """

    def __init__(self, llm: LLM, desk: Desk, clock: Clock, settings: SessionSettings) -> None:
        self._llm, self._desk, self._clock, self._settings = llm, desk, clock, settings
        self._began = clock.monotonic()
        self._tokens = 0
        self.usage = Usage()
        self.largest = 0
        self.turns = 0

    def ask(self, request: Request) -> Reply:
        """Ask, and count what it took; raises as `mlmaster.ports.LLM.ask` does."""
        self.largest = max(self.largest, request_tokens(request))
        reply = self._llm.ask(request, node=self._desk.node, cancel=self._desk.cancel)
        self.usage += reply.usage
        self._tokens += reply.usage.tokens or request_tokens(request) + estimate_tokens(reply.text + reply.reasoning)
        return reply

    def count_turn(self) -> None:
        """Count a reply of the coder; one that is cut off and what goes on with it are one."""
        self.turns += 1

    @property
    def turns_left(self) -> int:
        """Return how many more replies may be asked for."""
        return self._settings.turns - self.turns

    @property
    def tokens_left(self) -> int:
        """Return how many more tokens may be read and written."""
        return self._settings.tokens - self._tokens

    @property
    def seconds_left(self) -> float:
        """Return how many more seconds may pass."""
        return self._settings.time_s - (self._clock.monotonic() - self._began)

    def reply_tokens(self, request: int, facts: ModelFacts) -> int:
        """Return how many tokens a reply to a request of so many may have; never too few to say anything."""
        rooms: Sequence[int] = [facts.max_output_tokens, self.tokens_left - request]
        if facts.context_tokens is not None:
            rooms = [*rooms, facts.context_tokens - request]
        return max(min(SHORTEST_REPLY, facts.max_output_tokens), min(rooms))

    def ended_by(self) -> str:
        """Return which cap is reached, in words; "" while another reply may be asked for."""
        if self.turns_left <= 0:
            return f"after {self.turns} replies (session.turns)"
        if self.seconds_left <= 0:
            return f"after {self._settings.time_s:,.0f} seconds (session.time_s)"
        is_spent = self.turns and self.tokens_left <= SHORTEST_REPLY
        return "" if not is_spent else f"after {self._tokens:,} tokens (session.tokens)"
