"""Edits in other forms than search/replace blocks: pairs of tags, labelled fences, unified diffs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from mlmaster.engineers.llm.replies.blocks import Block, find_blocks, python_spans

MOST_PAIRS = 200
_OPENING = re.compile(r"<(search|old|old_str|old_string|original|find|before|old_code)>", re.IGNORECASE)
_CLOSING = {
    "search": ("replace", "replacement"),
    "old": ("new",),
    "old_str": ("new_str",),
    "old_string": ("new_string",),
    "original": ("updated", "replacement", "new"),
    "find": ("replace", "replacement"),
    "before": ("after",),
    "old_code": ("new_code",),
}
_OLD = re.compile(
    r"\W*(?:search(?: for)?|original(?: code)?|old(?: code)?|before|find|replace this|change this)\W*", re.IGNORECASE
)
_NEW = re.compile(
    r"\W*(?:replace(?: with|ment)?|new(?: code)?|after|updated(?: code)?|with(?: this)?|by(?: this)?|to(?: this)?|to)\W*",
    re.IGNORECASE,
)
_HUNK = re.compile(r"@@(?:.*@@)?.{0,200}")
_HEADER = ("--- ", "+++ ", "diff --git", "index ", "new file mode", "deleted file", "similarity", "*** ")


@dataclass(frozen=True, slots=True)
class Pair:
    """What is searched and what stands there afterwards, with the place of both in the text."""

    search: str
    replace: str
    start: int
    end: int


def find_pairs(text: str) -> list[Pair]:
    """Return edits given as `<search>…</search><replace>…</replace>` and the like, or as two labelled fences."""
    pairs = list(_tagged(text))
    scripts = python_spans(text) if pairs else []
    outside = [pair for pair in pairs if not any(start < pair.start < end for start, end in scripts)]
    return outside or list(_labelled(text))


def _tagged(text: str) -> Iterator[Pair]:
    lower = text.lower() if len(text.lower()) == len(text) else text
    last = 0
    for tag in islice(_OPENING.finditer(text), MOST_PAIRS):
        name = tag[1].lower()
        middle = lower.find(f"</{name}>", tag.end())
        if tag.start() < last or middle < 0:
            continue
        for other in _CLOSING[name]:
            mark = f"<{other}>"
            begin = middle + len(name) + 3
            gap = lower[begin : begin + 200]
            at = gap.find(mark)
            if at < 0 or gap[:at].strip():
                continue
            end = lower.find(f"</{other}>", begin + at)
            if end >= 0:
                last = end + len(other) + 3
                yield Pair(
                    _inner(text[tag.end() : middle]), _inner(text[begin + at + len(mark) : end]), tag.start(), last
                )
                break


def _inner(text: str) -> str:
    blocks = find_blocks(text) if "```" in text else []
    if len(blocks) == 1:
        return blocks[0].text
    return text.removeprefix("\n").rstrip(" \t").removesuffix("\n")


def _labelled(text: str) -> Iterator[Pair]:
    """Yield pairs of neighbouring fences whose labels say `search` and `replace`."""
    if "```" not in text and "~~~" not in text:
        return
    blocks = find_blocks(text)
    labels = [_label(text, block) for block in blocks]
    for (old, new), (first, second) in zip(pairwise(blocks), pairwise(labels), strict=True):
        if _OLD.fullmatch(first[0]) and _NEW.fullmatch(second[0]):
            yield Pair(old.text, new.text, first[1], new.end)


def _label(text: str, block: Block) -> tuple[str, int]:
    """Return the last line of words before a block, and where it begins."""
    before = text[max(0, block.start - 200) : block.start].rstrip()
    line = before[before.rfind("\n") + 1 :]
    return line, block.start if not line else text.rfind(line, 0, block.start)


def find_diffs(text: str) -> list[Pair]:
    """Return the hunks of unified diffs as edits; headers and line numbers, which models get wrong, are not looked at."""
    found: list[Pair] = []
    for block in find_blocks(text):
        lines = block.text.split("\n")
        if block.language in ("diff", "patch", "udiff") or _is_diff(lines):
            found += (Pair(*pair, block.start, block.end) for pair in _hunks(lines))
    if not found and "\n@@" in text and ("--- " in text or "+++ " in text):
        start = text.find("--- ") if text.startswith("--- ") or "\n--- " in text else text.find("\n@@") + 1
        found += (Pair(*pair, start, len(text)) for pair in _hunks(text[start:].split("\n")))
    return found


def _is_hunk(line: str) -> bool:
    return len(line) < 400 and _HUNK.fullmatch(line) is not None


def _is_diff(lines: Sequence[str]) -> bool:
    return any(_is_hunk(line) for line in lines) and any(line[:1] in ("+", "-") for line in lines)


def _hunks(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    hunk: list[str] = []
    for line in [*lines, "@@"]:
        if line.startswith(_HEADER) or _is_hunk(line):
            if any(each[:1] in ("+", "-") for each in hunk):
                yield _sides(hunk)
            hunk = []
        elif not line.startswith("\\"):
            hunk.append(line)


def _sides(hunk: Sequence[str]) -> tuple[str, str]:
    """Return what a hunk searches and what it puts there; context lines that lost their space are context."""
    while hunk and not hunk[-1].strip():
        hunk = hunk[:-1]
    search = [line[1:] if line[:1] in (" ", "-") else line for line in hunk if line[:1] != "+"]
    replace = [line[1:] if line[:1] in (" ", "+") else line for line in hunk if line[:1] != "-"]
    return "\n".join(search), "\n".join(replace)
