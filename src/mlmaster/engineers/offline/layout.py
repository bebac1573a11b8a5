"""Python literals and calls as a formatter would lay them out, so that emitted scripts read like hand-written ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

WIDTH = 120


class Code(str):
    """Text that is code already; everything else handed to `literal` or `call` is a value."""

    __slots__ = ()


def literal(value: Any, indent: int = 0, used: int = 0) -> str:
    """Return the value as a Python literal; wrapped, one item a line, when it does not fit.

    Args:
        value: None, a bool, number, string, list, tuple, dict or `Code`.
        indent: Columns the line that starts the literal is indented by.
        used: Columns taken on that line before and after the literal.
    """
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        items = [f"{literal(k)}: {{}}" for k in value]
        parts = list(value.values())
        return _wrap("{", "}", [(head, part) for head, part in zip(items, parts, strict=True)], indent, used)
    if isinstance(value, list):
        return _wrap("[", "]", [("{}", part) for part in value], indent, used)
    if isinstance(value, tuple):
        inside = ", ".join(literal(part) for part in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def call(function: str, *arguments: Any, indent: int = 0, used: int = 0, **named: Any) -> Code:
    """Return a call; strings are values unless they are `Code`."""
    parts = [("{}", argument) for argument in arguments] + [(f"{name}={{}}", value) for name, value in named.items()]
    return Code(_wrap(f"{function}(", ")", parts, indent, used))


def _wrap(opening: str, closing: str, parts: list[tuple[str, Any]], indent: int, used: int) -> str:
    flat = ", ".join(head.replace("{}", literal(part), 1) for head, part in parts)
    if "\n" not in flat and indent + used + len(opening) + len(flat) + len(closing) <= WIDTH:
        return f"{opening}{flat}{closing}"
    pad = " " * (indent + 4)
    hanging = f"{pad}{flat}"
    if opening.endswith("(") and "\n" not in flat and len(hanging) <= WIDTH:
        return f"{opening}\n{hanging}\n{' ' * indent}{closing}"
    lines = [f"{pad}{head.replace('{}', literal(part, indent + 4, len(head)), 1)}," for head, part in parts]
    return "\n".join([opening, *lines, f"{' ' * indent}{closing}"])
