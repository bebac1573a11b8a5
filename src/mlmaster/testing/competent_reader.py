"""What a competent reader makes of a request for a script: the only place of the double that knows how prompts are worded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mlmaster.core.node import Operator
from mlmaster.testing.competent_scripts import Data
from mlmaster.testing.llm_wire.exchange import Heard, Received

_HEADINGS: Sequence[tuple[str, Operator]] = (
    (r"^#+ .*\b(draft|new solution|first solution)\b", Operator.DRAFT),
    (r"^#+ .*\b(debug|repair|fix|mend)\b", Operator.DEBUG),
    (r"^#+ .*\b(merge|combine)\b", Operator.MERGE),
    (r"^#+ .*\bevolve\b", Operator.EVOLVE),
    (r"^#+ .*\bimprove\b", Operator.IMPROVE),
    (r"it is a new solution", Operator.DRAFT),
    (r"it repairs the script", Operator.DEBUG),
    (r"after the second", Operator.MERGE),
    (r"it changes the script", Operator.IMPROVE),
    (r"\b(debug|repair)\b", Operator.DEBUG),
    (r"\b(merge|combine)\b", Operator.MERGE),
    (r"\bevolve\b", Operator.EVOLVE),
    (r"\bimprove\b", Operator.IMPROVE),
    (r"\bdraft\b", Operator.DRAFT),
)
"""What names an operator in a request; headings are surer than what else is said, and what comes first than what follows."""
_FENCE = re.compile(r"^(`{3,})(\w*)[^\n]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_EDIT = re.compile(r"^<{5,} ?SEARCH\n(.*?)\n={5,}\n(.*?)\n?>{5,} ?REPLACE", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"^Name: (\w+)$", re.MULTILINE)
_TEXT_DATA = re.compile(r"`: text,|\btext classification\b")
_FAILED = re.compile(r"it failed|not handed in|did nothing|failed on the small view|no edit was applied", re.IGNORECASE)
_RAN = re.compile(r"it ran through|submit it as it is|has not been run, and is not handed in", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, as far as its words tell.

    Attributes:
        kind: What is to be answered: a script, a plan alone, an opinion on a script, a shorter text.
        operator: What is to be done; DRAFT where nothing is shown that could be changed.
        data: Whether texts or columns are to be learned from.
        script: The script that is shown, after what was made of it since; "" without one.
        others: Further scripts.
        plan: What is to be implemented; "" for a plan of one's own.
        last: The last words of the user.
        tools: Names of the tools that may be called.
        takes_edits: Whether a script may be changed by edits.
        has_worked: Whether anything was done since the request.
        has_run: Whether the script as it stands has run through, or only has to be handed in.
        tried: Name and plan of what was tried since; "" where none was said.
        is_cut_off: Whether the last answer is to be continued.
        is_thinking: Whether the answer is begun in the model's own voice.
    """

    kind: Literal["script", "plan", "review", "shorten"]
    operator: Operator
    data: Data
    script: str
    others: tuple[str, ...]
    plan: str
    last: str
    tools: frozenset[str]
    takes_edits: bool
    has_worked: bool
    has_run: bool
    tried: tuple[str, str]
    is_cut_off: bool
    is_thinking: bool

    @classmethod
    def of(cls, received: Received) -> Asked:
        """Read a request."""
        users = [heard.text for heard in received.messages if heard.author == "user"]
        system = "\n".join(heard.text for heard in received.messages if heard.author == "system")
        operator, place = _find_operator(received.messages)
        request = received.messages[place].text if received.messages else received.text
        since = received.messages[place + 1 :]
        last = since[-1].text if since else ""
        scripts = _scripts(request) or _scripts(received.thoughts) or ([] if since else _scripts(received.text)[-1:])
        script = _as_it_stands(scripts[0] if scripts else "", since)
        if since and _FAILED.search(last) and script:
            operator = Operator.DEBUG
        return cls(
            kind=_kind(system, request),
            operator=operator if script or operator is Operator.DRAFT else Operator.DRAFT,
            data="text" if _TEXT_DATA.search(received.text) else "table",
            script=script,
            others=tuple(scripts[1:]),
            plan=_find_plan(request),
            last=users[-1] if users else received.text,
            tools=frozenset(tool.name for tool in received.tools),
            takes_edits="SEARCH" in received.text and bool(script),
            has_worked=bool(since),
            has_run=bool(since) and bool(_RAN.search(last)),
            tried=_find_tried(since),
            is_cut_off=bool(since) and "cut off" in last and since[-1].author == "user",
            is_thinking=received.is_thinking or bool(received.thoughts),
        )


def _kind(system: str, request: str) -> Literal["script", "plan", "review", "shorten"]:
    if "is there a leak" in request.lower():
        return "review"
    if request.lower().startswith("shorten") or "you shorten" in system.lower():
        return "shorten"
    return "plan" if "only plan" in request.lower() else "script"


def _find_operator(messages: Sequence[Heard]) -> tuple[Operator, int]:
    """Return what is asked for, and the place of the message that says so: the last of the user's that names it."""
    places = [i for i, heard in enumerate(messages) if heard.author == "user"]
    for surest in (_HEADINGS[:9], _HEADINGS[9:]):
        for i in reversed(places):
            words = _FENCE.sub("", messages[i].text).lower()
            found = [
                (match.start(), operator) for pattern, operator in surest if (match := re.search(pattern, words, re.M))
            ]
            if found:
                return min(found)[1], i
    return Operator.DRAFT, places[-1] if places else 0


def _scripts(text: str) -> list[str]:
    """Return the whole scripts in a text: blocks that answer."""
    return [
        code
        for _, language, code in _FENCE.findall(text)
        if "submission.csv" in code and language in ("python", "py", "")
    ]


def _find_plan(text: str) -> str:
    """Return the plan that a request says to implement."""
    blocks = [
        block for _, language, block in _FENCE.findall(text) if language == "text" and "implement" in text.lower()
    ]
    return blocks[0] if blocks else ""


def _find_tried(since: Sequence[Heard]) -> tuple[str, str]:
    """Return name and plan that the assistant gave last."""
    for heard in reversed(since):
        named = _NAME.search(heard.text)
        if heard.author == "assistant" and named:
            return named[1], heard.text[: named.start()].strip()
    return "", ""


def _as_it_stands(script: str, since: Sequence[Heard]) -> str:
    """Return a script after what the assistant has made of it in a conversation."""
    for heard in since:
        if heard.author != "assistant":
            continue
        answer = _read_call(heard.text) or heard.text
        whole = _scripts(answer)
        script = whole[-1] if whole else script
        for search, replacement in _EDIT.findall(answer):
            if search in script:
                script = script.replace(search, replacement, 1)
    return script


def _read_call(text: str) -> str:
    """Return the script or the edits in a tool call, as blocks; "" when there are none."""
    begin = text.find("{")
    try:
        given, _ = json.JSONDecoder().raw_decode(text[begin:]) if begin >= 0 else ({}, 0)
    except ValueError:
        return ""
    code, edits = given.get("code"), given.get("edits") or []
    if code and "submission.csv" in code:
        return f"```python\n{code}\n```"
    return "\n".join(write_edit(edit["search"], edit["replace"]) for edit in edits if isinstance(edit, dict))


def write_edit(search: str, replacement: str) -> str:
    """Return an edit in the form models are asked for."""
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replacement}\n>>>>>>> REPLACE"
