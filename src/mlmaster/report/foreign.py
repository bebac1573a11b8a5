"""Text that others wrote (models, scripts, providers), made fit for where it is shown: a terminal, a page of Markdown."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PICTURES = {**{code: 0x2400 + code for code in range(0x20)}, 0x7F: 0x2421}
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def visible(text: str) -> str:
    """Return text that others wrote, for a terminal: what would move, colour or reorder it becomes a picture of itself."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub(lambda found: chr(_PICTURES.get(ord(found[0]), 0xFFFD)), plain)


def inert(text: str) -> str:
    """Return text that others wrote, on one line of Markdown, where it is neither a tag, a link, a picture nor a cell."""
    flat = " ".join(visible(text).split())
    return _TAG.sub("&lt;", flat).replace("](", "]\\(").replace("][", "]\\[").replace("|", "\\|")
