from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.engineers.llm.replies.loose_json import read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(), each, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)

LOOSE: dict[str, tuple[str, Any]] = {
    "trailing commas": ('{"a": [1, 2,], "b": 3,}', {"a": [1, 2], "b": 3}),
    "comments": ('{"a": 1, // one\n "b": 2, # two\n /* three */ "c": 3}', {"a": 1, "b": 2, "c": 3}),
    "a mapping of Python": ("{'a': True, 'b': None, 'c': 'it\\'s'}", {"a": True, "b": None, "c": "it's"}),
    "bare keys": ("{a: 1, b_c: -2.5e3}", {"a": 1, "b_c": -2500.0}),
    "raw line ends": ('{"a": "x\ny\tz"}', {"a": "x\ny\tz"}),
    "raw quotes": ('{"a": "print("x")", "b": 1,}', {"a": 'print("x")', "b": 1}),
    "three quotes": ('{"a": """x = "y"\nz""", "b": 1}', {"a": 'x = "y"\nz', "b": 1}),
    "odd escapes": ('{"a": "\\d+\\n\\u0041", }', {"a": "\\d+\nA"}),
    "an escaped line end": ('{"a": "x\\\ny",}', {"a": "xy"}),
    "a comma is missing": ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
    "backticks": ("{a: `x\ny`}", {"a": "x\ny"}),
    "half a character": ('{"a\\ud83d": ["\\ude00", "\\ud83d\\ude00"]}', {"a\ufffd": ["\ufffd", "\N{GRINNING FACE}"]}),
    "more after it": ('{"a": 1,} and words', {"a": 1}),
}
CUT: dict[str, tuple[str, Any]] = {
    "within a string": ('{"a": "x y', {"a": "x y"}),
    "after a colon": ('{"a": 1, "b":', {"a": 1, "b": None}),
    "after a comma": ('{"a": [1, 2,', {"a": [1, 2]}),
    "after an escape": ('{"a": "x\\', {"a": "x\\"}),
    "at once": ("{", {}),
}
BROKEN = ["", "x", "{x y}", "{1: 2}", "[1 2]", "{]", '"text"', "3"]


@pytest.mark.parametrize(("text", "value"), LOOSE.values(), ids=LOOSE)
def test_what_models_write_is_read(text: str, value: Any) -> None:
    found = read_json(text)
    assert found is not None
    assert (found.value, found.is_cut) == (value, False)


@pytest.mark.parametrize(("text", "value"), CUT.values(), ids=CUT)
def test_what_is_cut_is_read_as_far_as_it_goes(text: str, value: Any) -> None:
    found = read_json(text)
    assert found is not None
    assert (found.value, found.is_cut) == (value, True)


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_object_is_none(text: str) -> None:
    assert read_json(text) is None


@given(OBJECTS, st.text(), st.integers(0, 4))
def test_strict_json_is_read_as_it_is_wherever_it_stands(value: dict[str, Any], before: str, indent: int) -> None:
    found = read_json(before + json.dumps(value, indent=indent or None) + " and words", len(before))
    assert found is not None
    assert (found.value, found.is_cut) == (value, False)


@given(OBJECTS, st.data())
def test_a_beginning_of_json_is_read_or_is_none(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    at = data.draw(st.integers(0, len(text) - 1))
    found = read_json(text[:at])
    assert found is None or found.is_cut


def test_nesting_without_end_is_none() -> None:
    assert read_json("[" * 100_000) is None
    assert read_json('{"a":' * 100_000) is None
