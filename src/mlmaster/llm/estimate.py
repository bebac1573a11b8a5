"""What a run would ask of a model and what that would cost, before it is begun: a guess between two others.

Nothing is measured here: how often a model needs another try, how much it writes and how long scripts run is known only
afterwards. Every assumption is a constant with its reason, the guesses are far apart where little is known, and the budget
ends all of them. A pure function; what tokens cost is told by the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Assumption:
    """One guess of how a run goes.

    Attributes:
        turns: Of the replies a session may take, the share it takes.
        reply_tokens: Tokens of a reply, reasoning included.
        result_tokens: Tokens of what a tool answers.
        memory_tokens: By how much a later first prompt is larger than that of the first draft; None for up to its bound.
        cached: Of what was read in the turn before, the share that a provider's cache has.
        reply_s: Seconds of a reply.
        script_s: Seconds of one evaluation, all folds.
    """

    turns: float
    reply_tokens: int
    result_tokens: int
    memory_tokens: int | None
    cached: float
    reply_s: float
    script_s: float


LOW = Assumption(
    turns=1 / 3,  # what is submitted first runs: one look at the data, one script
    reply_tokens=1_500,  # edits, or a script of 150 lines
    result_tokens=300,  # the last lines of a log
    memory_tokens=1_000,  # a short parent
    cached=0.9,  # the provider caches, and turns follow each other within its minutes
    reply_s=120.0,  # a reasoning model, or a busy machine of one's own
    script_s=600.0,  # models trained for minutes on each fold
)
LIKELY = Assumption(
    turns=1 / 2,  # a look, a script, one thing to mend
    reply_tokens=4_000,  # a whole script of 250 lines and as much reasoning
    result_tokens=800,
    memory_tokens=5_000,  # a parent's script, its log, what siblings came to
    cached=0.5,  # half of the providers cache
    reply_s=45.0,
    script_s=120.0,
)
HIGH = Assumption(
    turns=1.0,  # every session takes all it may
    reply_tokens=12_000,  # a reasoning model that thinks for long
    result_tokens=1_500,
    memory_tokens=None,
    cached=0.0,
    reply_s=10.0,  # a fast provider asks for more solutions
    script_s=15.0,  # a small table
)
SEARCH = 0.9
"""Share of a run's time in which solutions are made; the rest is the start and the final selection."""
DAY_S = 86_400.0
"""Taken for a run without a limit on time or solutions."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a run before it begins.

    Attributes:
        limits: Its budget.
        turns: Replies of a session at most.
        session_tokens: Tokens of a session at most.
        first_prompt_tokens: Size of the first draft's prompt.
        context_tokens: Bound of a first prompt.
        max_output_tokens: Bound of a reply.
        proposals: Sessions at a time.
        slots: Evaluations at a time.
        script_limit_s: Seconds one evaluation may take.
    """

    limits: BudgetLimits
    turns: int
    session_tokens: int
    first_prompt_tokens: int
    context_tokens: int
    max_output_tokens: int
    proposals: int
    slots: int
    script_limit_s: float


@dataclass(frozen=True, slots=True)
class Guess:
    """How a run may go: its solutions and what they use; `is_cut` when a limit on tokens or dollars ends it."""

    nodes: int
    usage: Usage
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """Three guesses, each of no less use than the one before as long as no limit cuts it."""

    low: Guess
    likely: Guess
    high: Guess
    limits: BudgetLimits

    @property
    def is_endless(self) -> bool:
        """Return True when a day is estimated of a run that has no end of its own."""
        return self.limits.time_s is None and self.limits.nodes is None

    def lines(self) -> Iterator[str]:
        """Yield the estimate in words for a person."""
        guesses = (self.low, self.likely, self.high)
        usages = [guess.usage for guess in guesses]
        used = self.likely.usage
        if self.is_endless:
            yield "time         one day is estimated: the run has no limit on time or solutions (--time, --nodes)"
        yield f"solutions    {_range([guess.nodes for guess in guesses], _count)}"
        yield f"calls        {_range([usage.calls for usage in usages], _count)}"
        written = used.output_tokens / max(1, used.tokens)
        yield f"tokens       {_range([usage.tokens for usage in usages], _count)}, {written:.0%} of them written"
        if used.unpriced_tokens:
            yield "cost         not known: give prices with --set 'llm.prices={MODEL: {input: 1.0, output: 4.0}}'"
        elif not used.cost_usd:
            yield "cost         nothing"
        else:
            yield f"cost         {_range([usage.cost_usd for usage in usages], _dollars)}"
        if self.likely.is_cut:
            yield "budget       --tokens or --cost will likely end the run"
        elif self.high.is_cut:
            yield "budget       --tokens or --cost may end the run"
        elif self.limits.tokens is None and self.limits.cost_usd is None:
            yield "budget       no limit on tokens or dollars; --tokens and --cost set hard ones"


def estimate(plan: Plan, price: Callable[[Usage], Usage]) -> Estimate:
    """Return what a run may use.

    Args:
        plan: The run.
        price: From what one call uses to the same with its cost, or with unpriced tokens where that is not known.
    """
    low, likely, high = (_guess(plan, each, price) for each in (LOW, LIKELY, HIGH))
    likely = _at_least(likely, low)
    high = _at_least(high, likely)
    limits = plan.limits
    return Estimate(_cut(low, limits), _cut(likely, limits), _cut(high, limits), limits)


def _guess(plan: Plan, assumed: Assumption, price: Callable[[Usage], Usage]) -> Guess:
    calls = [price(usage) for usage in _session(plan, assumed)]
    limits = plan.limits
    script_s = min(assumed.script_s, plan.script_limit_s)
    # solutions wait for whichever is slower, the model or the machine
    node_s = max(len(calls) * assumed.reply_s / plan.proposals, script_s / plan.slots)
    if limits.time_s is None and limits.nodes is not None:
        nodes = limits.nodes
    else:
        in_time = max(1, int(SEARCH * (limits.time_s or DAY_S) / node_s))
        nodes = in_time if limits.nodes is None else min(in_time, limits.nodes)
    return Guess(nodes, _times(sum(calls, Usage()), nodes), is_cut=False)


def _session(plan: Plan, assumed: Assumption) -> Iterator[Usage]:
    """Yield what each call of one session uses, without a price."""
    reply = min(assumed.reply_tokens, plan.max_output_tokens)
    bound = max(plan.context_tokens, plan.first_prompt_tokens)
    added = bound if assumed.memory_tokens is None else assumed.memory_tokens
    read, cached, used = min(bound, plan.first_prompt_tokens + added), 0, 0
    for _ in range(max(1, math.ceil(plan.turns * assumed.turns))):
        if used and used + read + reply > plan.session_tokens:
            return
        yield Usage(input_tokens=read, output_tokens=reply, cached_tokens=int(cached * assumed.cached), calls=1)
        used += read + reply
        cached, read = read, read + reply + assumed.result_tokens


def _cut(guess: Guess, limits: BudgetLimits) -> Guess:
    """Return what is left of a guess within the limits on tokens and dollars."""
    shares = [1.0]
    if limits.tokens is not None and guess.usage.tokens:
        shares.append(limits.tokens / guess.usage.tokens)
    if limits.cost_usd is not None and guess.usage.cost_usd:
        shares.append(limits.cost_usd / guess.usage.cost_usd)
    share = min(shares)
    return guess if share >= 1 else Guess(int(guess.nodes * share), _times(guess.usage, share), is_cut=True)


def _times(usage: Usage, factor: float) -> Usage:
    changed = {name: int(getattr(usage, name) * factor) for name in _names() if name != "cost_usd"}
    return Usage(**changed, cost_usd=usage.cost_usd * factor)


def _at_least(guess: Guess, other: Guess) -> Guess:
    most = {name: max(getattr(guess.usage, name), getattr(other.usage, name)) for name in _names()}
    return Guess(max(guess.nodes, other.nodes), Usage(**most), is_cut=False)


def _names() -> list[str]:
    return [field.name for field in fields(Usage)]


def _range(numbers: Sequence[float], show: Callable[[float], str]) -> str:
    # a guess that is cut may have fewer solutions than a lower one
    low, likely, high = show(min(numbers)), show(numbers[1]), show(max(numbers))
    return likely if low == likely == high else f"about {likely} ({low} to {high})"


def _count(number: float) -> str:
    return f"{_rounded(number):,.0f}"


def _dollars(number: float) -> str:
    return "under $0.01" if number < 0.01 else f"${_rounded(number):,.{0 if number >= 100 else 2}f}"


def _rounded(number: float) -> float:
    """Return a number with the two digits that an estimate has."""
    return round(number, 1 - math.floor(math.log10(number))) if number else 0.0
