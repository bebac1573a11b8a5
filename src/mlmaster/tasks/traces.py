"""What gives rows away without being a label: their keys in text, and names that differ in form.

Used twice, on purpose: by `plan`, so that such files stay out, and by `scan`, which proves that they did.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

SHORTEST_KEY = 6
FEWEST_NAMES = 20
"""With fewer names on a side, lengths that never agree may be chance."""
_NUMBER = re.compile(r"[-+]?\d*\.?\d*([eE][-+]?\d+)?")
_ENDING = re.compile(r"\.[A-Za-z]\w*$")
_FIELDS = re.compile(r"[,;|\t\n\r]")
_BREAKS = re.compile(r"[\s,;|<>()\[\]{}=\"'`]+")
_EDGES = " \"'`.:!?*()[]{}"


def is_telling(key: str) -> bool:
    """Return True for a key that stands in a text only when its row is meant: long, and no plain number."""
    return len(key) >= SHORTEST_KEY and not _NUMBER.fullmatch(key)


def find_words(path: Path) -> set[str]:
    """Return everything in a file that may be a key: fields and words, with and without the marks around them."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    found = set(_FIELDS.split(text)) | set(_BREAKS.split(text))
    found |= {word.strip(_EDGES) for word in found}
    return {word for word in found if is_telling(word)}


def differ_in_form(ours: Collection[str], theirs: Collection[str]) -> bool:
    """Return True when names of two kinds can be told apart without looking inside: no ending, or no length, in common."""
    if not ours or not theirs:
        return False
    if _endings(ours).isdisjoint(_endings(theirs)):
        return True
    has_enough = min(len(ours), len(theirs)) >= FEWEST_NAMES
    return has_enough and {len(name) for name in ours}.isdisjoint({len(name) for name in theirs})


def _endings(names: Iterable[str]) -> set[str]:
    return {match.group() if (match := _ENDING.search(name)) else "" for name in names}
