"""How text that others wrote is put into a prompt so that it can never be taken for the prompt's own form."""

from __future__ import annotations

import re

_BACKTICKS = re.compile(r"`+")
_CONTROL = re.compile(r"<\s*(/?\s*think(?:ing)?\s*|\|[^<>\n]{0,40}\|)>", re.IGNORECASE)


def fenced(text: str, language: str = "") -> str:
    """Return a text in a fence longer than any run of backticks inside it."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def code(text: str) -> str:
    """Return a name as inline code on one line, whatever stands in it."""
    flat = " ".join(text.split())
    longest = max((len(run) for run in _BACKTICKS.findall(flat)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {flat} {fence}" if longest else f"`{flat}`"


def inline(text: str, characters: int) -> str:
    """Return a text on one line, cut at a word, so that it can neither open a heading nor a fence."""
    flat = defused(" ".join(text.split())).replace("```", "'''")
    if len(flat) <= characters:
        return flat
    head = flat[: characters - 1]
    whole, space, _ = head.rpartition(" ")
    return (whole if space and len(whole) > characters // 2 else head).rstrip(" ,;:") + "…"


def defused(text: str) -> str:
    """Return a text without the marks by which chat templates and think blocks end: they become words."""
    return _CONTROL.sub(lambda found: f"({found[1].strip('|/ ') or '…'})", text)
