"""An engineer whose proposals are a function: no library, no model, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.ports import Desk


class ScriptedEngineer:
    """A scripted double of `mlmaster.ports.Engineer`.

    Args:
        answer: Maps a context to a proposal; may raise `Exhausted` or `ProposalRefused`, and may block.
        operators: What it can do.

    Attributes:
        contexts: Every context it was given, in order.
    """

    name = "scripted"

    def __init__(
        self, answer: Callable[[Context], Proposal], operators: frozenset[Operator] = frozenset(Operator)
    ) -> None:
        self.operators = operators
        self.contexts: list[Context] = []
        self._answer = answer
        self._lock = Lock()

    def propose(self, context: Context, desk: Desk) -> Proposal:  # noqa: ARG002 - the protocol's argument
        """Return the scripted answer."""
        with self._lock:
            self.contexts.append(context)
        return self._answer(context)
