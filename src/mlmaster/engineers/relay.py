"""Two engineers as one: the offline engineer makes a run's first draft, and stands in while no model can be asked.

Who answers is a function of the context and of what the model's provider does at that moment; nothing is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf

from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.errors import CallCancelled, Exhausted, ProviderError
from mlmaster.ports import Desk, Engineer

PASSING = frozenset({"away"})
"""Causes that say nothing about the user's settings."""
ENDING = frozenset({"quota", "key"})
"""Causes that are a mistake at the start of a run, and bad luck in the middle."""
PAUSE_S = 10.0
"""Seconds between two tries where nobody can stand in."""


class Relay:
    """Asks one engineer, and another where that one is not to be asked or cannot be.

    Args:
        engineer: Who is asked as a rule.
        offline: Who needs nobody: makes the first draft, and stands in.
        has_baseline: Whether the first draft of a run is the offline engineer's.
        has_fallback: Whether the offline engineer stands in while the provider of the other is away. `engineer` should then
            not wait for its provider: that is done here, where nobody can stand in.
        patience_s: Seconds to wait for a provider that is away where the offline engineer has nothing to offer.
    """

    def __init__(
        self, engineer: Engineer, offline: Engineer, *, has_baseline: bool, has_fallback: bool, patience_s: float
    ) -> None:
        self.name = f"{engineer.name}, {offline.name}"
        self.operators: frozenset[Operator] = engineer.operators
        self._engineer, self._offline = engineer, offline
        self._has_baseline, self._has_fallback, self._patience_s = has_baseline, has_fallback, patience_s

    def propose(self, context: Context, desk: Desk) -> Proposal:
        """Return the proposal of whoever's turn it is; see `mlmaster.ports.Engineer`."""
        if self._has_baseline and _is_first(context):
            first = self._from_offline(context, desk)
            if first is not None:
                return first
        left_s = self._patience_s
        while True:
            try:
                return self._engineer.propose(context, desk)
            except ProviderError as error:
                if not (self._has_fallback and _may_pass(error, context)):
                    raise
                answers = (self._from_offline(each, desk) for each in _as_offline_goes_on(context))
                answer = next((each for each in answers if each is not None), None)
                if answer is not None:
                    return answer
                if error.cause not in PASSING or left_s <= 0:
                    raise
            if desk.cancel.wait(min(PAUSE_S, left_s)):
                raise CallCancelled("the run ended while a model's provider was away")
            left_s -= PAUSE_S

    def _from_offline(self, context: Context, desk: Desk) -> Proposal | None:
        """Return what the offline engineer has; that it has nothing must not close the place for the other one."""
        try:
            return self._offline.propose(context, desk)
        except Exhausted:
            return None


def _is_first(context: Context) -> bool:
    return context.operator is Operator.DRAFT and not context.siblings and not context.history


def _as_offline_goes_on(context: Context) -> Iterator[Context]:
    """Yield what the offline engineer may be asked in a decision's place, the nearest first.

    It can go on from nothing, or from a script of its own. In place of the next step from a model's script it improves the
    best of its own, or drafts another: a slot that stands still is of no use. A model's fault is left to the model, for
    another script would pass for its repair.
    """
    if context.operator is Operator.DRAFT or (context.parent is not None and context.parent.recipe is not None):
        yield context
    if context.operator is Operator.DEBUG:
        return
    own = [node for node in context.history if node.recipe is not None and node.is_good]
    elsewhere = replace(context, parent=None, parent_code=None, parent_log="", parent_notes={}, others=(), path=())
    if own:
        best = max(own, key=lambda node: -inf if node.utility is None else node.utility)
        yield replace(elsewhere, operator=Operator.IMPROVE, parent=best, siblings=(), path=(best,))
    if context.operator is not Operator.DRAFT:
        drafts = tuple(node for node in context.history if node.operator is Operator.DRAFT)
        yield replace(elsewhere, operator=Operator.DRAFT, siblings=drafts)


def _may_pass(error: ProviderError, context: Context) -> bool:
    """Return True for what happens to a run that went well; a wrong key at its start is told to the user instead."""
    return error.cause in PASSING or (error.cause in ENDING and _has_answered(context))


def _has_answered(context: Context) -> bool:
    """Return True when a node of the run has a script that was not composed from a recipe: a model's."""
    nodes = (*context.history, *context.siblings, *context.path)
    return any(node.code_hash and node.recipe is None for node in nodes)
