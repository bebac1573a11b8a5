"""What work with language models used: tokens and dollars. Adds up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and dollars of one call, or of many together.

    Attributes:
        input_tokens: Tokens read, those from a provider's cache included.
        output_tokens: Tokens written, reasoning included.
        cached_tokens: Of `input_tokens`, those a provider's cache had.
        reasoning_tokens: Of `output_tokens`, those of reasoning.
        unpriced_tokens: Tokens whose price is not known; they are in no `cost_usd`.
        cost_usd: US dollars.
        calls: How many calls this was, failed ones included.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    unpriced_tokens: int = 0
    cost_usd: float = 0.0
    calls: int = 0

    @property
    def tokens(self) -> int:
        """Return all tokens, read and written."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            unpriced_tokens=self.unpriced_tokens + other.unpriced_tokens,
            cost_usd=self.cost_usd + other.cost_usd,
            calls=self.calls + other.calls,
        )
