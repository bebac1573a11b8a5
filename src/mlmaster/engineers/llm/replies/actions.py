"""Tools used in the text of a reply, for models that have no tool calls of their own, and arguments of any make.

The form that prompts teach is `<tool name="…">…</tool>` with the argument as plain text, so that code needs no escaping.
Read as well are the forms models fall back to: JSON, `<tool_call>`, `<function=…>`, `<invoke>`, Python calls, `Action: …`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mlmaster.core.chat import Tool
from mlmaster.engineers.llm.replies.arguments import TOOLS, from_text, from_value, named, read_arguments
from mlmaster.engineers.llm.replies.blocks import Block, find_blocks, python_spans
from mlmaster.engineers.llm.replies.cleaning import clean, take_apart
from mlmaster.engineers.llm.replies.edits import locate_edits
from mlmaster.engineers.llm.replies.loose_json import read_json
from mlmaster.engineers.llm.replies.programs import inspect, mend

__all__ = ["TOOLS", "Action", "describe_tools", "find_actions", "read_arguments"]

MOST_ACTIONS = 50
MOST_OBJECTS = 40
_ARGUMENTS = ("arguments", "parameters", "args", "action_input", "tool_input", "input", "params", "kwargs")
_NAMES = ("tool", "name", "action", "tool_name", "function", "recipient_name")
_TAG = re.compile(
    r"<(?:tool|tool_use|invoke|function|action)(?:[ ]{1,4}name[ ]{0,2}=|=|:)[ ]{0,2}[\"'“]?(\w{1,40})[\"'”]?"
    r"([^<>\n]{0,300}?)(/?)>"
    r"|<(\w{1,40})([^<>\n]{0,300}?)(/?)>"
)
_CLOSES = ("</tool>", "</tool_use>", "</invoke>", "</function>", "</action>")
_WRAPPED = re.compile(
    r"<(?:tool_call|tool_calls|function_call|tool_use|action|tool)>|\[TOOL_CALLS\]|<\|tool_call\|>|<｜tool▁call▁begin｜>(?:function)?"
    r"<｜tool▁sep｜>(\w{1,40})|<\|python_tag\|>"
)
_UNWRAPPED = re.compile(
    r"(?:[ \n]|</(?:tool_call|tool_calls|function_call|tool_use|action|tool)>|<\|/tool_call\|>|<｜tool▁calls?▁end｜>|```)*+"
)
_REACT = re.compile(
    r"^[*_#> \t]{0,8}Action[*_]{0,2}[ ]?:[*_ \t`]{0,6}(\w{1,40})`?(?:\((.{0,2000})\))?[*_ \t]{0,6}$", re.MULTILINE
)
_REACT_INPUT = re.compile(r"\s{0,20}[*_]{0,2}Action[ _]?Input[*_]{0,2}[ ]?:[*_]{0,2}[ \t]{0,4}", re.IGNORECASE)
_REACT_END = re.compile(r"^[*_]{0,2}(?:Observation|Thought|Action)[*_]{0,2}[ ]?:", re.MULTILINE)
_ATTRIBUTE = re.compile(r"(\w{1,40})[ ]?=[ ]?[\"'“]([^\"'”]{0,300})[\"'”]")


@dataclass(frozen=True, slots=True)
class Action:
    """A tool to be used, and its arguments as text."""

    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LocatedAction:
    """An action with its place in a text, and whether the text ended before its argument did."""

    action: Action
    start: int
    end: int
    is_cut: bool = False


def find_actions(text: str, known: Collection[str] = TOOLS.keys()) -> tuple[Action, ...]:
    """Return the tools a reply uses, in order; what it merely thinks of using is left out.

    Args:
        text: A reply.
        known: Names of the tools there are; others are not looked for.
    """
    return tuple(each.action for each in locate_actions(take_apart(clean(text)).answer, known))


def locate_actions(text: str, known: Collection[str]) -> list[LocatedAction]:
    """Return the actions of a clean text without thinking, in order and apart from each other.

    The forms are tried from the plainest to the least: where one is found, text that looks like another is an argument.
    """
    if not any(name in text for name in known):
        return []
    scripts: list[tuple[int, int]] | None = None
    for find in (_wrapped, _tagged, _reacted, _called, _objects):
        found: list[LocatedAction] = []
        for each in islice(find(text, known), MOST_ACTIONS):
            scripts = python_spans(text) if scripts is None else scripts
            is_quoted = any(start < each.start < end for start, end in scripts)
            if not is_quoted and (not found or each.start >= found[-1].end):
                found.append(each)
        if found:
            return found
    return []


def _tagged(text: str, known: Collection[str]) -> Iterator[LocatedAction]:
    end = 0
    for tag in islice((tag for tag in _TAG.finditer(text) if (tag[1] or tag[4]) in known), 4 * MOST_ACTIONS):
        if tag.start() < end or not _begins_line(text, tag.start()):
            continue
        name, attributes, slash = (tag[1], tag[2], tag[3]) if tag[1] else (tag[4], tag[5], tag[6])
        given = dict(_ATTRIBUTE.findall(attributes))
        if slash:
            end = tag.end()
            yield LocatedAction(Action(name, named(given, name)), tag.start(), end)
            continue
        closes = _CLOSES if tag[1] else (f"</{name}>",)
        stop, end, is_closed = _closing(text, tag.end(), closes)
        body = text[tag.end() : stop]
        arguments = named(given, name) | from_text(body, name)
        yield LocatedAction(Action(name, arguments), tag.start(), end, not is_closed and not _is_whole(body, arguments))


def _closing(text: str, start: int, closes: Sequence[str]) -> tuple[int, int, bool]:
    """Return where a body ends, where its tag ends, and whether it is closed; else it ends at the next tool, or nowhere."""
    ends = [(at, at + len(close)) for close in closes if (at := text.find(close, start)) >= 0]
    following = re.compile(r"^[ \t]{0,20}<(?:tool|invoke|function)[ =:]", re.MULTILINE).search(text, start)
    if ends:
        stop, end = min(ends)
        if following is None or following.start() > stop:
            return stop, end, True
    if following is not None:
        return following.start(), following.start(), True
    return len(text), len(text), False


def _begins_line(text: str, place: int) -> bool:
    start = text.rfind("\n", max(0, place - 80), place) + 1
    return not text[start:place].strip(" \t>*-`") or text[max(0, place - 1) : place] == ">"


def _is_whole(body: str, arguments: Mapping[str, str]) -> bool:
    """Return whether an argument whose tag is not closed is complete all the same."""
    if "edits" in arguments:
        return not locate_edits(arguments["edits"]).is_cut
    if "code" in arguments:
        return not any(block.is_open for block in find_blocks(body)) and inspect(arguments["code"]).parses
    return bool(arguments)


def _wrapped(text: str, known: Collection[str]) -> Iterator[LocatedAction]:
    """Yield calls that stand as JSON in the marks of a model's own template."""
    end = 0
    for mark in islice(_WRAPPED.finditer(text), MOST_OBJECTS):
        if mark.start() < end:
            continue
        place = mark.end()
        gap = re.compile(r"\s{0,20}(?:```\w{0,10}\s{0,4})?(?:\w{1,40}(?=\s?[{\[(]))?").match(text, place)
        opening = gap.end() if gap else place
        title = (mark[1] or (gap[0].split() or [""])[-1]) if gap else ""
        if text[opening : opening + 1] == "(":
            continue
        value = read_json(text, opening)
        if value is None:
            continue
        close = _UNWRAPPED.match(text, value.end)
        end = close.end() if close else value.end
        calls = list(_calls(value.value, known))
        if not calls and title in known and isinstance(value.value, dict):
            calls = [Action(title, named(value.value, title))]
        start = mark.start()
        for action in calls:
            yield LocatedAction(action, start, end, value.is_cut)
            start = end


def _objects(text: str, known: Collection[str]) -> Iterator[LocatedAction]:
    """Yield calls that stand as bare JSON: alone, in a fence, or on a line of their own."""
    spans = [(block.start, block.end) for block in find_blocks(text)]
    end, tries = 0, 0
    for mark in re.finditer(r"^[ \t]{0,8}[{\[]", text, re.MULTILINE):
        if mark.start() < end:
            continue
        tries += 1
        if tries > MOST_OBJECTS:
            return
        value = read_json(text, mark.end() - 1)
        if value is None:
            continue
        around = next((span for span in spans if span[0] <= mark.start() < span[1]), None)
        start, end = around if around and not text[value.end : around[1]].strip(" \n`~") else (mark.start(), value.end)
        for action in _calls(value.value, known):
            yield LocatedAction(action, start, end, value.is_cut)
            start = end


def _calls(value: Any, known: Collection[str]) -> Iterator[Action]:
    """Yield the calls in JSON data: one, a list, or one within `function`."""
    if isinstance(value, list):
        for each in value[:MOST_ACTIONS]:
            if isinstance(each, dict):
                yield from _calls(each, known)
        return
    if not isinstance(value, dict):
        return
    for key in ("function", "tool_call", "tool_calls", "function_call"):
        if isinstance(value.get(key), dict | list):
            yield from _calls(value[key], known)
            return
    for key in _NAMES:
        name = value.get(key)
        if isinstance(name, str) and (name := name.rpartition(".")[2]) in known:
            given: Any = next((value[other] for other in _ARGUMENTS if other in value), None)
            if given is None:
                given = {other: part for other, part in value.items() if other != key}
            yield Action(name, from_value(given, name))
            return
    if len(value) == 1 and next(iter(value)) in known:  # {"run_on_smoke": {"code": …}}
        for name, part in value.items():
            yield Action(name, from_value(part, name))


def _reacted(text: str, known: Collection[str]) -> Iterator[LocatedAction]:
    for mark in islice((mark for mark in _REACT.finditer(text) if mark[1] in known), MOST_ACTIONS):
        given = _REACT_INPUT.match(text, mark.end())
        start = given.end() if given else mark.end()
        following = _REACT_END.search(text, start)
        end = following.start() if following else len(text)
        body = mark[2] or text[start:end]
        arguments = from_text(body, mark[1])
        is_cut = following is None and bool(body.strip()) and not _is_whole(body, arguments)
        yield LocatedAction(Action(mark[1], arguments), mark.start(), end, is_cut)


def _called(text: str, known: Collection[str]) -> Iterator[LocatedAction]:
    """Yield calls written as Python, in a block of nothing else: `run_on_smoke(code=\"\"\"…\"\"\")`."""
    blocks = find_blocks(text) or [Block("", text, 0, len(text))]
    for block in islice((block for block in blocks if any(f"{name}(" in block.text for name in known)), MOST_OBJECTS):
        _, module = mend(block.text.replace("<|python_tag|>", ""))
        if module is None:
            continue
        start = block.start
        for part in module.body:
            call = part.value if isinstance(part, ast.Expr | ast.Assign) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print" and call.args:
                call = call.args[0]
            if not isinstance(call, ast.Call) or (name := ast.unparse(call.func).rpartition(".")[2]) not in known:
                if _is_defined(part, known):
                    break
                continue
            given = {keyword.arg or "": _literal(keyword.value) for keyword in call.keywords}
            given |= dict(zip(TOOLS.get(name, ()), map(_literal, call.args), strict=False))
            yield LocatedAction(Action(name, named(given, name)), start, block.end, block.is_open)
            start = block.end


def _is_defined(part: ast.stmt, known: Collection[str]) -> bool:
    """Return whether a statement defines a function of a tool's name: then it is a script's own, and no tool is used."""
    return isinstance(part, ast.FunctionDef) and part.name in known


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ast.unparse(node)


def describe_tools(tools: Sequence[Tool]) -> str:
    """Return the words with which a prompt teaches the text protocol."""
    lines = [
        'Tools are used by writing, alone at the beginning of a line, `<tool name="…">`, then the argument as plain text (no',
        "JSON, nothing escaped), then `</tool>`. Use one tool at a time and end your reply after it: the result is answered.",
        "",
    ]
    for tool in tools:
        takes = [str(name) for name in tool.parameters.get("properties", {})]
        lines += [f'<tool name="{tool.name}">', *_example(takes), "</tool>", tool.description.strip(), ""]
    return "\n".join(lines).rstrip() + "\n"


def _example(takes: Sequence[str]) -> list[str]:
    """Return what stands between the tags: words for a single argument, a tag for each of several."""
    hints = {
        "code": "a whole Python script",
        "edits": "one or more blocks: <<<<<<< SEARCH … ======= … >>>>>>> REPLACE",
        "node": "the number of a node",
        "name": "short_name_of_the_change",
        "plan": "one to five sentences",
    }
    words = [f"…{hints.get(each, each)}…" for each in takes]
    if takes == ["code", "edits"]:
        return [f"{words[0][:-1]}, or {words[1][1:]}"]
    if len(takes) < 2:
        return words
    found = [
        f"<{each}>{word}</{each}>" for each, word in zip(takes, words, strict=True) if each not in ("code", "edits")
    ]
    for each, word in zip(takes, words, strict=True):
        if each in ("code", "edits"):
            found += (
                [f"<{each}>", word, f"</{each}>"]
                if each == "code"
                else [f"(or, instead of code) <{each}>", word, f"</{each}>"]
            )
    return found
