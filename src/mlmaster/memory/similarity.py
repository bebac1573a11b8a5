"""Which texts are most like a query, by BM25 (Robertson and Zaragoza 2009) over words: no model, no embedding, no index.

Plans and faults are a few sentences, and a run has at most some thousand of them, so every call scores them all; their words
are counted once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import log

SATURATION, LENGTH_SHARE = 1.5, 0.75
"""The usual k1 and b: how soon a repeated word stops counting, and how much long texts are discounted."""
MOST_CHARACTERS = 2_000
"""So much of a text is read."""
_LETTERS, _HUMP = re.compile(r"[^\W\d_]+"), re.compile(r"(?<=[a-z])(?=[A-Z])")
_STOP_WORDS = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "in", "is", "it", "of", "on", "or", "the", "to", "was", "with")
)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without numbers; identifiers come apart (`KeyError`, `target_encoding`)."""
    found = (word.lower() for run in _LETTERS.findall(text[:MOST_CHARACTERS]) for word in _HUMP.split(run))
    return [word for word in found if word not in _STOP_WORDS]


def most_similar(query: str, documents: Iterable[tuple[int, str]], most: int) -> tuple[int, ...]:
    """Return the ids of the documents most like a query, the best first; of equals the smaller id.

    Args:
        query: Any text.
        documents: Ids and texts; none that shares no word with the query is returned.
        most: At most so many.
    """
    wanted = sorted(set(words(query)))
    counted = [(id_, _count(text)) for id_, text in documents]
    if not wanted or not counted:
        return ()
    holding = {word: sum(word in counts for _, counts in counted) for word in wanted}
    rarity = {word: log(1 + (len(counted) - held + 0.5) / (held + 0.5)) for word, held in holding.items()}
    mean = sum(counts.total() for _, counts in counted) / len(counted) or 1.0
    scored = [(_score(counts, rarity, counts.total() / mean), id_) for id_, counts in counted]
    return tuple(id_ for score, id_ in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:most] if score > 0)


def _score(counts: Counter[str], rarity: Mapping[str, float], length: float) -> float:
    damping = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length)
    return sum(
        rare * counts[word] * (SATURATION + 1) / (counts[word] + damping)
        for word, rare in rarity.items()
        if word in counts
    )


@lru_cache(maxsize=8192)
def _count(text: str) -> Counter[str]:
    return Counter(words(text))
