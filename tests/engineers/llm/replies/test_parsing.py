"""What is read of replies: the table in `replies/`, the laws of joining, and a small run of the fuzz."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.engineers.llm.replies.actions import Action, find_actions
from mlmaster.engineers.llm.replies.edits import Edit, apply_edits, find_edits
from mlmaster.engineers.llm.replies.parsing import Answer, is_refusal, join_continued, read_answer
from mlmaster.engineers.llm.replies.prose import LONGEST_PLAN
from parser_fuzz import LONG as LONG_PARTS
from parser_fuzz import REPLIES, fuzz, read_table

WHOLE = (REPLIES / "_whole.py").read_text(encoding="utf-8")
SHAPES = read_table()


def expected(shape: dict[str, Any]) -> Answer:
    def text(value: Any) -> Any:
        return WHOLE if value == "whole" else value

    return Answer(
        plan=shape.get("plan", ""),
        name=shape.get("name", ""),
        script=text(shape.get("script")),
        edits=tuple(Edit(*pair) for pair in shape.get("edits", ())),
        actions=tuple(
            Action(name, {key: text(value) for key, value in given_to.items()})
            for name, given_to in shape.get("actions", ())
        ),
        is_cut=shape.get("is_cut", False),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=[shape["shape"] for shape in SHAPES])
def test_a_reply_is_read_as_it_is_meant(shape: dict[str, Any]) -> None:
    assert read_answer(shape["reply"]) == expected(shape)
    assert is_refusal(shape["reply"]) == shape.get("is_refusal", False)


def test_the_table_is_large_and_every_shape_has_a_name_of_its_own() -> None:
    names = [shape["shape"] for shape in SHAPES]
    assert len(names) >= 120
    assert len(set(names)) == len(names)


FENCED = f"A constant.\n```python\n{WHOLE}```\n"
LONG = (
    "import pandas as pd\n\n\ndef columns(frame):\n    return [\n        name\n        for name in frame\n    ]\n\n\n"
    + WHOLE
)
SCRIPTS = {"short": WHOLE, "long": LONG}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_reply_cut_anywhere_is_whole_again_when_it_goes_on(script: str) -> None:
    reply = f"```python\n{script}```\n"
    for at in range(len("```python\n") + 1, len(reply) - 5):
        first, second = reply[:at], reply[at:]
        assert read_answer(join_continued(first, second)).script == script, at


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("lead", ["```python\n", "Continuing from where I left off:\n\n```python\n", "```\n"])
def test_a_fence_opened_anew_is_no_part_of_the_script(script: str, lead: str) -> None:
    reply = f"```python\n{script}```\n"
    starts = [place + 1 for place, letter in enumerate(reply[:-5]) if letter == "\n"]
    for at in starts[1:-1]:
        assert read_answer(join_continued(reply[:at], lead + reply[at:])).script == script, at


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("lead", ["", "```python\n"])
def test_a_line_begun_before_and_repeated_stands_once(script: str, lead: str) -> None:
    reply = f"```python\n{script}```\n"
    for at in range(len("```python\n") + 8, len(reply) - 5):
        start = reply.rfind("\n", 0, at) + 1
        if at - start < 4 or not reply[start:at].strip():
            continue
        assert read_answer(join_continued(reply[:at], lead + reply[start:])).script == script, at


def test_several_lines_repeated_stand_once() -> None:
    reply = f"```python\n{LONG}```\n"
    at = reply.index("for name")
    back = reply.index("def columns")
    assert read_answer(join_continued(reply[:at], reply[back:])).script == LONG


def test_a_reply_that_begins_anew_replaces_the_one_that_was_cut() -> None:
    first = FENCED[: len(FENCED) // 2]
    assert read_answer(join_continued(first, f"Sorry, all of it:\n{FENCED}")).script == WHOLE
    assert read_answer(join_continued(first, f"<think>again</think>\n{FENCED}")).script == WHOLE


def test_what_is_joined_with_nothing_is_itself() -> None:
    assert join_continued(FENCED, "") == FENCED
    assert join_continued(" \n", FENCED) == FENCED


def test_json_that_was_cut_goes_on() -> None:
    text = json.dumps({"plan": "A constant.", "code": WHOLE})
    for at in range(30, len(text) - 2):
        joined = read_answer(join_continued(text[:at], text[at:]))
        assert (joined.script, joined.is_cut) == (WHOLE, False), at


def test_a_tool_that_was_cut_goes_on() -> None:
    text = f'<tool name="run_on_smoke">\n```python\n{WHOLE}```\n</tool>'
    for at in range(text.index("import") + 1, text.index("```\n</tool>")):
        (action,) = read_answer(join_continued(text[:at], text[at:])).actions
        assert action.arguments == {"code": WHOLE}, at


@given(st.text(), st.text())
@settings(max_examples=200)
def test_nothing_is_too_odd_to_be_read_and_joined(first: str, second: str) -> None:
    answer = read_answer(first)
    assert len(answer.plan) <= LONGEST_PLAN
    assert re.fullmatch("[a-z0-9_]*", answer.name)
    assert len(join_continued(first, second)) <= len(first) + len(second) + 1


@pytest.mark.parametrize(
    "words",
    [
        "I cannot help with that.",
        "I'm sorry, but I can't comply with this request.",
        "As an AI language model, I am not able to run code.",
        "I won't be able to... I am unable to assist with this.",
        "Lo siento, pero no puedo ayudar con eso.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
    ],
)
def test_refusals_are_known(words: str) -> None:
    assert is_refusal(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "I cannot find the column `price`; the target seems to be `SalePrice`.",
        "Linear models can't help here, so I try trees.\n" * 60,
        "I can't help noticing that the data are skewed.\n```python\nprint(1)\n```",
        "I'm sorry for the mistake. The fold index was wrong.",
    ],
)
def test_what_is_no_refusal_is_not_taken_for_one(words: str) -> None:
    assert not is_refusal(words)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
def test_a_small_run_of_the_fuzz() -> None:
    figures = fuzz(1_500, seed=7)
    assert figures["exceptions"] == 0, figures["examples"][0]
    assert len(figures["found"]) >= 6


@pytest.mark.parametrize("part", LONG_PARTS.values(), ids=LONG_PARTS)
def test_what_repeats_is_read(part: str) -> None:
    text = (part * 4_000)[:8_000]
    read_answer(text)
    find_actions(text)
    apply_edits(text, find_edits(text)[:5])
