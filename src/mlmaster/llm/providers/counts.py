"""Tokens as servers count them, under all the names they have for it."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from mlmaster.llm.prices import MeteredUsage


def usage_of(counts: Any) -> MeteredUsage | None:
    """Return what a `usage` object says, None when it is none; without a price.

    Some servers leave reasoning out of what was written, and have it in the total alone.
    """
    if not isinstance(counts, Mapping):
        return None
    read = _first(counts, "prompt_tokens", "input_tokens")
    written = _first(counts, "completion_tokens", "output_tokens")
    if not read and not written:
        return None
    cached = _first(
        counts,
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",  # DeepSeek
        "cached_tokens",  # Moonshot
    )
    into_cache = _first(counts, "prompt_tokens_details.cache_write_tokens", "input_tokens_details.cache_write_tokens")
    reasoning = _first(
        counts,
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "reasoning_tokens",
    )
    written = max(written, _first(counts, "total_tokens") - read)
    return MeteredUsage(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=min(cached, read),
        reasoning_tokens=min(reasoning, written),
        calls=1,
        written_tokens=min(into_cache, read - min(cached, read)),
    )


def _first(counts: Mapping[str, Any], *names: str) -> int:
    """Return the first of some counts that is there, 0 for none; a dot leads inside."""
    for name in names:
        found: Any = counts
        for key in name.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, int | float) and not isinstance(found, bool) and 0 < found < inf:
            return int(found)
    return 0
