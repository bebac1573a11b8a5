"""Arguments of tools as text: from JSON of any make, from tags, or from plain text that is the argument itself."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from mlmaster.core.chat import ToolCall
from mlmaster.engineers.llm.replies.blocks import find_blocks
from mlmaster.engineers.llm.replies.cleaning import clean
from mlmaster.engineers.llm.replies.edits import Edit, locate_edits, write_edits
from mlmaster.engineers.llm.replies.loose_json import read_json
from mlmaster.engineers.llm.replies.programs import choose, inspect, mend, read_module
from mlmaster.engineers.llm.replies.prose import name_of, plan_of

TOOLS: Mapping[str, tuple[str, ...]] = {
    "look_at_data": ("code",),
    "run_on_smoke": ("code", "edits"),
    "read_log": ("node",),
    "edit": ("edits",),
    "submit": ("name", "plan", "code", "edits"),
}
"""The tools of a session, with what each takes."""
MOST_EDITS = 500
_SAME = {
    "code": (
        "script",
        "source",
        "python",
        "python_code",
        "program",
        "solution",
        "content",
        "input",
        "text",
        "query",
        "command",
    ),
    "edits": ("edit", "diff", "patch", "changes", "search_replace", "blocks"),
    "node": ("node_id", "id", "number", "node_number"),
    "name": ("edit_name", "change", "title"),
    "plan": ("description", "explanation", "summary", "rationale"),
}
_NESTED = ("arguments", "parameters", "args")
_SEARCHED = ("search", "old", "old_str", "old_string", "find", "original")
_PUT = ("replace", "new", "new_str", "new_string", "replacement", "updated")
_PARAMETER = re.compile(r"<(?:parameter|param|arg|argument)(?:[ ]name[ ]?=[ ]?|=)[\"']?(\w{1,40})[\"']?[^<>\n]{0,80}>")
_ARGUMENT_TAG = re.compile(r"<(code|edits|node|name|plan)>")


def read_arguments(call: ToolCall) -> Mapping[str, str]:
    """Return the arguments of a native call as text, however the model wrote them.

    Edits given as JSON become search/replace blocks; code given as the only argument, without JSON, is found as such.
    """
    text = clean(call.arguments).strip()
    value = read_json(text)
    if value is not None and isinstance(value.value, dict | list):
        return from_value(value.value, call.name)
    with_text = _decoded(text)
    return from_text(with_text, call.name)


def _decoded(text: str) -> str:
    """Return the text of a JSON string, or the text itself."""
    if text[:1] == '"':
        try:
            value = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            return text
        return clean(value) if isinstance(value, str) else text
    return text


def from_value(value: Any, tool: str) -> dict[str, str]:
    """Return arguments from JSON data; JSON within a string is read as well."""
    if isinstance(value, str):
        within = read_json(value.strip())
        if within is not None and isinstance(within.value, dict):
            return named(within.value, tool)
        return from_text(value, tool)
    if isinstance(value, dict):
        inner = next((value[key] for key in _NESTED if isinstance(value.get(key), dict)), value)
        return named(inner, tool)
    if isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return from_text("\n".join(value), tool)
        return named({"edits": value}, tool)
    return from_text(str(value), tool) if value is not None else {}


def named(given: Mapping[str, Any], tool: str) -> dict[str, str]:
    """Return arguments under the names the tool knows, as text; unknown ones are kept, but for an empty name."""
    takes = TOOLS.get(tool, ())
    found: dict[str, str] = {}
    if {"search", "replace"} <= given.keys() and "edits" in takes:
        given = {"edits": [given]}
    for key, value in given.items():
        name = key if key in takes else next((own for own in takes if key.lower() in _SAME.get(own, ())), key)
        if name and value is not None and (name == key or name not in given):
            found[name] = _as_text(value, name)
    return found


def _as_text(value: Any, name: str) -> str:
    if name == "edits" and isinstance(value, dict | list):
        edits = edits_from(value)
        if edits:
            return write_edits(edits)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, default=str)
    text = clean(value)
    if name != "code":
        return text
    module = read_module(text)
    blocks = find_blocks(text) if module is None else []
    piece = choose([(block.text, block.is_python) for block in blocks])
    return piece.code if piece is not None else mend(text)[0]


def edits_from(value: Any) -> tuple[Edit, ...]:
    """Return the edits of JSON data: an object, or a list, of a text to search and one to put there."""
    found: list[Edit] = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            found += locate_edits(clean(each)).edits
        elif isinstance(each, list):
            found += edits_from(each[:MOST_EDITS])
        elif isinstance(each, dict):
            if isinstance(each.get("edits"), list):
                found += edits_from(each["edits"])
                continue
            search = next(
                (each[key] for key in ("search", "old", "old_str", "old_string", "find", "original") if key in each),
                None,
            )
            replace = next(
                (
                    each[key]
                    for key in ("replace", "new", "new_str", "new_string", "replacement", "updated")
                    if key in each
                ),
                None,
            )
            if isinstance(search, str) and isinstance(replace, str):
                found.append(Edit(clean(search), clean(replace)))
    return tuple(found)


def from_text(body: str, tool: str) -> dict[str, str]:
    """Return arguments from the text between the tags of a tool."""
    bare = body.strip()
    takes = TOOLS.get(tool, ())
    if not bare:
        return {}
    if bare[:1] == "{":
        value = read_json(bare)
        if value is not None and isinstance(value.value, dict) and not bare[value.end :].strip():
            return from_value(value.value, tool)
    given = _parameters(body) or _argument_tags(body, takes)
    if given:
        return named(given, tool)
    if takes == ("node",):
        number = re.search(r"\d{1,9}", bare)
        return {"node": number[0] if number else bare[:100]}
    found: dict[str, str] = {}
    rest = bare
    if "edits" in takes:
        located = locate_edits(body)
        if located.edits or located.is_cut:
            found["edits"] = body.strip("\n")
            rest = outside(body, located.spans)
    blocks = find_blocks(rest)
    if "code" in takes and "edits" not in found:
        piece = choose([(block.text, block.is_python) for block in blocks])
        if piece is None and not blocks:
            code, words = _after_words(bare) if "plan" in takes else (bare, "")
            if code or "plan" not in takes:
                piece = inspect(code)
                rest = words
        if piece is not None:
            found["code"] = piece.code
    if "plan" in takes:
        words = outside(rest, [(block.start, block.end) for block in blocks])
        found |= {key: value for key, value in (("name", name_of(words)), ("plan", plan_of(words))) if value}
    if not found and takes:
        found[takes[-1] if tool == "edit" else takes[0]] = bare
    return found


def _after_words(text: str) -> tuple[str, str]:
    """Return the code that follows lines of words, and the words."""
    start = re.search(r"^(?:import |from \w[\w.]{0,80} import |#!)", text, re.MULTILINE)
    if start is None:
        return "", text
    return text[start.start() :], text[: start.start()]


def _parameters(body: str) -> dict[str, str]:
    """Return what `<parameter name="…">` tags hold."""
    tags = list(islice(_PARAMETER.finditer(body), 20))
    found = {}
    ends = [*(tag.start() for tag in tags[1:]), len(body)]
    for tag, limit in zip(tags, ends, strict=False):
        inner = body[tag.end() : limit]
        end = inner.rfind("</par" if "<par" in tag[0] else "</arg")
        found[tag[1]] = (inner[:end] if end >= 0 else inner).strip("\n")
    return found


def _argument_tags(body: str, takes: Collection[str]) -> dict[str, str]:
    """Return what tags named like the tool's arguments hold."""
    found: dict[str, str] = {}
    last = 0
    for tag in islice(_ARGUMENT_TAG.finditer(body), 20):
        if tag.start() < last or tag[1] not in takes:
            continue
        end = body.find(f"</{tag[1]}>", tag.end())
        found[tag[1]] = body[tag.end() : end if end >= 0 else len(body)].strip("\n")
        last = end if end >= 0 else len(body)
    return found


def outside(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return a text without the parts that lie in spans."""
    kept, place = [], 0
    for start, end in sorted(spans):
        if start >= place:
            kept.append(text[place:start])
        place = max(place, end)
    kept.append(text[place:])
    return "".join(kept)
