"""From a reply to an answer: plan, name, script, edits and actions, whatever form a model gave them.

Nothing here raises, and all of it takes time in proportion to the text. Read next: `cleaning` (what is no answer), `blocks`
(fences and tags), `programs` (which block is the script), `edits`, `actions`, `prose`, `joining`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlmaster.engineers.llm.replies.actions import TOOLS, Action, locate_actions
from mlmaster.engineers.llm.replies.arguments import edits_from, outside
from mlmaster.engineers.llm.replies.blocks import Block, find_blocks
from mlmaster.engineers.llm.replies.cleaning import clean, take_apart
from mlmaster.engineers.llm.replies.edits import Edit, locate_edits
from mlmaster.engineers.llm.replies.joining import begins_anew, ways_to_join
from mlmaster.engineers.llm.replies.loose_json import read_json
from mlmaster.engineers.llm.replies.programs import Piece, choose, inspect
from mlmaster.engineers.llm.replies.prose import as_name, name_of, plan_of, shorten

LONGEST_JUDGED = 200_000
"""Characters of two replies together; the ways to join longer ones are not tried out."""
LONGEST_REFUSAL = 1_500
_OTHER_LANGUAGES = frozenset(
    [
        "bash",
        "sh",
        "shell",
        "zsh",
        "console",
        "cmd",
        "powershell",
        "bat",
        "json",
        "jsonl",
        "yaml",
        "yml",
        "toml",
        "ini",
        "csv",
        "text",
        "txt",
        "output",
        "log",
        "xml",
        "html",
        "css",
        "js",
        "javascript",
        "typescript",
        "ts",
        "java",
        "c",
        "cpp",
        "c++",
        "go",
        "rust",
        "r",
        "sql",
        "diff",
        "patch",
        "udiff",
        "dockerfile",
        "makefile",
        "requirements",
        "markdown",
        "md",
        "latex",
        "mermaid",
    ]
)
_CODE_KEYS = (
    "code",
    "script",
    "solution",
    "python",
    "python_code",
    "program",
    "source",
    "full_code",
    "solution_code",
    "final_code",
)
_PLAN_KEYS = (
    "plan",
    "thought",
    "thoughts",
    "approach",
    "explanation",
    "description",
    "reasoning",
    "rationale",
    "analysis",
)
_NAME_KEYS = ("name", "edit_name", "change_name", "edit", "title")
_EDIT_KEYS = ("edits", "changes", "edit", "diffs", "patches")
_CODE_START = re.compile(
    r"^(?:import [A-Za-z_]|from [A-Za-z_][\w.]{0,80} import |#!/|# -\*-|\"\"\"|'''|>>> )", re.MULTILINE
)
_TRIES = 6
_REFUSALS = re.compile(
    r"\b(?:can(?:no|['’]?)t|can not|unable to|won['’]t|will not|must decline to|not able to|not allowed to)\s{1,3}(?:to\s)?"
    r"(?:help|assist|comply|fulfil|fulfill|do that|engage|participate|support|provide (?:that|this|assistance|help)|"
    r"(?:continue|proceed) with (?:this|that)|(?:create|generate|write|produce|complete) (?:this|that|the requested|such))"
    r"|(?:抱歉|对不起|很抱歉)[，, ]{0,2}(?:但)?我?(?:无法|不能)|申し訳(?:ありません|ございません)が|도와드릴 수 없"
    r"|lo siento,? pero no puedo|désolée?,? mais je ne peux pas|tut mir leid,? aber"
    r"|не могу (?:помочь|выполнить)|não posso ajudar"
    r"|^\W{0,9}as an ai(?: language)? model,? i (?:can|am)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply holds.

    Attributes:
        plan: Its words, without thinking and code, bounded.
        name: Short name of the change in snake case; "" when it gives none.
        script: The whole script, as far as it holds one. It may still not be Python: then the syntax error is the answer.
        edits: Its search/replace edits. With a script beside them, the script is what they make.
        actions: Tools it uses.
        is_cut: It ends in the middle of something; `join_continued` joins it with what continues it.
    """

    plan: str = ""
    name: str = ""
    script: str | None = None
    edits: tuple[Edit, ...] = ()
    actions: tuple[Action, ...] = ()
    is_cut: bool = False


def read_answer(text: str) -> Answer:
    """Return what a reply holds; an empty answer for an empty one."""
    said = take_apart(clean(text))
    rest, is_cut = said.answer, said.is_thinking
    if said.is_thinking and not rest.strip():
        blocks = find_blocks(said.thoughts)
        if not blocks or blocks[-1].is_open or not inspect(blocks[-1].text).is_whole:
            return Answer(is_cut=True)
        rest, is_cut = said.thoughts, False  # the mark that ends the thinking was forgotten
    actions = locate_actions(rest, TOOLS.keys())
    is_cut |= any(each.is_cut for each in actions)
    rest = outside(rest, [(each.start, each.end) for each in actions])
    found = tuple(each.action for each in actions)
    answer = None if found else _from_json(rest)
    if answer is not None:
        return answer
    answer = _from_text(rest, is_looked_for=not found)
    return replace(answer, actions=found, is_cut=is_cut or answer.is_cut)


def _from_text(text: str, is_looked_for: bool = True) -> Answer:
    """Return what a text without thinking and actions holds in words, fences and edits.

    Args:
        text: The text.
        is_looked_for: Whether a script without any fence is looked for.
    """
    located = locate_edits(text)
    whole = _as_file(located.edits)
    rest = outside(text, located.spans)
    blocks = find_blocks(rest)
    words = outside(rest, [(block.start, block.end) for block in blocks])
    script, is_open = _script(blocks)
    if script is None and not is_open and not located.edits and is_looked_for:
        script, words, is_open = _unfenced(words)
    return Answer(
        plan=plan_of(words),
        name=name_of(words),
        script=whole or script,
        edits=() if whole else located.edits,
        is_cut=located.is_cut or is_open,
    )


def _as_file(edits: Sequence[Edit]) -> str | None:
    """Return the script where the edits are one that writes a whole file."""
    if len(edits) == 1 and not edits[0].search.strip():
        piece = inspect(edits[0].replace)
        if piece.is_whole:
            return piece.code
    return None


def _script(blocks: Sequence[Block]) -> tuple[str | None, bool]:
    """Return the script of a reply's blocks, and whether it ends within one."""
    likely = [block for block in blocks if block.language not in _OTHER_LANGUAGES]
    last_is_open = bool(likely) and likely[-1].is_open
    piece = choose([(block.text, block.is_python) for block in likely])
    if last_is_open and (piece is None or not piece.is_whole):
        return None, True
    return (piece.code, False) if piece is not None else (None, False)


def _unfenced(text: str) -> tuple[str | None, str, bool]:
    """Return a script that stands among words without a fence, the words, and whether it is cut.

    Code begins where a line imports something. Where words follow it, the parser says at which line they begin.
    """
    whole = inspect(text)
    if whole.parses and _is_code(whole):
        return whole.code, "", False
    for start in list(_CODE_START.finditer(text))[:_TRIES]:
        lines = text[start.start() :].split("\n")
        before = text[: start.start()]
        size = len(lines)
        for _ in range(_TRIES):
            piece = inspect("\n".join(lines[:size]))
            if piece.parses and _is_code(piece):
                return piece.code, before + "\n" + "\n".join(lines[size:]), False
            size = _last_gap(lines, size)
            if size <= 0:
                break
        if len(lines) > 2 and sum(map(_is_like_code, lines)) > 0.6 * len([line for line in lines if line.strip()]):
            return None, before, True
    return None, text, False


def _last_gap(lines: Sequence[str], size: int) -> int:
    """Return where the last paragraph begins."""
    place = size - 1
    while place > 0 and lines[place].strip():
        place -= 1
    while place > 0 and not lines[place - 1].strip():
        place -= 1
    return place


def _is_code(piece: Piece) -> bool:
    return piece.answers or (
        piece.is_complete and re.search(r"^\s{0,40}(?:import|from) \w", piece.code, re.MULTILINE) is not None
    )


def _is_like_code(line: str) -> bool:
    return bool(line.strip()) and (
        line[0] in " \t#@)]}" or any(mark in line for mark in ("(", " = ", "import ", "def ", "class "))
    )


def _from_json(text: str) -> Answer | None:
    """Return the answer a JSON object gives: bare, in a fence, or after words."""
    bare = text.strip()
    if "{" not in bare:
        return None
    blocks = [] if bare[:1] in ("{", "[") else find_blocks(text)
    if blocks and (
        blocks[0].language not in ("json", "jsonc", "json5", "") or blocks[0].text.lstrip()[:1] not in ("{", "[")
    ):
        return None
    begin = re.search(r"^[ \t]{0,20}[{\[]", text, re.MULTILINE)
    if begin is None:
        return None
    found = read_json(text, begin.end() - 1)
    value = _answer_in(found.value) if found is not None else None
    if found is None or value is None:
        return None
    code, edits = _first(value, _CODE_KEYS), edits_from([value[key] for key in _EDIT_KEYS if key in value])
    piece = _in_string(code) if code else None
    after = text[found.end :]
    if piece is None and not edits:
        later = _from_text(after) if after.strip(" \n`") else Answer()
        if later.script is None and not later.edits and not found.is_cut:
            return None
        return Answer(
            plan_of(_first(value, _PLAN_KEYS)) or later.plan,
            as_name(_first(value, _NAME_KEYS)) or later.name,
            later.script,
            later.edits,
            is_cut=found.is_cut or later.is_cut,
        )
    is_cut = found.is_cut and not (piece is not None and piece.is_whole)
    return Answer(
        plan=shorten(_first(value, _PLAN_KEYS).strip()) or plan_of(text[: begin.start()]),
        name=as_name(_first(value, _NAME_KEYS)),
        script=None if is_cut or piece is None else piece.code,
        edits=edits,
        is_cut=is_cut,
    )


def _answer_in(value: Any) -> dict[str, Any] | None:
    """Return the object that has an answer's keys: this one, or one a level or two within."""
    level = [value]
    for _ in range(3):
        objects = [each for each in level if isinstance(each, dict)]
        for each in objects:
            if any(key in each for key in (*_CODE_KEYS, "edits")) or ("plan" in each and isinstance(each["plan"], str)):
                return {str(key).lower(): part for key, part in each.items()}
        level = [
            part
            for each in level
            for part in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
        level = level[:50]
    return None


def _first(value: dict[str, Any], keys: Sequence[str]) -> str:
    """Return the first of some keys as text; a list of lines is joined."""
    for key in keys:
        part = value.get(key)
        if isinstance(part, list) and part and all(isinstance(line, str) for line in part):
            part = "\n".join(line.removesuffix("\n") for line in part)
        if isinstance(part, str) and part.strip():
            return clean(part)
    return ""


def _in_string(code: str) -> Piece | None:
    """Return the script in a string of JSON, which may have a fence of its own."""
    piece = inspect(code)
    if not piece.parses and ("```" in code or "~~~" in code):
        return choose([(block.text, block.is_python) for block in find_blocks(code)]) or piece
    return piece


def join_continued(first: str, second: str) -> str:
    """Return one reply from two: without what the second repeats, its fence or its words of transition.

    Of several plausible ways to join them the first that gives a whole answer is taken. A second reply that begins anew,
    and is whole, replaces the first.

    Args:
        first: A reply that was cut.
        second: What the model answered when asked to go on.
    """
    first, second = clean(first), clean(second)
    said = take_apart(second)
    if said.thoughts and said.answer.strip():
        second = said.answer.lstrip("\n")
    if not second.strip() or not first.strip():
        return first if first.strip() else second
    ways = list(dict.fromkeys(ways_to_join(first, second)))
    if len(first) + len(second) > LONGEST_JUDGED:
        return ways[0]
    whole = (way for way in ways if _is_done(read_answer(way)))
    return next(whole, max(first, second, key=len) if begins_anew(first, second) else ways[0])


def _is_done(answer: Answer) -> bool:
    return not answer.is_cut and bool(answer.script or answer.edits or answer.actions)


def is_refusal(text: str) -> bool:
    """Return whether a reply declines to answer at all; conservative: short, and without any script, edit or action."""
    answer = take_apart(clean(text)).answer.strip()
    if not answer or len(answer) > LONGEST_REFUSAL or not _REFUSALS.search(answer[:400]):
        return False
    found = read_answer(answer)
    return found.script is None and not found.edits and not found.actions and not find_blocks(answer)
