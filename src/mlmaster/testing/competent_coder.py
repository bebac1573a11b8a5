"""A pretended model that solves tasks: the brain for runs over `LLMServer` or `ScriptedLLM` that must end with a score.

It reads a request as a model does, from its text alone, and answers in the forms models use: a plan and a whole script,
edits, reasoning beside or inside the answer, words after the code, tool calls where tools are offered. What it knows of
prompts stands in `competent_reader`, what it knows of tasks in `competent_scripts`.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from threading import Lock
from typing import Any

from mlmaster.core.chat import ToolCall
from mlmaster.core.node import Operator
from mlmaster.testing.competent_reader import Asked, write_edit
from mlmaster.testing.competent_scripts import (
    BUGS,
    Change,
    Data,
    Member,
    draft,
    join,
    lighten,
    read_members,
    vary,
    write_member,
    write_script,
)
from mlmaster.testing.llm_wire.exchange import Received, Said

BUG_SHARE = 0.5
KEPT = 100
"""Answers that are remembered, in case one is to be continued."""
_LOOK = """import pandas as pd
train = pd.read_csv("./input/train.csv")
print(train.shape, train.dtypes.to_dict(), train.nunique().to_dict())"""


class CompetentCoder:
    """A pretended model that drafts, changes, mends and merges scripts; the same request gets the same answer.

    Args:
        seed: Another seed, other solutions.
        bugs: Plant a fault in every other draft; it is mended when the script comes back with it.
        shapes: Answer in the manifold shapes of real models; without, always in the plainest.
    """

    def __init__(self, seed: int = 0, *, bugs: bool = False, shapes: bool = True) -> None:
        self._seed = seed
        self._bugs = bugs
        self._shapes = shapes
        self._said: deque[str] = deque(maxlen=KEPT)
        self._lock = Lock()

    def __call__(self, received: Received) -> Said:
        """Return the answer to a request."""
        asked = Asked.of(received)
        said = self._go_on(received) if asked.is_cut_off else self._answer(received, asked)
        with self._lock:
            self._said.append(said.text)
        return said

    def _answer(self, received: Received, asked: Asked) -> Said:
        rng = Random(hashlib.sha256(f"{self._seed}\0{received.text}".encode()).digest())
        if asked.kind == "review":
            return Said('{"leak": false, "why": "It learns from train alone.", "fix": ""}')
        if asked.kind == "shorten":
            return Said(" ".join(asked.last.split()[:60]))
        if asked.kind == "plan":
            return _plan(asked, self._change(asked, rng))
        if asked.tools and not asked.has_worked and self._shapes and rng.random() < 0.3:
            return Said("", "First a look at the data.", (_call("look_at_data", code=_LOOK),))
        if asked.has_run and asked.tools:
            name, plan = asked.tried
            return Said(calls=(_call("submit", name=name, plan=plan),))
        return self._solve(asked, rng)

    def _solve(self, asked: Asked, rng: Random) -> Said:
        """Return a script, whole or as edits."""
        change = self._change(asked, rng)
        edits = change.edits if asked.takes_edits and (not self._shapes or rng.random() < 0.8) else ()
        said = _submit(asked, change, edits, rng, has_shapes=self._shapes)
        reasoning = f"It is asked to {asked.operator}. {change.plan}"
        if self._shapes and not asked.is_thinking and rng.random() < 0.2:
            return replace(said, text=f"<think>\n{reasoning}\n</think>\n\n{said.text}" if said.text else "")
        return replace(said, reasoning=reasoning)

    def _change(self, asked: Asked, rng: Random) -> _Written:
        """Return what to make of the script that is shown, or a new one."""
        script = asked.script
        known = read_members(script) if script else None
        if asked.operator is Operator.DEBUG and known:
            return _mend(script, *known)
        if known is None or asked.operator is Operator.DRAFT:
            found = draft(asked.data, rng)
            code = write_script(asked.data, found, self._seed)
            is_planted = self._bugs and asked.operator is Operator.DRAFT and rng.random() < BUG_SHARE
            return _Written(found.name, found.plan, _plant(code, rng) if is_planted else code)
        data, members = known
        found = _planned(asked.plan, members) or self._idea(asked, data, members, rng)
        return _rewrite(script, members, found)

    def _idea(self, asked: Asked, data: Data, members: Sequence[Member], rng: Random) -> Change:
        others = [known[1] for other in asked.others if (known := read_members(other)) and known[0] == data]
        if asked.operator is Operator.MERGE and others:
            return join(members, others[0], rng)
        return vary(data, members, rng)

    def _go_on(self, received: Received) -> Said:
        """Return what was cut off of the answer before; the whole of another where that is not remembered."""
        begun = received.messages[-2].text.rstrip()
        with self._lock:
            whole = next((text for text in reversed(self._said) if text.startswith(begun)), "")
        if begun and whole:
            return Said(whole[len(begun) :])
        return self._answer(received, replace(Asked.of(received), is_cut_off=False))


@dataclass(frozen=True, slots=True)
class _Written:
    """A script that is to be handed in, with the edits that make it of the one that is shown."""

    name: str
    plan: str
    code: str
    edits: tuple[tuple[str, str], ...] = ()
    members: tuple[Member, ...] = ()


def _planned(plan: str, members: Sequence[Member]) -> Change | None:
    """Return the change that a plan of this coder's own spells out."""
    spelled = read_members(plan + "\n")
    if spelled is None or tuple(members) == spelled[1]:
        return None
    return Change("as_planned", "Done as the plan says.", spelled[1])


def _plan(asked: Asked, change: _Written) -> Said:
    """Return a plan without code."""
    lines = "\n".join(map(write_member, change.members))
    changes = [change.plan, *([f"MEMBERS = [\n{lines}\n]\n"] if change.members else [])]
    plan = "\n".join(changes)
    return Said(
        json.dumps({"name": change.name, "plan": plan, "changes": changes}), f"To {asked.operator}: {change.plan}"
    )


def _plant(code: str, rng: Random) -> str:
    """Return a script with a fault."""
    right, wrong, _ = rng.choice([bug for bug in BUGS if bug[0] in code])
    return code.replace(right, wrong)


def _mend(script: str, data: Data, members: Sequence[Member]) -> _Written:
    """Return a script without its fault; one whose fault is not to be seen does less."""
    for right, wrong, words in BUGS:
        if wrong in script:
            lines = [line for line in script.splitlines() if wrong in line]
            edits = tuple((line, line.replace(wrong, right)) for line in dict.fromkeys(lines))
            plan = f"The fault is in {wrong!r}: {words}. Everything else stays."
            return _Written("mend", plan, script.replace(wrong, right), edits)
    return _rewrite(script, members, lighten(data, members))


def _rewrite(script: str, members: Sequence[Member], change: Change) -> _Written:
    """Return a script with other members, and the edit that makes them."""
    begin, end = script.index("MEMBERS = [\n"), script.index("\n]\n") + 2
    old = script[begin:end]
    new = "MEMBERS = [\n" + "\n".join(map(write_member, change.members)) + "\n]"
    edits: tuple[tuple[str, str], ...] = ((old, new),)
    if len(members) == len(change.members) and len(members) > 1:
        pairs = zip(old.splitlines(), new.splitlines(), strict=True)
        edits = tuple((before, after) for before, after in pairs if before != after)
    return _Written(change.name, change.plan, script[:begin] + new + script[end:], edits, tuple(change.members))


def _submit(asked: Asked, change: _Written, edits: Sequence[tuple[str, str]], rng: Random, *, has_shapes: bool) -> Said:
    """Return the answer that hands a script in, by a tool or in words."""
    if "submit" in asked.tools:
        given: dict[str, Any] = {"code": change.code}
        if edits:
            given = {"edits": [{"search": search, "replace": replacement} for search, replacement in edits]}
        if has_shapes and "run_on_smoke" in asked.tools and not asked.has_worked and rng.random() < 0.4:
            return Said(f"{change.plan}\n\nName: {change.name}", calls=(_call("run_on_smoke", **given),))
        return Said("", calls=(_call("submit", name=change.name, plan=change.plan, **given),))
    code = "\n\n".join(write_edit(*edit) for edit in edits) or f"```python\n{change.code.rstrip()}\n```"
    after = "\n\nThis keeps within the limits and needs nothing else." if has_shapes and rng.random() < 0.3 else ""
    return Said(f"{change.plan}\n\nName: {change.name}\n\n{code}{after}")


def _call(tool: str, **arguments: Any) -> ToolCall:
    return ToolCall("", tool, json.dumps(arguments))
