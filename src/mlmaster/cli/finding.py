"""One line of `mlmaster doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: What it is.
        value: What was found.
        is_ok: False means that runs would fail or suffer.
        advice: What to do, or what else to know; a line each.
        is_there: False for what a run does without, though it would be better with it.
    """

    name: str
    value: str
    is_ok: bool = True
    advice: str = ""
    is_there: bool = True

    def plain(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "name": self.name,
            "value": self.value,
            "ok": self.is_ok,
            "there": self.is_ok and self.is_there,
            "advice": self.advice,
        }


def size(amount: float) -> str:
    """Return bytes as a person says them."""
    return f"{amount / 2**30:.1f} GiB"
