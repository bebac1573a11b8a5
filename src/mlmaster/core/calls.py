"""The record of one call of a language model: written before it is sent, completed when it ends.

A call that was sent and never completed, because the process died, counts with what was reserved for it: its provider may
have charged that much.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mlmaster.core.chat import Reply, Request, Role
from mlmaster.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known before a call is sent. No key is in it.

    Attributes:
        node: The node it is made for; 0 when for none.
        model: As the user would write it.
        request: What is asked.
        reserved: The most it may use; a budget is hard because this is taken from it beforehand.
    """

    node: int
    model: str
    request: Request
    reserved: Usage

    @property
    def role(self) -> Role:
        """Return which model is asked."""
        return self.request.role


@dataclass(frozen=True, slots=True)
class Answered:
    """How a call ended.

    Attributes:
        outcome: `answered`, or `failed`: then there is no reply, and `usage` is what was charged all the same.
        usage: What it used.
        reply: What came back.
        detail: What failed, in words, without secrets.
        dropped: Parameters the model refused, which were left out.
    """

    outcome: Literal["answered", "failed"]
    usage: Usage
    reply: Reply | None = None
    detail: str = ""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is kept: `id` counts from 1 in the order of sending, `at` is Unix time; open while `answered` is None."""

    id: int
    at: float
    asked: Asked
    answered: Answered | None = None


def request_hash(request: Request) -> str:
    """Return a hash of everything a model is asked; equal for equal requests, in any process."""
    return hashlib.sha256(json.dumps(plain(request), sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def plain(request: Request) -> dict[str, Any]:
    """Return a request as JSON data."""
    return asdict(request)
