"""Schemas of answers and tools as OpenAI's protocols take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ANSWER = "answer"
"""Name of the schema of an answer; one is wanted, and none is known."""


def is_strict(schema: Any) -> bool:
    """Return True when OpenAI can enforce a schema to the letter: every object is closed, and wants all it has."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object":
            is_closed = schema.get("additionalProperties") is False
            if not is_closed or set(schema.get("required", ())) != set(schema.get("properties", {})):
                return False
        return all(is_strict(each) for each in schema.values())
    return all(is_strict(each) for each in schema) if isinstance(schema, list | tuple) else True
