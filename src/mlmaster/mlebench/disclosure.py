"""What may be told of an invalid submission: the second wall between the answers and those who may not know them.

Graders word their refusals without the answers. Nothing here relies on it: a reason is passed on only when each of its words
stands in ML-Master's own source or in what its reader has anyway, which is the submission and the columns of the sample
submission; otherwise a general sentence stands for it. A label that is an everyday word cannot be told from prose;
what is stopped for certain are ids, scores, and labels that do not read like the source. The verdict is `validation.py`'s.
"""

from __future__ import annotations

import ast
import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from mlmaster.core.syntax import parse

LONGEST = 500
"""Characters of a reason."""

_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_TOKEN = re.compile(r"[+-]?\d[\d_,]*\.?\d*(?:[eE][+-]?\d+)?|[^\W\d]\w*|\d+\w*")
_NUMBER = re.compile(r"[+-]?[\d_,.]+(?:[eE][+-]?\d+)?")
_COUNT_BEFORE = frozenset({"row", "rows", "line", "column", "columns"})
_COUNT_AFTER = _COUNT_BEFORE | frozenset(
    [
        "lines",
        "cell",
        "cells",
        "such",
        "value",
        "values",
        "times",
        "word",
        "words",
        "number",
        "numbers",
        "ids",
        "images",
    ]
)
_EMPTY = frozenset({"", "nan", "None"})
"""How an empty cell is shown."""
_EDGES = frozenset(b",;\t\r\n\"' ")
_CUT = "…"
_LOOKS = 100_000
"""Places of a text in a submission that are looked at; a cell of one letter has as many as the file is large."""


@dataclass(frozen=True)
class Known:
    """What the reader of a reason has anyway.

    Attributes:
        submission: The file that was handed in.
        columns: Of the submission and of the sample submission.
        counts: Numbers of rows and columns of both.
    """

    submission: Path
    columns: Sequence[str]
    counts: Sequence[int]


def told(reason: str, known: Known) -> str:
    """Return the reason where all of it may be known, else a sentence that says nothing in particular; never a long one."""
    text = " ".join(reason.split())
    if not _is_public(text, known):
        text = general(known)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + _CUT


def general(known: Known) -> str:
    """Return what holds for every invalid submission."""
    columns = ", ".join(map(repr, known.columns[:8])) + (", …" if len(known.columns) > 8 else "")
    return (
        "the submission breaks the format of the competition; compare its columns, ids, number of rows and values with the "
        f"sample submission (columns of the two: {columns or 'none'})"
    )


def _is_public(text: str, known: Known) -> bool:
    quoted = [single or double for single, double in _QUOTED.findall(text)]
    prose = _QUOTED.sub(" … ", text)
    words, pairs = source_words()
    tokens = _TOKEN.findall(prose)
    doubtful = [
        token
        for earlier, before, token, after in zip(
            ["", "", *tokens], ["", *tokens], tokens, [*tokens[1:], ""], strict=False
        )
        if not _is_prose(token, (earlier, before, after), words, pairs, known)
    ]
    wanted = [*(_unescape(each) for each in quoted), *doubtful]
    columns = {str(column) for column in known.columns}
    return _stand_in(known.submission, [each for each in wanted if each not in columns | _EMPTY])


def _is_prose(
    token: str, around: tuple[str, str, str], words: frozenset[str], pairs: frozenset[tuple[str, str]], known: Known
) -> bool:
    """Return True for a token that tells nothing of the answers."""
    earlier, before, after = around
    if not _NUMBER.fullmatch(token):
        return token in words
    is_whole = token.replace(",", "").isdigit()
    if is_whole and int(token.replace(",", "")) in known.counts:
        return True
    if is_whole and (before.lower() in _COUNT_BEFORE or after.lower() in _COUNT_AFTER):
        return True
    if (earlier, before) == ("sum", "to"):  # of the submission's own cells
        return True
    # a number of the rule itself, as in "between 0 and 1": it stands so in the source, beside the same word
    return (before, token) in pairs or (token, after) in pairs


def _unescape(quoted: str) -> str:
    try:
        return str(ast.literal_eval(f"'{quoted}'"))
    except (ValueError, SyntaxError):
        return quoted


def _stand_in(path: Path, wanted: Sequence[str]) -> bool:
    """Return True when every text is a cell of a file, or the beginning of one where it was cut."""
    if not wanted:
        return True
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(any(_is_cell(content, spelling) for spelling in _spellings(each)) for each in wanted)


def _spellings(text: str) -> Iterator[str]:
    """Yield the ways in which a cell that pandas shows so may be written."""
    yield text
    if '"' in text:
        yield text.replace('"', '""')
    if _NUMBER.fullmatch(text):
        yield text.removesuffix(".0")
        yield f"{text}.0"
        yield text.replace("e+", "e")


def _is_cell(content: mmap.mmap, text: str) -> bool:
    is_cut = text.endswith(_CUT)
    needle = text.removesuffix(_CUT).encode()
    if not needle:
        return False
    at = -1
    for _ in range(_LOOKS):
        at = content.find(needle, at + 1)
        if at < 0:
            return False
        end = at + len(needle)
        begins = at == 0 or content[at - 1] in _EDGES
        if begins and (is_cut or end == len(content) or content[end] in _EDGES):
            return True
    return False


@cache
def source_words() -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Return the words of every string in the modules that word reasons, and the pairs that stand side by side there."""
    words: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for text in _strings():
        tokens = _TOKEN.findall(text)
        words.update(tokens)
        pairs.update(pairwise(tokens))
    return frozenset(words), frozenset(pairs)


def _strings() -> Iterator[str]:
    sources = [each for folder in ("mlebench", "mlebench/graders") for each in _modules(folder)]
    sources.append(files("mlmaster").joinpath("core", "cells.py").read_text(encoding="utf-8"))
    for source in sources:
        tree = parse(source)
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            # the pieces of an f-string are such nodes too, each by itself: what stands around a value is no pair
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value


def _modules(folder: str) -> Iterable[str]:
    for entry in files("mlmaster").joinpath(*folder.split("/")).iterdir():
        if entry.name.endswith(".py"):
            yield entry.read_text(encoding="utf-8")
