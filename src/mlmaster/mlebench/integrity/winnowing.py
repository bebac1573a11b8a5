"""How much of a solution stands in somebody's published kernel: winnowing over tokens.

Source: Schleimer, Wilkerson, Aiken 2003, "Winnowing: Local Algorithms for Document Fingerprinting"; with the lengths
that Dolos, which MLE-bench uses, takes by default (23 tokens, windows of 17). Names and numbers count as such, not by
their spelling, so that renaming hides nothing; comments, blank lines and indentation do not count.
"""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from mlmaster.mlebench.integrity.sources import Source

K = 23
"""Tokens of one fingerprint: anything shorter that two scripts share is no evidence."""
WINDOW = 17
"""Of every so many fingerprints in a row one is kept, so that a shared run of K + WINDOW - 1 tokens is always found."""
_PASSED_OVER = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How two scripts resemble each other.

    Attributes:
        solution, kernel: Their names.
        similarity: Share of fingerprints of both that they have in common, 0 to 1.
        contained: Share of the solution's fingerprints that stand in the kernel.
        shared: How many fingerprints they share.
    """

    solution: str
    kernel: str
    similarity: float
    contained: float
    shared: int


def compare(solutions: Sequence[Source], kernels: Sequence[Source]) -> list[Likeness]:
    """Return every pair that shares something, the most alike first."""
    theirs = [(each.name, fingerprints(each.text)) for each in kernels]
    found = []
    for solution in solutions:
        own = fingerprints(solution.text)
        for name, other in theirs:
            shared = len(own & other)
            if shared:
                similarity = 2 * shared / (len(own) + len(other))
                found.append(Likeness(solution.name, name, similarity, shared / len(own), shared))
    return sorted(found, key=lambda each: (-each.similarity, each.solution, each.kernel))


def fingerprints(code: str) -> frozenset[int]:
    """Return the fingerprints of a script; none for one of fewer than K tokens."""
    tokens = list(tokens_of(code))
    hashes = [_hash(tokens[i : i + K]) for i in range(len(tokens) - K + 1)]
    if len(hashes) <= WINDOW:
        return frozenset({min(hashes)} if hashes else ())
    return frozenset(min(hashes[i : i + WINDOW]) for i in range(len(hashes) - WINDOW + 1))


def tokens_of(code: str) -> Iterable[str]:
    """Yield the tokens of a script as kinds; where it stops being Python, what stood before."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in _PASSED_OVER:
                continue
            if token.type == tokenize.NAME:
                yield token.string if keyword.iskeyword(token.string) else "name"
            elif token.type == tokenize.NUMBER:
                yield "number"
            elif token.type == tokenize.STRING:
                yield "text"
            else:
                yield token.string
    except (tokenize.TokenError, SyntaxError):  # IndentationError too
        return


def _hash(tokens: Sequence[str]) -> int:
    return int.from_bytes(blake2b("\x1f".join(tokens).encode(), digest_size=8).digest())
