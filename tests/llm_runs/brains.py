"""A coder under which every operator is needed, whatever the clock says, and one that uses every tool."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from threading import Lock

from mlmaster.core.chat import ToolCall
from mlmaster.core.node import Operator
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.competent_reader import Asked, write_edit
from mlmaster.testing.competent_scripts import BUGS, read_members, write_member
from mlmaster.testing.llm_server import Received, Said


class Plodder:
    """Its first draft has a fault; its improvements change no answer, so that every branch stagnates.

    All else is `CompetentCoder`'s: what evolves, mends and merges.
    """

    def __init__(self, seed: int = 0) -> None:
        self._coders = [CompetentCoder(each, bugs=True, shapes=False) for each in range(seed, seed + 40)]
        self._sound = CompetentCoder(seed)
        self._has_planted = False
        self._lock = Lock()

    def __call__(self, received: Received) -> Said:
        asked = Asked.of(received)
        if asked.kind == "script" and not asked.has_worked:
            if asked.operator is Operator.DRAFT and self._is_first_draft():
                return next(said for coder in self._coders if has_fault(said := coder(received)))
            if asked.operator is Operator.IMPROVE and read_members(asked.script):
                return _change_nothing_that_counts(asked, received.number)
        return self._sound(received)

    def _is_first_draft(self) -> bool:
        with self._lock:
            is_first, self._has_planted = not self._has_planted, True
            return is_first


class Craftsman:
    """Uses every tool, in words, in turn: looks, reads a log, tries a script, edits it, hands it in."""

    def __init__(self, seed: int = 0) -> None:
        self._coder = CompetentCoder(seed, shapes=False)

    def __call__(self, received: Received) -> Said:
        begin = next((i for i, heard in enumerate(received.messages) if heard.author == "assistant"), None)
        done = sum(heard.author == "assistant" for heard in received.messages)
        written = self._coder(replace(received, messages=received.messages[:begin])).text
        fenced = re.search(r"```python\n(.*?)```", written, re.DOTALL)
        code = fenced[1] if fenced else written[written.index("<<<<<<<") :]
        steps = (
            _use("look_at_data", 'import pandas as pd\nprint("seen", pd.read_csv("./input/test.csv").shape)'),
            _use("read_log", "#1"),
            _use("run_on_smoke", code),
            _use("edit", write_edit('print("answered by"', 'print("it was answered by"')),
            _use("submit", "<name>well_made</name>\n<plan>Looked at, tried, and changed once more.</plan>"),
        )
        return Said(steps[done])


def has_fault(said: Said) -> bool:
    """Return whether a planted fault stands in what is submitted, one that every kind of script runs into."""
    code = "".join(call.arguments for call in said.calls if call.name == "submit") or said.text
    return any(wrong in code or json.dumps(wrong)[1:-1] in code for _, wrong, _ in BUGS if "max_iter" not in wrong)


def _use(tool: str, argument: str) -> str:
    return f'<tool name="{tool}">\n{argument.strip()}\n</tool>'


def _change_nothing_that_counts(asked: Asked, number: int) -> Said:
    """Return one more member, of weight 0; another one for every request, since nothing is run twice."""
    known = read_members(asked.script)
    assert known is not None
    members = known[1]
    added = {**members[0], "strength": members[0]["strength"] * (1 - number / 1000), "weight": 0.0}
    edit = write_member(members[-1]), f"{write_member(members[-1])}\n{write_member(added)}"
    plan = f"Hear a further opinion without weighing it, beside {len(members)} that there are."
    name = f"idle_opinion_{len(members)}"
    if "submit" not in asked.tools:
        return Said(f"{plan}\n\nName: {name}\n\n{write_edit(*edit)}")
    edits = [{"search": edit[0], "replace": edit[1]}]
    return Said(calls=(ToolCall("", "submit", json.dumps({"name": name, "plan": plan, "edits": edits})),))
