"""Blocks of code in a reply: fences of every make, and tags used as fences."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from mlmaster.engineers.llm.replies.programs import read_module

PYTHON = frozenset(
    ["python", "py", "python3", "python2", "ipython", "ipython3", "tool_code", "pycon", "jupyter", "pyton"]
)
WRAPPERS = frozenset(["markdown", "md", "mdx", "plaintext"])
TRIES = 6
"""Ends of a block that are tried for one that makes it parse: a string in a script may hold a fence."""
MOST_BLOCKS, MOST_TAGS = 200, 12
_QUOTES = str.maketrans(dict.fromkeys("´‘’｀ˋ", "`"))
_MAYBE_FENCE = re.compile("[`~´‘’｀ˋ]{3}")
_LIST_MARK = re.compile(r"(?:[-*+]|\d{1,3}[.)])[ \t]{1,4}")
_LANGUAGE = re.compile(r"[{.]{0,2}([A-Za-z][\w+#-]{0,30})")
_CODE_ON_FENCE = re.compile(r"(?:import|from)[ \t]{1,4}\w")
_QUOTED = re.compile(r"[ \t]{0,3}> ?")
_TAG = re.compile(
    r"<(code|script|python|program|solution|solution_py|answer|file|artifact|execute|tool_code|final_answer)"
    r"(?:[ ][^<>\n]{0,200})?>"
    r"|\[(PYTHON)\]|<\|(python_tag)\|>",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its language in lower case ("" when none is named), its text, and the place of all of it in the reply."""

    language: str
    text: str
    start: int
    end: int
    is_open: bool = False

    @property
    def is_python(self) -> bool:
        """Return whether the fence says so."""
        return self.language in PYTHON


@dataclass(frozen=True, slots=True)
class _Fence:
    mark: str
    count: int
    info: str
    prefix: str


def find_blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a reply, in order; where there is none of code, what tags enclose."""
    blocks = [_unwrapped(block) for block in islice(_fenced(text), MOST_BLOCKS)]
    return blocks or list(_tagged(text))


def python_spans(text: str) -> list[tuple[int, int]]:
    """Return where blocks of Python stand: what looks like a tool or an edit within one is a text of its own."""
    return [(block.start, block.end) for block in find_blocks(text) if read_module(block.text) is not None]


def _unwrapped(block: Block) -> Block:
    """Return a block of tags as what its first tag encloses."""
    inner = next(_tagged(block.text), None) if block.language in ("xml", "html") else None
    return block if inner is None else replace(block, language=inner.language, text=inner.text)


def _fence(line: str) -> _Fence | None:
    if not _MAYBE_FENCE.search(line):
        return None
    body = line.lstrip(" \t>")
    mark = _LIST_MARK.match(body)
    if mark:
        body = body[mark.end() :]
    prefix = line[: len(line) - len(body)]
    body = body[:8].translate(_QUOTES) + body[8:]
    if body[:3] not in ("```", "~~~"):
        return None
    bare = body.lstrip(body[0])
    info = bare.strip()
    if "`" in info and body[0] == "`":
        return None
    return _Fence(body[0], len(body) - len(bare), info, prefix)


def _fenced(text: str) -> Iterator[Block]:
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    fences = {place: fence for place, line in enumerate(lines) if (fence := _fence(line) or _late_fence(line))}
    places = sorted(fences)
    at = 0
    while at < len(places):
        place = places[at]
        fence = fences[place]
        language, first = _language(fence.info)
        following = next(
            (
                other
                for other in places[at + 1 : at + 2]
                if fences[other].info and not any(map(str.strip, lines[place + 1 : other]))
            ),
            None,
        )
        if language in WRAPPERS or (not language and following is not None):
            at += 1
            continue
        end, is_open = _end(lines, fences, places[at + 1 : at + 1 + 4 * TRIES], place, fence, language)
        body = _body(lines[place + 1 : end], fence)
        if is_open:
            end, is_open, body = _glued_end(place, end, body)
        if first:
            body = [first, *body]
        if body and body[0].strip().lower() in PYTHON and not language:
            language, body = body[0].strip().lower(), body[1:]
        has_closer = end < len(lines) and end in fences and not fences[end].info
        last = end + 1 if has_closer or (not is_open and end not in fences) else end
        yield Block(language, "\n".join(body), starts[place], min(starts[min(last, len(lines))], len(text)), is_open)
        while at < len(places) and places[at] < last:
            at += 1
        if at < len(places) and places[at] == place:
            at += 1


def _late_fence(line: str) -> _Fence | None:
    """Return a fence that opens at the end of a sentence: `Here it is: ```python`."""
    before, mark, rest = line.rpartition("```")
    if mark and before.strip() and "`" not in before and rest.strip().lower() in PYTHON:
        return _Fence("`", 3, rest.strip(), "")
    return None


def _language(info: str) -> tuple[str, str]:
    """Return the language a fence names, and code that stands on the fence's own line."""
    if _CODE_ON_FENCE.match(info):
        return "python", info
    mark = _LANGUAGE.match(info)
    if not mark:
        return "", ""
    rest = info[mark.end() :].strip()
    return mark[1].lower(), rest if _CODE_ON_FENCE.match(rest) else ""


def _end(
    lines: Sequence[str], fences: dict[int, _Fence], later: Sequence[int], place: int, fence: _Fence, language: str
) -> tuple[int, bool]:
    """Return the line that ends a block, and whether none does: the first fence after which the code parses, else the first.

    A fence that names a language ends a block too, and opens the next: its own end was forgotten.
    """
    ends = [other for other in later if fences[other].mark == fence.mark]
    bare = [other for other in ends if not fences[other].info and fences[other].count >= fence.count]
    if language in PYTHON or not language:
        for other in ends[:TRIES]:
            code = "\n".join(_body(lines[place + 1 : other], fence)) + "\n"
            if read_module(textwrap.dedent(code) if code[0].isspace() else code) is not None:
                return other, False
    if bare:
        return bare[0], False
    return (ends[0], False) if ends else (len(lines), True)


def _body(lines: Sequence[str], fence: _Fence) -> list[str]:
    """Return the lines of a block without the quote marks or the indentation that the fence itself has."""
    if ">" in fence.prefix:
        return [_QUOTED.sub("", line, count=1) for line in lines]
    width = len(fence.prefix)
    if width and all(not line[:width].strip() for line in lines):
        return [line[width:] for line in lines]
    return list(lines)


def _glued_end(place: int, end: int, body: list[str]) -> tuple[int, bool, list[str]]:
    """Find an end that is glued to the last line of code."""
    for offset, line in enumerate(body):
        bare = line.rstrip()
        if bare.endswith("```") and bare.count("`") == 3 and bare != "```":
            return place + 1 + offset, False, [*body[:offset], bare.removesuffix("```")]
    return end, True, body


def _tagged(text: str) -> Iterator[Block]:
    lower = text.lower()
    if len(lower) != len(text):  # a few letters change their number with their case
        lower = text
    for tag in islice(_TAG.finditer(text), MOST_TAGS):
        name = (tag[1] or tag[2] or tag[3]).lower()
        close = "[/python]" if tag[2] else f"</{name}>"
        end = lower.find(close, tag.end())
        inner = text[tag.end() : end if end >= 0 else len(text)]
        inner = inner.removeprefix("<![CDATA[").rstrip().removesuffix("]]>")
        is_open = end < 0 and tag[3] is None
        yield Block(
            "python" if name not in ("answer", "final_answer", "file", "artifact") else "",
            inner.strip("\n"),
            tag.start(),
            end + len(close) if end >= 0 else len(text),
            is_open,
        )
