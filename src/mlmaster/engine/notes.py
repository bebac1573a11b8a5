"""`notes.json`: small, free facts a script leaves for later proposals; bounded, and without train rows.

It is a message from a script to whoever writes the next one, so it passes the filter that logs pass, and is far too small
to carry labels. What breaks a bound is left out and said in the node's log; it is never the script's fault.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mlmaster.engine.excerpts import excerpt
from mlmaster.engine.telling import TellingValues
from mlmaster.store.run_directory import NOTES_FILE

MOST_BYTES, MOST_KEYS, DEEPEST, LONGEST_TEXT = 4096, 50, 3, 200

Notes = dict[str, Any]


class _Unfit(ValueError):
    """The notes cannot be kept; says why."""


def read_notes(path: Path, values: TellingValues) -> tuple[Notes, str]:
    """Return the notes a script left, and a line on what was left out of them.

    Args:
        path: A regular file, or nothing.
        values: What tells train rows apart.

    Returns:
        The notes, `{}` when there are none, and "" when nothing was left out.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise _Unfit(f"has {size} bytes, of which {MOST_BYTES} are allowed")
        notes = json.loads(path.read_bytes())
        if not isinstance(notes, dict):
            raise _Unfit(f"holds a {type(notes).__name__}, not an object")
        if (keys := _count(notes, depth=1)) > MOST_KEYS:
            raise _Unfit(f"has {keys} entries, of which {MOST_KEYS} are allowed")
    except FileNotFoundError:
        return {}, ""
    except _Unfit as error:
        return {}, f"{NOTES_FILE} was left out: it {error}"
    except (ValueError, RecursionError) as error:
        return {}, f"{NOTES_FILE} was left out: it is no JSON ({error})"
    fit = {key: value for key, value in notes.items() if _is_harmless(key, value, values)}
    if len(fit) < len(notes):
        return fit, f"{NOTES_FILE}: {len(notes) - len(fit)} entries with training rows were left out"
    return fit, ""


def _count(value: Any, depth: int) -> int:
    """Return how many entries objects and lists have, all in all."""
    if isinstance(value, dict | list):
        if depth > DEEPEST:
            raise _Unfit(f"is nested more than {DEEPEST} deep")
        children = [*value, *value.values()] if isinstance(value, dict) else value
        return len(value) + sum(_count(child, depth + 1) for child in children)
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise _Unfit(f"has a text of {len(value)} characters, of which {LONGEST_TEXT} are allowed")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unfit("has a number that is not finite")
    return 0


def _is_harmless(key: str, value: Any, values: TellingValues) -> bool:
    text = json.dumps({key: value}, ensure_ascii=False)
    return excerpt(text, values) == text
