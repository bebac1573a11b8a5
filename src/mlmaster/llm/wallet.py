"""What calls may cost: taken from the run's budget before a call is sent, given back when it ends.

A limit on tokens or dollars is hard because the most that a call may use is taken beforehand, from what calls that ended
have used, those in flight may use, and those that a killed process never completed may have used. It only counts: who
keeps calls is `mlmaster.ports.CallLog`, who makes them is `mlmaster.llm.models`.

What stays uncertain is the size of what is read, for tokenizers differ. It is estimated, raised by the largest ratio of
counted to estimated tokens that this model has shown, and by a margin. A provider that counts more than that, writes more
than it was allowed, or charges another price than is known, puts a run over a limit by so much of the calls in flight;
then the next call is refused.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Condition
from threading import Event as Flag

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.calls import Call
from mlmaster.core.chat import Request
from mlmaster.core.tokens import estimate_tokens
from mlmaster.core.usage import Usage
from mlmaster.errors import BudgetSpent, CallCancelled

FEWEST_OUTPUT_TOKENS = 1_000
"""A reply that may be no longer than this is rarely of use."""
MARGIN = 1.1
UNSEEN = 1.5
"""Taken for the ratio of a model that has not counted yet; tables of numbers have so many more tokens than estimated."""
TOKENS_PER_MESSAGE = 8
"""What marks a message's author and end."""
POLL_S = 0.2

Worst = Callable[[int, int], Usage]
"""From tokens read and tokens written to the most a call may then use; more tokens never use less."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is taken from a budget for one call.

    Attributes:
        id: Counts the reservations of a wallet.
        node: The node the call is for.
        model: Which model is asked.
        estimated_tokens: Size of the request as estimated.
        usage: The most the call may use; its output tokens are what the model may be allowed to write.
    """

    id: int
    node: int
    model: str
    estimated_tokens: int
    usage: Usage


class Wallet:
    """The budget of one run over all its processes; implements `mlmaster.ports.Expenses`."""

    def __init__(self, limits: BudgetLimits, calls: Iterable[Call] = ()) -> None:
        """Begin with what was spent before.

        Args:
            limits: Of the run; only those on tokens and dollars count.
            calls: Those of earlier processes of this run; an open one counts with what was reserved for it.
        """
        self._limits = limits
        self._changed = Condition()
        self._last = 0
        self._flying: dict[int, Reservation] = {}
        self._spent = Usage()
        self._spent_by_node: dict[int, Usage] = defaultdict(Usage)
        self._wasted = Usage()
        self._ratios: dict[str, float] = {}
        for call in calls:
            asked, answered = call.asked, call.answered
            is_answered = answered is not None and answered.outcome == "answered"
            self._count(asked.node, asked.reserved if answered is None else answered.usage, is_wasted=not is_answered)
            if answered is not None and is_answered:
                self._learn(asked.model, estimate_request(asked.request), answered.usage)

    def reserve(self, request: Request, *, node: int, model: str, worst: Worst, cancel: Flag) -> Reservation:
        """Take the most that a call may use from what is left, waiting for calls in flight where they may give enough back.

        Where not all fits even if they give everything back, the reply may be shorter than asked for, down to
        `FEWEST_OUTPUT_TOKENS`.

        Args:
            request: What is to be asked, with the tokens it may write at most.
            node: The node it is for.
            model: Which model is asked.
            worst: What tokens may cost there.
            cancel: Ends the wait when set.

        Raises:
            BudgetSpent: Not even a short reply fits.
            CallCancelled: The wait was ended.
        """
        estimated, most = estimate_request(request), request.max_output_tokens
        fewest = min(most, FEWEST_OUTPUT_TOKENS)
        with self._changed:
            while True:
                input_tokens = self._raised(model, estimated)
                least = worst(input_tokens, fewest)
                self._require(least, self._spent)
                flying = self._in_flight()
                longest = worst(input_tokens, most)
                # a reply that is cut short is paid for and worth little: better to wait for the room of a whole one
                wanted = longest if self._lacking(longest, self._spent) is None else least
                if self._lacking(wanted, self._spent + flying) is None:
                    break
                if cancel.is_set():
                    raise CallCancelled("the run ended before the model was asked")
                self._changed.wait(POLL_S)
            usage = self._largest(worst, input_tokens, fewest, most, self._spent + flying)
            self._last += 1
            found = Reservation(self._last, node, model, estimated, usage)
            self._flying[found.id] = found
            return found

    def settle(self, reservation: Reservation, used: Usage, *, is_failed: bool = False) -> None:
        """Give a reservation back and count what was used instead; `is_failed` when there is no reply for it.

        Raises:
            ValueError: It was settled before.
        """
        with self._changed:
            if self._flying.pop(reservation.id, None) is None:
                raise ValueError(f"reservation {reservation.id} is not in flight")
            self._count(reservation.node, used, is_wasted=is_failed)
            if not is_failed:
                self._learn(reservation.model, reservation.estimated_tokens, used)
            self._changed.notify_all()

    def total(self) -> Usage:
        """Return what the run has used, over all its processes, calls in flight with what is reserved."""
        with self._changed:
            return self._spent + self._in_flight()

    def of(self, node: int) -> Usage:
        """Return what was used for a node, calls in flight with what is reserved."""
        with self._changed:
            return sum(
                (each.usage for each in self._flying.values() if each.node == node),
                self._spent_by_node.get(node, Usage()),
            )

    def wasted(self) -> Usage:
        """Return what was used by calls that brought no reply, those left open by a killed process included."""
        with self._changed:
            return self._wasted

    # ---- all below is called with the lock held

    def _count(self, node: int, used: Usage, *, is_wasted: bool) -> None:
        self._spent += used
        self._spent_by_node[node] += used
        if is_wasted:
            self._wasted += used

    def _in_flight(self) -> Usage:
        return sum((each.usage for each in self._flying.values()), Usage())

    def _learn(self, model: str, estimated: int, used: Usage) -> None:
        if used.input_tokens:
            # tries that failed before have read the same again
            ratio = used.input_tokens / max(1, used.calls) / max(1, estimated)
            self._ratios[model] = max(1.0, ratio, self._ratios.get(model, 1.0))

    def _raised(self, model: str, estimated: int) -> int:
        ratio = self._ratios.get(model)
        return math.ceil(estimated * (UNSEEN if ratio is None else ratio * MARGIN))

    def _largest(self, worst: Worst, input_tokens: int, fewest: int, most: int, spent: Usage) -> Usage:
        """Return the most a call may use with the longest reply that fits; one of `fewest` tokens does."""
        found = worst(input_tokens, most)
        if self._lacking(found, spent) is None:
            return found
        while most - fewest > 1:
            middle = (fewest + most) // 2
            if self._lacking(worst(input_tokens, middle), spent) is None:
                fewest = middle
            else:
                most = middle
        return worst(input_tokens, fewest)

    def _lacking(self, wanted: Usage, spent: Usage) -> str | None:
        """Return which limit does not hold something more."""
        tokens, dollars = self._limits.tokens, self._limits.cost_usd
        if tokens is not None and spent.tokens + wanted.tokens > tokens:
            return "tokens"
        # a free call fits a limit that is reached
        if dollars is not None and wanted.cost_usd and spent.cost_usd + wanted.cost_usd > dollars:
            return "cost"
        return None

    def _require(self, wanted: Usage, spent: Usage) -> None:
        which = self._lacking(wanted, spent)
        if which == "tokens":
            limit, used, least = f"{self._limits.tokens:,} tokens", f"{spent.tokens:,}", f"{wanted.tokens:,}"
        elif which == "cost":
            limit, used, least = (f"${n:,.4f}" for n in (self._limits.cost_usd, spent.cost_usd, wanted.cost_usd))
        else:
            return
        raise BudgetSpent(
            which,
            f"of the budget of {limit}, {used} are spent, and the next call may take {least}; allow more with "
            f"`mlmaster resume`, --{which} being the budget of the whole run",
        )


def estimate_request(request: Request) -> int:
    """Return about how many tokens a model reads of a request."""
    texts = [request.thoughts]
    for message in request.messages:
        texts.append(message.text)
        texts += [call.name + call.arguments for call in message.calls]
        if message.carried is not None:
            texts.append(json.dumps(message.carried, ensure_ascii=False, default=str))
    for tool in request.tools:
        texts.append(tool.name + tool.description + json.dumps(tool.parameters, ensure_ascii=False, default=str))
    if request.schema is not None:
        texts.append(json.dumps(request.schema, ensure_ascii=False, default=str))
    return sum(map(estimate_tokens, texts)) + TOKENS_PER_MESSAGE * len(request.messages)
