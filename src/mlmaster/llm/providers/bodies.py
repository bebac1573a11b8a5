"""Bodies of requests in OpenAI's protocols: put together without what a model refuses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

ANSWER = "answer"
"""Name of the schema of an answer; one is wanted, and none is known."""


class Body:
    """A body in the making.

    Attributes:
        fields: As JSON data.
        sent: Of `mlmaster.llm.providers.provider.PARAMETERS`, those in it.
    """

    def __init__(self, dropped: Collection[str], **fields: Any) -> None:
        """Begin with fields that no model refuses."""
        self.fields = fields
        self.sent: set[str] = set()
        self._dropped = dropped

    def put(self, parameter: str, **fields: Any) -> None:
        """Add the fields of a parameter, unless it is left out, or all of them are None or empty."""
        wanted = {name: value for name, value in fields.items() if value not in (None, "", [], ())}
        if wanted and parameter not in self._dropped:
            self.fields |= wanted
            self.sent.add(parameter)


def is_strict(schema: Any) -> bool:
    """Return True when OpenAI can enforce a schema to the letter: every object is closed, and wants all it has."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object":
            is_closed = schema.get("additionalProperties") is False
            if not is_closed or set(schema.get("required", ())) != set(schema.get("properties", {})):
                return False
        return all(is_strict(each) for each in schema.values())
    return all(is_strict(each) for each in schema) if isinstance(schema, list | tuple) else True
