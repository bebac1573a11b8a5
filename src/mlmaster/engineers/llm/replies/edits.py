"""Search/replace edits: how they stand in a reply, and what they make of a script.

An edit is applied where its search text stands exactly, or but for white space and a shift of its indentation; never where
something merely looks like it. What fits nowhere comes back with the reason and the nearest lines, for the model to mend.
Read next: `diffs`, for edits that come as unified diffs, tags or JSON.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from mlmaster.engineers.llm.replies.diffs import find_diffs, find_pairs
from mlmaster.engineers.llm.replies.programs import inspect, read_module

MOST_PLACES = 20
MOST_COMPARED = 3_000
"""Lines of a script that are compared with a search text that fits nowhere."""
NEAREST_LINES = 12
WIDEST_LINE = 200
TAB = 4
"""Columns of a tab, where a model writes one for spaces."""
_SEARCH = re.compile(
    r"[\s#>*+-]{0,8}<{4,10} ?(?:SEARCH|ORIGINAL|OLD|BEFORE|FIND|HEAD|CURRENT|LOCATE)?[ :>*`]{0,4}", re.IGNORECASE
)
_DIVIDER = re.compile(r"[ \t]{0,80}={5,10}[ ]?(?:REPLACE|WITH|NEW)?[ ]{0,4}", re.IGNORECASE)
_REPLACE = re.compile(
    r"[\s#*+-]{0,8}>{4,10} ?(?:REPLACE(?:MENT)?|UPDATED?|NEW|AFTER|WITH|END|HEAD|MODIFIED|FIXED)?[ :*`]{0,4}",
    re.IGNORECASE,
)
_FENCE = re.compile(r"[ \t]{0,20}(?:`{3,}|~{3,})[ \t]{0,20}\w{0,12}[ \t]{0,20}")
_ELISION = re.compile(
    r"(?:#\s{0,3}|//\s{0,3})?(?:\.\.\.|…)\s{0,3}\W{0,4}"
    r"|(?:#|//)\s{0,3}\W{0,6}(?:\.\.\.|…)?\s{0,2}\(?(?:the )?"
    r"(?:rest|remainder|remaining|existing|other|previous|same|unchanged)\b"
    r"[\w ,'’`()-]{0,80}(?:\.\.\.|…|unchanged|same|here|before|above|code|omitted)\W{0,6}",
    re.IGNORECASE,
)
_BODY = re.compile(r"(:[ \t]{0,20}\n[ \t]{0,80})\.\.\.[ \t]{0,20}$", re.MULTILINE)
_NUMBERED = re.compile(r"[ \t]{0,8}\d{1,5}[ \t]{0,4}(?:[|│:→](?: |$)|\t)")


@dataclass(frozen=True, slots=True)
class Edit:
    """What is searched, and what stands there afterwards; an empty search appends, or is the whole file."""

    search: str
    replace: str


@dataclass(frozen=True, slots=True)
class Missed:
    """An edit that was not applied: why, and the lines of the script that are most like what it searched, numbered."""

    edit: Edit
    reason: str
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """A script after its edits; `done` counts those applied."""

    code: str
    done: int
    missed: tuple[Missed, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """Edits of a text, the parts of it they take up, and whether the last one ends in the middle."""

    edits: tuple[Edit, ...]
    spans: tuple[tuple[int, int], ...]
    is_cut: bool


def find_edits(text: str) -> tuple[Edit, ...]:
    """Return the edits of a text in order: search/replace blocks; where there are none, tags, labelled fences or a diff."""
    return locate_edits(text.replace("\r\n", "\n")).edits


def write_edits(edits: Iterable[Edit]) -> str:
    """Return edits as search/replace blocks, as prompts ask for them."""
    blocks = (f"<<<<<<< SEARCH\n{edit.search}\n=======\n{edit.replace}\n>>>>>>> REPLACE" for edit in edits)
    return "\n".join(blocks)


def locate_edits(text: str) -> Located:
    """Return the edits of a text with line ends of one kind; see `find_edits`."""
    found = _marked(text)
    if found.edits or found.is_cut:
        return found
    for find in (find_pairs, find_diffs):
        pairs = find(text)
        if pairs:
            return Located(
                tuple(Edit(each.search, each.replace) for each in pairs),
                tuple((each.start, each.end) for each in pairs),
                False,
            )
    return Located((), (), False)


def _marked(text: str) -> Located:
    edits: list[Edit] = []
    spans: list[tuple[int, int]] = []
    search: list[str] = []
    replace: list[str] = []
    state, start, place = "outside", 0, 0
    fence = False
    for line in text.split("\n"):
        end = min(place + len(line) + 1, len(text))
        if state == "replace" and (
            _is(_REPLACE, line) or _is(_SEARCH, line) or (fence and _is_fence(line) and not _opens(replace))
        ):
            edits.append(Edit(_bare(search), _bare(replace)))
            is_end = _is(_REPLACE, line)
            spans.append((start, end if is_end else place))
            state = "outside"
            fence = False if not is_end and _is_fence(line) else fence
            if is_end:
                place = end
                continue
        if _is(_SEARCH, line) and state != "search":
            state, start, search, replace = "search", place, [], []
        elif state == "search":
            if _is(_DIVIDER, line):
                state = "replace"
            elif _is(_REPLACE, line):  # nothing but a search: no edit
                state = "outside"
            else:
                search.append(line)
        elif state == "replace":
            replace.append(line)
        elif _is_fence(line):
            fence = not fence
        place = end
    if state != "outside":
        spans.append((start, len(text)))
    return Located(tuple(edits), tuple(spans), is_cut=state != "outside")


def _is(mark: re.Pattern[str], line: str) -> bool:
    return len(line) < 120 and mark.fullmatch(line) is not None


def _is_fence(line: str) -> bool:
    return _is(_FENCE, line)


def _opens(lines: Sequence[str]) -> bool:
    """Return whether lines begin with a fence of their own, which the next fence closes."""
    return sum(map(_is_fence, lines)) % 2 == 1


def _bare(lines: Sequence[str]) -> str:
    """Return the text of one side, without a fence around it."""
    kept = list(lines)
    while kept and not kept[0].strip() and len(kept) > 1 and _is_fence(kept[1]):
        kept.pop(0)
    if len(kept) > 1 and _is_fence(kept[0]) and _is_fence(kept[-1]):
        kept = kept[1:-1]
    return "\n".join(kept)


def apply_edits(code: str, edits: Sequence[Edit]) -> Applied:
    """Apply edits one after the other, each to what the earlier ones made.

    Args:
        code: The script.
        edits: In order.

    Returns:
        The script as it is then. It is the same text where nothing was applied.
    """
    missed: list[Missed] = []
    for edit in edits:
        result = _apply(code, edit)
        if isinstance(result, Missed):
            missed.append(result)
        else:
            code = result
    return Applied(code, len(edits) - len(missed), tuple(missed))


def _apply(code: str, edit: Edit) -> str | Missed:
    if edit.search == edit.replace:
        return Missed(edit, "it changes nothing: what it searches and what it puts there are the same")
    if elided := _elided(_bodies(edit.replace), edit.search):
        return Missed(
            edit, f"it leaves code out (`{elided}`), which would be lost: write every line that shall stand there"
        )
    if not edit.search.strip():
        return _without_search(code, edit)
    for find in (_exact_lines, _exact_part, _shifted):
        found = find(code, edit)
        if len(found) == 1:
            start, end, text = found[0]
            if code[start:end] == text:
                return Missed(edit, "it changes nothing: what it puts there stands there already")
            return code[:start] + text + code[end:]
        if found:
            return Missed(edit, _several(code, [start for start, _, _ in found]))
    bare = _unnumbered(edit)
    if bare != edit:
        again = _apply(code, bare)
        return Missed(edit, again.reason, again.nearest) if isinstance(again, Missed) else again
    return Missed(edit, _why(code, edit), nearest(code, edit.search))


def _without_search(code: str, edit: Edit) -> str:
    """Return the script where nothing is searched: the replacement alone if it is a whole program, else at the end."""
    added = edit.replace.strip("\n") + "\n"
    if not code.strip() or inspect(edit.replace).is_whole:
        return added
    return f"{code.rstrip()}\n\n{added}"


def _elided(text: str, other: str) -> str:
    """Return the first line of a text that stands for code left out, which the other text has not."""
    kept = {line.strip() for line in other.split("\n")}
    lines = (line.strip() for line in text.split("\n"))
    return next((line for line in lines if 0 < len(line) < 120 and line not in kept and _ELISION.fullmatch(line)), "")


def _bodies(text: str) -> str:
    """Return a text without the ellipses that are the body of what is defined above them."""
    return _BODY.sub(r"\1", text)


Place = tuple[int, int, str]
"""Where an edit fits: start and end in the script, and what stands there afterwards."""


def _exact_lines(code: str, edit: Edit) -> list[Place]:
    """Find the search text as whole lines."""
    whole, needle = f"\n{code}\n", f"\n{edit.search}\n"
    return [_place(code, at, at + len(edit.search), edit.replace) for at in _all(whole, needle)]


def _place(code: str, start: int, end: int, text: str) -> Place:
    """Return a place of whole lines; lines that are replaced by nothing leave no empty line."""
    return start, end + (not text and code[end : end + 1] == "\n"), text


def _exact_part(code: str, edit: Edit) -> list[Place]:
    """Find the search text within lines, but not within a word: `x = 1` is no part of `x = 10`.

    Where it is meant as lines of their own, it fits by chance alone, and breaks the line around it: that is no place.
    """
    size = len(edit.search)
    ends = [(at, at + size) for at in _all(code, edit.search)]
    found = [(start, end) for start, end in ends if not _is_inside_word(code, start) and not _is_inside_word(code, end)]
    if len(found) == 1:
        start, end = found[0]
        if read_module(code[:start] + edit.replace + code[end:]) is None and read_module(code) is not None:
            return []
    return [(start, end, edit.replace) for start, end in found]


def _all(text: str, part: str) -> list[int]:
    found: list[int] = []
    at = text.find(part)
    while at >= 0 and len(found) < MOST_PLACES:
        found.append(at)
        at = text.find(part, at + 1)
    return found


def _is_inside_word(code: str, at: int) -> bool:
    if not 0 < at < len(code):
        return False
    before, after = code[at - 1], code[at]
    if _is_word(before) and _is_word(after):
        return True
    return (before == "." and after.isdigit()) or (before.isdigit() and after == ".")


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _shifted(code: str, edit: Edit) -> list[Place]:
    """Find the lines of the search text but for blank lines, white space, and one shift of the indentation.

    The replacement is shifted likewise. Lines that are ends of each other's white space win over lines alike within.
    """
    lines = code.split("\n")
    wanted = [line for line in edit.search.split("\n") if line.strip()]
    kept = [place for place, line in enumerate(lines) if line.strip()]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    keys: tuple[Callable[[str], str], ...] = (str.strip, lambda line: "".join(line.split()))
    for key in keys:
        found = []
        for first in _find_run([key(lines[place]) for place in kept], [key(line) for line in wanted]):
            there = [lines[kept[first + offset]] for offset in range(len(wanted))]
            text = _reindented(edit, wanted, there)
            if text is not None:
                begin, last = kept[first], kept[first + len(wanted) - 1]
                found.append(_place(code, starts[begin], starts[last] + len(lines[last]), text))
        if found:
            return found
    return []


def _find_run(keys: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return where a run of keys begins; in time that grows with the text, whatever repeats in it."""
    offsets = [0]
    for key in keys:
        offsets.append(offsets[-1] + len(key) + 1)
    places = _all("\n" + "\n".join(keys) + "\n", "\n" + "\n".join(wanted) + "\n")
    return [bisect_right(offsets, at) - 1 for at in places]


def _reindented(edit: Edit, wanted: Sequence[str], there: Sequence[str]) -> str | None:
    """Return the replacement moved as the search text had to be; None when its lines are not moved alike.

    A first line that lost its indentation alone, as when a model begins to write at the first letter, is moved alone.
    """
    moves = [_indent(line) - _indent(other) for line, other in zip(there, wanted, strict=True)]
    lines = edit.replace.strip("\n").split("\n") if edit.replace.strip() else []
    rest = set(moves[1:]) or {moves[0]}
    if len(rest) > 1:
        return None
    move = rest.pop()
    if moves[0] != move and (_indent(wanted[0]) or move):
        return None
    has_tabs = any(line.startswith("\t") for line in there)
    if move or has_tabs != any(line.startswith("\t") for line in (*lines, *wanted)):
        lines = [_moved(line, move, has_tabs) for line in lines]
    if moves[0] != move and lines and not _indent(lines[0]):
        lines[0] = _moved(lines[0], moves[0], has_tabs)
    return "\n".join(lines)


def _indent(line: str) -> int:
    wide = line.expandtabs(TAB)
    return len(wide) - len(wide.lstrip())


def _moved(line: str, move: int, has_tabs: bool) -> str:
    if not line.strip():
        return line
    width = max(0, _indent(line) + move)
    return ("\t" * (width // TAB) + " " * (width % TAB) if has_tabs else " " * width) + line.lstrip()


def _unnumbered(edit: Edit) -> Edit:
    """Return an edit without the line numbers that a prompt showed beside the script."""
    sides = []
    for side in (edit.search, edit.replace):
        lines = side.split("\n")
        if not all(_NUMBERED.match(line) for line in lines if line.strip()):
            return edit
        sides.append("\n".join(_NUMBERED.sub("", line, count=1) for line in lines))
    return Edit(*sides)


def _several(code: str, starts: Sequence[int]) -> str:
    numbers = [code.count("\n", 0, start) + 1 for start in starts]
    count = f"{len(numbers)} times" if len(numbers) < MOST_PLACES else f"{MOST_PLACES} times or more"
    where = ", ".join(map(str, numbers))
    return f"what it searches stands {count} in the script (lines {where}): quote more lines around the place that is meant"


def _why(code: str, edit: Edit) -> str:
    if elided := _elided(edit.search, code):
        return f"what it searches leaves code out (`{elided}`): quote lines as they stand, in several edits"
    replacement = edit.replace.strip("\n")
    if replacement.strip() and len(_all(f"\n{code}\n", f"\n{replacement}\n")) == 1:
        return "what it searches stands nowhere in the script, and what it puts there stands there already"
    if len(code) < len(edit.search):
        return "what it searches stands nowhere in the script, and is longer than the script"
    return "what it searches stands nowhere in the script; quote its lines exactly"


def nearest(code: str, search: str) -> str:
    """Return the lines of a script that are most like a text, with their numbers; "" when none are."""
    lines = code.split("\n")
    wanted = [line.strip() for line in search.split("\n") if line.strip()]
    if not wanted or not code.strip():
        return ""
    place = _most_shared(lines, wanted)
    if place is None:
        place = _most_alike(lines, wanted)
    if place is None:
        return ""
    size = min(NEAREST_LINES, len(wanted) + 2)
    first = max(0, min(place - 1, len(lines) - size))
    return "\n".join(
        f"{number:>4} | {lines[number - 1][:WIDEST_LINE]}"
        for number in range(first + 1, min(len(lines), first + size) + 1)
    )


def _most_shared(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return where the window begins that holds most lines of the text; rare lines count more."""
    stripped = [line.strip() for line in lines]
    counts = Counter(stripped)
    worth = {line: 1.0 / counts[line] for line in wanted if counts[line] and len(line) > 3}
    if not worth:
        return None
    size = len(wanted)
    total, best, where = 0.0, 0.0, 0
    for place, line in enumerate(stripped):
        total += worth.get(line, 0.0)
        if place >= size:
            total -= worth.get(stripped[place - size], 0.0)
        if total > best + 1e-9:
            best, where = total, max(0, place - size + 1)
    while where < len(stripped) - 1 and stripped[where] not in worth:
        where += 1
    return where - next((offset for offset, line in enumerate(wanted[: where + 1]) if line == stripped[where]), 0)


def _most_alike(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return the line most like the longest of the first lines of the text."""
    offset = max(range(min(len(wanted), 5)), key=lambda place: min(len(wanted[place]), WIDEST_LINE))
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted[offset][:WIDEST_LINE])
    best, where = 0.6, None
    for place, line in enumerate(lines[:MOST_COMPARED]):
        matcher.set_seq1(line.strip()[:WIDEST_LINE])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, where = ratio, place
    return None if where is None else max(0, where - offset)
