"""How many tokens a text has, without a tokenizer: an estimate that is rather too high, for bounds and reservations."""

from __future__ import annotations

BYTES_PER_TOKEN = 3.3
"""English and code have about 4 bytes a token, numbers 2 to 3, other scripts 3 bytes a character and about a token each."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has; 0 for none."""
    return -int(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def cut_to_tokens(text: str, tokens: int, mark: str = "\n[… {left_out} characters left out …]\n") -> str:
    """Return a text of at most about so many tokens: whole, or its beginning and its end around a mark.

    Args:
        text: Any text.
        tokens: The bound; nothing is left of a text where the bound does not even hold the mark.
        mark: Stands where something is missing; `{left_out}` becomes the number of characters.
    """
    if estimate_tokens(text) <= tokens:
        return text
    room = tokens - estimate_tokens(mark) - 2
    if room <= 0:
        return ""
    share = min(1.0, room / estimate_tokens(text))
    kept = max(0, int(len(text) * share))
    while kept > 0:
        head, tail = text[: (kept + 1) // 2], text[len(text) - kept // 2 :]
        found = head + mark.format(left_out=len(text) - kept) + tail
        if estimate_tokens(found) <= tokens:
            return found
        kept = int(kept * 0.9)
    return ""
