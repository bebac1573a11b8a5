"""A prompt cache that keeps prefixes: what of a prompt was read before, and what is kept of it."""

from __future__ import annotations

from threading import Lock

from mlmaster.testing.llm_wire.exchange import CHARACTERS_PER_TOKEN, Received, count

STEP_TOKENS = 128
"""A cache without marks keeps prompts in steps of so many tokens."""
KEPT = 200


class PromptCache:
    """Prompts seen lately, by model.

    Args:
        smallest_tokens: Shorter prefixes are not kept.
    """

    def __init__(self, smallest_tokens: int) -> None:
        self._smallest = smallest_tokens
        self._whole: list[tuple[str, str]] = []
        self._marked: dict[tuple[str, str], None] = {}
        self._lock = Lock()

    def pass_through(self, received: Received) -> tuple[int, int]:
        """Return how many tokens of a prompt were in the cache, and how many are written to it now."""
        with self._lock:
            if received.protocol == "messages":
                return self._by_marks(received)
            return self._by_steps(received), 0

    def _by_marks(self, received: Received) -> tuple[int, int]:
        """Look up and keep the prefixes that end at marks."""
        prefixes, text = [], ""
        for piece, is_mark in received.pieces:
            text += piece
            if is_mark and count(text) >= self._smallest:
                prefixes.append(text)
        read = max((count(text) for text in prefixes if (received.model, text) in self._marked), default=0)
        for text in prefixes:
            self._marked[received.model, text] = None
        while len(self._marked) > KEPT:
            del self._marked[next(iter(self._marked))]
        return read, max(0, count(prefixes[-1]) - read) if prefixes else 0

    def _by_steps(self, received: Received) -> int:
        """Look up the longest beginning that an earlier prompt had, in whole steps, and keep the prompt."""
        text = "".join(piece for piece, _ in received.pieces)
        common = max(
            (_common(text, other) for model, other in self._whole if model == received.model),
            default=0,
        )
        self._whole = [*self._whole, (received.model, text)][-KEPT:]
        tokens = common // CHARACTERS_PER_TOKEN // STEP_TOKENS * STEP_TOKENS
        return tokens if tokens >= self._smallest else 0


def _common(a: str, b: str) -> int:
    """Return how many characters two texts begin with in common."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low
