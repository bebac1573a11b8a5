"""What gives rows away without being a label: their keys in text, and names that differ in form.

Used twice, on purpose: by `plan`, so that such files stay out, and by `scan`, which proves that they did.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

SHORTEST_KEY = 6
FEWEST_NAMES = 20
"""With fewer names on a side, forms that never agree may be chance."""
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


def differ_in_form(ours: Collection[str], theirs: Collection[str], at_most: float = 0.0) -> bool:
    """Return True when names of two kinds can be told apart without looking inside, by their ending or their length.

    That is: at most the share `at_most` of one kind has an ending, or a length, that the other has too.
    """
    if min(len(ours), len(theirs)) < FEWEST_NAMES:
        return False
    return any(
        min(_share(first, second), _share(second, first)) <= at_most
        for first, second in (
            ([_ending(n) for n in ours], [_ending(n) for n in theirs]),
            (_lengths(ours), _lengths(theirs)),
        )
    )


def _share(ours: Sequence[object], theirs: Sequence[object]) -> float:
    known = set(theirs)
    return sum(form in known for form in ours) / len(ours)


def _ending(name: str) -> str:
    match = _ENDING.search(name)
    return match.group() if match else ""


def _lengths(names: Iterable[str]) -> list[int]:
    return [len(name) for name in names]
