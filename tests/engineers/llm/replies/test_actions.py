"""Tools in the text of a reply stand in `replies/actions.yaml`; here are arguments of native calls, and what prompts say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.chat import Tool, ToolCall
from mlmaster.engineers.llm.replies.actions import TOOLS, Action, describe_tools, find_actions, read_arguments

CODE = 'import pandas as pd\n\nprint(pd.read_csv("./input/train.csv").shape)\n'
EDITS = "<<<<<<< SEARCH\na = 1\n=======\na = 2\n>>>>>>> REPLACE"

ARGUMENTS = {
    "JSON": ("look_at_data", json.dumps({"code": CODE}), {"code": CODE}),
    "JSON with real line ends": (
        "look_at_data",
        '{"code": "' + CODE.replace('"', '\\"') + '"}',
        {"code": CODE},
    ),
    "a trailing comma": ("look_at_data", json.dumps({"code": CODE})[:-1] + ",}", {"code": CODE}),
    "a mapping of Python": ("look_at_data", repr({"code": CODE}), {"code": CODE}),
    "nothing but code": ("look_at_data", CODE, {"code": CODE}),
    "a fence": ("look_at_data", f"```python\n{CODE}```", {"code": CODE}),
    "a fence within JSON": ("look_at_data", json.dumps({"code": f"```python\n{CODE}```"}), {"code": CODE}),
    "a string of JSON": ("look_at_data", json.dumps(CODE), {"code": CODE}),
    "JSON within a string of JSON": ("look_at_data", json.dumps(json.dumps({"code": CODE})), {"code": CODE}),
    "another name": ("look_at_data", json.dumps({"python_code": CODE}), {"code": CODE}),
    "a list of lines": ("look_at_data", json.dumps({"code": CODE.rstrip().split("\n")}), {"code": CODE}),
    "nested": ("look_at_data", json.dumps({"arguments": {"code": CODE}}), {"code": CODE}),
    "a number": ("read_log", '{"node": 3}', {"node": "3"}),
    "a bare number": ("read_log", "3", {"node": "3"}),
    "another name of a number": ("read_log", '{"node_id": "#3"}', {"node": "#3"}),
    "edits as text": ("edit", json.dumps({"edits": EDITS}), {"edits": EDITS}),
    "edits as objects": ("edit", json.dumps({"edits": [{"search": "a = 1", "replace": "a = 2"}]}), {"edits": EDITS}),
    "one edit": ("edit", json.dumps({"search": "a = 1", "replace": "a = 2"}), {"edits": EDITS}),
    "edits without JSON": ("edit", EDITS, {"edits": EDITS}),
    "edits for a run": ("run_on_smoke", EDITS, {"edits": EDITS}),
    "a submission": (
        "submit",
        json.dumps({"name": "look", "plan": "Look.", "code": CODE}),
        {"name": "look", "plan": "Look.", "code": CODE},
    ),
    "nulls": ("submit", json.dumps({"name": "look", "code": CODE, "edits": None}), {"name": "look", "code": CODE}),
    "nothing": ("run_on_smoke", "", {}),
    "an empty object": ("run_on_smoke", "{}", {}),
}


@pytest.mark.parametrize(("tool", "given_to", "expected"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_are_read_as_they_are_meant(tool: str, given_to: str, expected: dict[str, str]) -> None:
    assert read_arguments(ToolCall("1", tool, given_to)) == expected


@given(st.text(), st.sampled_from([*TOOLS, "another"]))
def test_arguments_of_any_make_are_text(text: str, tool: str) -> None:
    assert all(isinstance(value, str) for value in read_arguments(ToolCall("1", tool, text)).values())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_arguments_of_any_json_are_text(value: object) -> None:
    for tool in TOOLS:
        found = read_arguments(ToolCall("1", tool, json.dumps(value)))
        assert all(isinstance(each, str) for each in found.values())


def test_only_known_tools_are_found() -> None:
    text = '<tool name="read_log">3</tool>\n<tool name="submit">\nx\n</tool>'
    assert find_actions(text, {"read_log"}) == (Action("read_log", {"node": "3"}),)
    assert find_actions(text, ()) == ()


def test_a_script_that_names_a_tool_uses_none() -> None:
    script = "```python\ndef submit(frame):\n    frame.to_csv('submission.csv')\n\n\nsubmit(1)\n```"
    assert find_actions(script) == ()
    assert find_actions("I would use run_on_smoke next, or submit.") == ()


def test_prompts_teach_the_form_that_is_read() -> None:
    def tool(name: str) -> Tool:
        properties = {each: {"type": "string"} for each in TOOLS[name]}
        return Tool(name, f"Says what {name} does.", {"type": "object", "properties": properties})

    words = describe_tools([tool(name) for name in TOOLS])
    for name in TOOLS:
        assert f'<tool name="{name}">' in words
        assert f"Says what {name} does." in words
    taught = [action.name for action in find_actions(words)]
    assert taught == [*TOOLS]
