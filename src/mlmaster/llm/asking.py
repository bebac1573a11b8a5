"""One question to one model, over as many tries as it takes; each try is paid for and kept as a call of its own.

A call is on disk before it is sent and completed when it ends, with what it used: as its provider counted, else as estimated
from what had arrived. When to try again is decided in `patience.py`, what may be spent in `wallet.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event as Flag

from mlmaster.core.calls import Answered, Asked
from mlmaster.core.chat import Finish, ModelFacts, Reply, Request
from mlmaster.core.tokens import estimate_tokens
from mlmaster.core.usage import Usage
from mlmaster.errors import ContextOverflow, LLMError, ProviderError
from mlmaster.llm.capabilities import Learned, left_out
from mlmaster.llm.halves import joined_reply, joined_request
from mlmaster.llm.patience import Circuit, is_empty
from mlmaster.llm.providers.provider import PARAMETERS, Fault, Options, Part, Provider
from mlmaster.llm.streaming import Stillness, StreamCancelled, Streaming
from mlmaster.llm.wallet import FEWEST_OUTPUT_TOKENS, Reservation, Wallet, Worst, estimate_request
from mlmaster.ports import CallLog, Clock

_MOST_REFUSALS = 2
"""Of one parameter, in one question: the limit of a reply has two names."""
_MOST_TOKENS = 10**9
"""Of one call; what a server counts beyond is none."""
_LEAST_CONTEXT_TOKENS = 1_000
"""What an error says of a context is not believed below this; it may have been of something else."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one address, with all that is known of it; roles that it plays share it.

    Attributes:
        name: As the user would write it.
        provider: Speaks to it.
        learned: What it has refused.
        circuit: Whether it is away.
        price: From what a call used to the same with its price.
        worst: The most a call may use.
    """

    name: str
    provider: Provider
    learned: Learned
    circuit: Circuit
    price: Callable[[Usage], Usage]
    worst: Worst


@dataclass(frozen=True, slots=True)
class Means:
    """What questions are asked with, whichever their model.

    Attributes:
        streaming: Carries replies through.
        wallet: Pays.
        log: Keeps calls.
        clock: Tells how long a reply takes.
        retries: Times that an empty reply is asked for again.
        say_once: Tells the user something that need not be repeated.
    """

    streaming: Streaming
    wallet: Wallet
    log: CallLog
    clock: Clock
    retries: int
    say_once: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Sent:
    """A call in flight: its id in the log, what is reserved for it, what is left out of it."""

    call: int
    reservation: Reservation
    dropped: tuple[str, ...]


@dataclass(slots=True)
class Question:
    """A request on its way to an answer. Used once, by one thread.

    Attributes:
        means: What it is asked with.
        model: Who is asked.
        facts: What is known of it.
        options: How requests are put to it, but for what it has refused.
        request: What is asked.
        node: The node it is for.
        cancel: Ends it when set.
    """

    means: Means
    model: Model
    facts: ModelFacts
    options: Options
    request: Request
    node: int
    cancel: Flag
    _used: Usage = field(default_factory=Usage)
    _empty_replies: int = 0
    _refusals: Counter[str] = field(default_factory=Counter)

    def ask(self) -> Reply:
        """Return the reply.

        Raises:
            ProviderError, ContextOverflow, BudgetSpent, CallCancelled: As `mlmaster.errors` says.
        """
        bounded = replace(joined_request(self.request), max_output_tokens=self._most_output())
        try:
            return self.model.circuit.carry(lambda began: self._try(bounded, began), self.cancel)
        except Fault as fault:
            raise self._error(fault) from None  # what an SDK raised may show the key, the fault does not

    def _most_output(self) -> int:
        """Return how long the reply may be, by what the model can write and what its context holds beside the request."""
        most = min(self.request.max_output_tokens, self.facts.max_output_tokens)
        context_tokens = self.facts.context_tokens
        if context_tokens is None:
            return most
        estimated = estimate_request(self.request)
        room = context_tokens - estimated
        if room < min(most, FEWEST_OUTPUT_TOKENS):
            raise ContextOverflow(
                f"{self.model.name} takes {context_tokens:,} tokens, request and reply together, and the request alone has "
                f"about {estimated:,}; a smaller session.context_tokens makes smaller requests",
                context_tokens,
            )
        return min(most, room)

    def _try(self, request: Request, began: Callable[[], None]) -> Reply:
        """Try once; what the model refuses is left out at once, which is no failure of its provider's."""
        while True:
            options = replace(self.options, dropped=self.options.dropped | self.model.learned.dropped)
            try:
                return self._call(request, options, began)
            except Fault as fault:
                self._refusals[fault.parameter] += 1
                is_news = fault.kind == "refused" and fault.parameter in PARAMETERS
                if not is_news or self._refusals[fault.parameter] > _MOST_REFUSALS:
                    raise
                if self.model.learned.drop(fault.parameter):
                    self.means.say_once(left_out(self.model.name, fault.parameter))

    def _call(self, request: Request, options: Options, began: Callable[[], None]) -> Reply:
        """Make one call: reserved, kept, sent, completed, settled."""
        means, model = self.means, self.model
        reservation = means.wallet.reserve(
            request, node=self.node, model=model.name, worst=model.worst, cancel=self.cancel
        )
        # kept as it was asked: a reply is known again by its request, whatever the budget allowed it
        asked = Asked(self.node, model.name, self.request, reservation.usage)
        try:
            call = means.log.open(asked)
        except BaseException:
            means.wallet.settle(reservation, Usage(), is_failed=True)
            raise
        sent = _Sent(call, reservation, tuple(sorted(options.dropped)))
        allowed = replace(request, max_output_tokens=reservation.usage.output_tokens)
        asked_at = means.clock.monotonic()
        try:
            whole = means.streaming.carry(model.provider, allowed, options, self.cancel, began)
        except Fault as fault:
            if not self._accepts(fault):
                self._fail(sent, fault.received, fault.message, was_read=isinstance(fault, Stillness))
                raise
            whole = fault.received
        except StreamCancelled as error:
            self._fail(sent, error.received, "cancelled", was_read=True)
            raise
        except BaseException as error:  # a mistake of ours: nobody knows what was charged
            self._close(sent, Answered("failed", reservation.usage, detail=type(error).__name__, dropped=sent.dropped))
            raise
        used, is_estimated = _counted(whole, reservation)
        if is_estimated:
            means.say_once(f"{model.name} does not say how many tokens it used; they are estimated.")
        used = model.price(used)
        found = Reply(
            text=whole.text,
            reasoning=whole.reasoning.strip(),
            calls=whole.calls,
            finish=whole.finish or Finish.STOP,
            usage=self._used + used,
            model=whole.model or model.name,
            placement=model.provider.placement(allowed, options),
            carried=whole.carried,
            seconds=means.clock.monotonic() - asked_at,
        )
        reply = joined_reply(found)
        self._close(sent, Answered("answered", used, reply=reply, dropped=sent.dropped))
        return reply

    def _fail(self, sent: _Sent, received: Part, detail: str, *, was_read: bool) -> None:
        used, is_estimated = _counted(received, sent.reservation, was_read=was_read)
        mark = " (what it used is estimated)" if is_estimated else ""
        self._close(sent, Answered("failed", self.model.price(used), detail=detail + mark, dropped=sent.dropped))

    def _close(self, sent: _Sent, answered: Answered) -> None:
        self._used += answered.usage
        self.means.wallet.settle(sent.reservation, answered.usage, is_failed=answered.outcome == "failed")
        self.means.log.close(sent.call, answered)

    def _accepts(self, fault: Fault) -> bool:
        """Return True for an empty reply that comes again and again: then it is the answer."""
        if not is_empty(fault):
            return False
        self._empty_replies += 1
        return self._empty_replies > self.means.retries

    def _error(self, fault: Fault) -> LLMError:
        if fault.kind == "overflow":
            if (fault.limit_tokens or 0) >= _LEAST_CONTEXT_TOKENS:
                self.model.learned.overflowed(fault.limit_tokens or 0)
            return ContextOverflow(fault.message, fault.limit_tokens)
        return ProviderError("request" if fault.kind == "refused" else fault.kind, fault.message)


def _counted(part: Part, reservation: Reservation, *, was_read: bool = False) -> tuple[Usage, bool]:
    """Return what a whole or broken reply used, without a price, and whether that is an estimate.

    Nothing is used where nothing has arrived, unless the request counts as read: a call that we gave up ourselves was
    charged for what its provider had read by then, and thinks of in silence.
    """
    if part == Part() and not was_read:
        return Usage(calls=1), False
    calls = "".join(call.name + call.arguments for call in part.calls)
    written = estimate_tokens(part.text + part.reasoning + calls)
    if part.usage is None:
        return Usage(input_tokens=reservation.estimated_tokens, output_tokens=written, calls=1), True
    used = _plausible(replace(part.usage, calls=1))
    if part.finish is None and written > used.output_tokens:  # counted before it was written
        return replace(used, output_tokens=written), True
    return used, False


def _plausible(usage: Usage) -> Usage:
    """Return a usage without counts that no call has: a negative one would give money back."""
    names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    return replace(usage, **{name: min(max(0, getattr(usage, name)), _MOST_TOKENS) for name in names})
