from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Event as Flag
from threading import Lock

import pytest

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.calls import Answered, Asked, Call
from mlmaster.core.chat import Finish, Message, ModelFacts, Placement, Reply, Request, Role, ToolCall
from mlmaster.core.usage import Usage
from mlmaster.errors import BudgetSpent, CallCancelled, ContextOverflow, ProviderError
from mlmaster.llm.asking import Model
from mlmaster.llm.capabilities import Learned
from mlmaster.llm.casting import Player
from mlmaster.llm.models import Models
from mlmaster.llm.patience import Circuit
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.recordings import Recordings
from mlmaster.llm.streaming import Streaming
from mlmaster.llm.wallet import Wallet, estimate_request
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.scripted_provider import Hang, Script, ScriptedProvider, Silence, says

REQUEST = Request(
    Role.CODER,
    (Message("system", "You write scripts."), Message("user", "Write one, please.")),
    max_output_tokens=2_000,
    prompt="draft@1",
)
ESTIMATED = estimate_request(REQUEST)
TEXT = "x" * 32
TEN = 10
"""Tokens of it, by estimate."""
USAGE = Usage(input_tokens=100, output_tokens=TEN, calls=1)
PRICED = replace(USAGE, cost_usd=0.002)
"""What `USAGE` costs here: $10 for a million tokens read, $100 for a million written."""
AWAY = Fault("away", "503")


class MemoryLog:
    """Keeps calls in a list; a double of `mlmaster.ports.CallLog`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._lock = Lock()

    def open(self, asked: Asked) -> int:
        with self._lock:
            self.calls.append(Call(len(self.calls) + 1, 0.0, asked))
            return len(self.calls)

    def close(self, call: int, answered: Answered) -> None:
        with self._lock:
            assert self.calls[call - 1].answered is None, "a call ends once"
            self.calls[call - 1] = replace(self.calls[call - 1], answered=answered)

    def read(self, node: int | None = None) -> Sequence[Call]:
        return [call for call in self.calls if node in (None, call.asked.node)]

    @property
    def ended(self) -> list[Answered]:
        return [call.answered for call in self.calls if call.answered is not None]


def dollars(usage: Usage) -> Usage:
    return replace(usage, cost_usd=usage.input_tokens * 1e-5 + usage.output_tokens * 1e-4)


def worst(read: int, written: int) -> Usage:
    return dollars(Usage(input_tokens=read, output_tokens=written, calls=1))


class World:
    """Models in fake time, all roles played by one scripted model; whoever waits lets time pass."""

    def __init__(
        self,
        scripts: Sequence[Script] | Callable[[Request, Options], Script],
        *,
        limits: BudgetLimits | None = None,
        context_tokens: int | None = None,
        patience_s: float = 1e6,
        log: MemoryLog | None = None,
        replayed: Sequence[Call] | None = None,
        placed: Placement = Placement.PROMPT,
    ) -> None:
        self.clock = FakeClock(monotonic=0.0)
        self.log = log or MemoryLog()
        self.said: list[str] = []
        self.cancel = Flag()
        self.provider = ScriptedProvider(scripts, self.clock, placed)
        self.learned = Learned()
        before = list(self.log.calls)
        circuit = Circuit(
            "x:model",
            self.clock,
            retries=4,
            patience_s=patience_s,
            say=self.said.append,
            random=Random(0),
            wait=self.wait,
        )
        model = Model("x:model", self.provider, self.learned, circuit, dollars, worst)
        player = Player(
            model,
            Options(temperature=0.5),
            lambda: ModelFacts("x:model", self.learned.context_tokens or context_tokens, max_output_tokens=4_000),
        )
        self.models = Models(
            dict.fromkeys(Role, player),
            log=self.log,
            wallet=Wallet(limits or BudgetLimits(), before),
            recordings=Recordings(before, replayed),
            streaming=Streaming(self.clock, first_token_s=300, idle_s=60),
            clock=self.clock,
            retries=4,
            say=self.said.append,
            is_replay=replayed is not None,
        )

    def wait(self, cancel: Flag, seconds: float) -> bool:
        if not self.provider.open_streams:  # time stands still while others try
            self.clock.advance(seconds)
        return cancel.wait(0.001)

    def ask(self, request: Request = REQUEST, node: int = 7) -> Reply:
        return self.models.ask(request, node=node, cancel=self.cancel)


def test_a_reply_and_its_record() -> None:
    call = ToolCall("1", "submit", "{}")
    script: Script = [
        Part(reasoning="hm\n"),
        Silence(3),
        Part(text="done", calls=(call,), carried={"items": [1]}),
        Part(finish=Finish.TOOLS, usage=USAGE, model="model-2025"),
    ]
    world = World([script], placed=Placement.CONTINUE)
    request = replace(REQUEST, thoughts="what I know")
    reply = world.ask(request)
    assert reply == Reply(
        text="done",
        reasoning="hm",
        calls=(call,),
        finish=Finish.TOOLS,
        usage=PRICED,
        model="model-2025",
        placement=Placement.CONTINUE,
        carried={"items": [1]},
        seconds=3,
    )
    [kept] = world.log.calls
    assert (kept.asked.node, kept.asked.model, kept.asked.request) == (7, "x:model", request)
    assert kept.asked.reserved.output_tokens == 2_000
    assert kept.asked.reserved.cost_usd > 0.2
    assert kept.answered == Answered("answered", PRICED, reply=reply)
    assert world.models.total() == world.models.of(7) == PRICED
    assert world.models.of(8) == Usage()
    assert world.said == []


def test_a_call_is_kept_with_its_reservation_before_it_is_sent() -> None:
    def look(request: Request, options: Options) -> Script:
        seen.append((world.log.calls[-1].answered, world.log.calls[-1].asked.reserved, world.models.total()))
        return says("x", USAGE)

    seen: list[tuple[object, Usage, Usage]] = []
    world = World(look)
    world.ask()
    [(answered, reserved, total)] = seen
    assert answered is None
    assert reserved == total != Usage()


@pytest.mark.parametrize("finish", [Finish.LENGTH, Finish.FILTERED])
def test_odd_ends_are_passed_on(finish: Finish) -> None:
    assert World([says("", finish=finish)]).ask().finish is finish


@pytest.mark.parametrize(
    ("fault", "used", "detail"),
    [
        (Fault("away", "503"), Usage(calls=1), "503"),
        (Fault("busy", "429", retry_after_s=7), Usage(calls=1), "429"),
        (
            Fault("away", "reset", received=Part(text=TEXT)),
            dollars(Usage(input_tokens=ESTIMATED, output_tokens=TEN, calls=1)),
            "reset (what it used is estimated)",
        ),
        (
            Fault("away", "reset", received=Part(text=TEXT, usage=Usage(input_tokens=100, output_tokens=1))),
            PRICED,
            "reset (what it used is estimated)",
        ),
        (Fault("away", "reset", received=Part(text="x", usage=USAGE)), PRICED, "reset"),
        (
            Fault("garbled", "empty", received=Part(finish=Finish.STOP, usage=USAGE)),
            PRICED,
            "empty",
        ),
    ],
)
def test_every_try_is_a_call_of_its_own_with_what_it_used(fault: Fault, used: Usage, detail: str) -> None:
    world = World([[fault], says("answer", USAGE)])
    reply = world.ask()
    assert reply.text == "answer"
    assert reply.usage == used + PRICED == world.models.total()
    assert world.models.wasted() == used
    assert world.log.ended == [
        Answered("failed", used, detail=detail),
        Answered("answered", PRICED, reply=reply),
    ]


def test_tokens_that_nobody_counts_are_estimated_and_that_is_said_once() -> None:
    world = World([says(TEXT), says(TEXT)])
    assert world.ask().usage == dollars(Usage(input_tokens=ESTIMATED, output_tokens=TEN, calls=1))
    world.ask()
    assert world.said == ["x:model does not say how many tokens it used; they are estimated."]


@pytest.mark.parametrize("kind", ["key", "model", "quota", "address", "certificate", "request"])
def test_lasting_faults_are_errors_at_once(kind: str) -> None:
    world = World([[Fault(kind, "x:model at http://x: no")]])
    with pytest.raises(ProviderError, match=r"^x:model at http://x: no$") as raised:
        world.ask()
    assert raised.value.cause == kind
    assert world.log.ended == [Answered("failed", Usage(calls=1), detail="x:model at http://x: no")]


def test_an_overflow_is_remembered() -> None:
    world = World([[Fault("overflow", "too long", limit_tokens=1_020)], says("never")])
    with pytest.raises(ContextOverflow) as raised:
        world.ask()
    assert raised.value.limit_tokens == 1_020
    with pytest.raises(ContextOverflow, match="1,020 tokens, request and reply together") as raised:
        world.ask()
    assert raised.value.limit_tokens == 1_020
    assert len(world.provider.tries) == 1


def test_an_overflow_whose_limit_cannot_be_meant_is_not_remembered() -> None:
    world = World([[Fault("overflow", "too long", limit_tokens=5)], says("fits")])
    with pytest.raises(ContextOverflow):
        world.ask()
    assert world.ask().text == "fits"


@pytest.mark.parametrize(
    ("asked", "context_tokens", "allowed"),
    [
        (2_000, None, 2_000),
        (9_000, None, 4_000),
        (2_000, ESTIMATED + 3_000, 2_000),
        (2_000, ESTIMATED + 1_500, 1_500),
        (2_000, ESTIMATED + 999, None),
        (300, ESTIMATED + 300, 300),
        (300, ESTIMATED + 299, None),
    ],
)
def test_a_reply_may_be_as_long_as_model_and_context_allow(
    asked: int, context_tokens: int | None, allowed: int | None
) -> None:
    world = World([says("x", USAGE)], context_tokens=context_tokens)
    request = replace(REQUEST, max_output_tokens=asked)
    if allowed is None:
        with pytest.raises(ContextOverflow, match=r"session\.context_tokens"):
            world.ask(request)
        assert world.log.calls == []
    else:
        world.ask(request)
        assert world.provider.tries[0][0] == replace(request, max_output_tokens=allowed)
        assert world.log.calls[0].asked.request == request


def test_what_a_model_refuses_is_left_out_at_once_and_from_then_on() -> None:
    def refuse(request: Request, options: Options) -> Script:
        for parameter in ("temperature", "prefill"):
            if parameter not in options.dropped:
                return [Fault("refused", f"no {parameter}", parameter=parameter)]
        return says("answer", USAGE)

    world = World(refuse, placed=Placement.PREFIX)
    request = replace(REQUEST, thoughts="what I know")
    reply = world.ask(request)
    assert reply.placement is Placement.PROMPT
    assert world.clock.monotonic() == 0, "no pause between"
    assert [answered.dropped for answered in world.log.ended] == [
        (),
        ("temperature",),
        ("prefill", "temperature"),
    ]
    assert [answered.outcome for answered in world.log.ended] == ["failed", "failed", "answered"]
    assert world.said == [
        "x:model takes no temperature; it is left out.",
        "x:model does not go on with a begun answer; memory is placed in the prompt.",
    ]
    world.ask(request)
    assert len(world.provider.tries) == 4
    assert len(world.said) == 2


def test_refusals_without_end_are_an_error() -> None:
    def refuse(request: Request, options: Options) -> Script:
        return [Fault("refused", "no temperature", parameter="temperature")]

    world = World(refuse)
    with pytest.raises(ProviderError, match="no temperature") as raised:
        world.ask()
    assert raised.value.cause == "request"
    assert len(world.provider.tries) == 3
    assert len(world.said) == 1


def test_the_limit_of_a_reply_may_be_refused_by_both_its_names() -> None:
    refusal = Fault("refused", "unknown", parameter="max_output_tokens")
    world = World([[refusal], [refusal], says("answer", USAGE)])
    assert world.ask().text == "answer"


def test_a_refusal_of_something_unknown_is_an_error() -> None:
    world = World([[Fault("refused", "no logprobs", parameter="logprobs")]])
    with pytest.raises(ProviderError, match="no logprobs"):
        world.ask()


def test_an_empty_reply_that_comes_again_and_again_is_the_answer() -> None:
    world = World([says("", USAGE)] * 5)
    reply = world.ask()
    assert (reply.text, reply.finish) == ("", Finish.STOP)
    assert [answered.outcome for answered in world.log.ended] == ["failed"] * 4 + ["answered"]
    assert reply.usage.calls == 5
    assert world.said == []


@pytest.mark.parametrize("closes", [False, True])
def test_cancelling_in_the_middle_pays_for_what_had_arrived(closes: bool) -> None:
    def end(request: Request, options: Options) -> Script:
        yield Part(text=TEXT)
        if closes:
            world.models.close()
        else:
            world.cancel.set()
        yield Hang.HANG

    world = World(end)
    with pytest.raises(CallCancelled):
        world.ask()
    used = dollars(Usage(input_tokens=ESTIMATED, output_tokens=TEN, calls=1))
    # a connection that is closed may end a reply before the flag is seen
    [answered] = world.log.ended
    assert (answered.outcome, answered.usage) == ("failed", used)
    assert world.models.total() == used
    assert world.provider.open_streams == 0
    assert world.provider.is_closed is closes


def test_nothing_is_asked_after_the_end() -> None:
    world = World([says("x")])
    world.models.close()
    with pytest.raises(CallCancelled):
        world.ask()
    assert world.provider.tries == []


def test_a_mistake_of_a_provider_counts_with_what_was_reserved() -> None:
    def mistake(request: Request, options: Options) -> Script:
        raise ZeroDivisionError("a mistake")

    world = World(mistake)
    with pytest.raises(ZeroDivisionError):
        world.ask()
    [call] = world.log.calls
    assert call.answered == Answered("failed", call.asked.reserved, detail="ZeroDivisionError")
    assert world.models.total() == call.asked.reserved


def test_a_call_that_cannot_be_kept_is_not_sent_and_not_paid() -> None:
    class FullLog(MemoryLog):
        def open(self, asked: Asked) -> int:
            raise OSError("no space left")

    world = World([says("x")], log=FullLog())
    with pytest.raises(OSError, match="no space"):
        world.ask()
    assert world.provider.tries == []
    assert world.models.total().tokens == 0


def test_a_budget_holds() -> None:
    def use_all(request: Request, options: Options) -> Script:
        return says("x", Usage(input_tokens=ESTIMATED, output_tokens=request.max_output_tokens, calls=1))

    world = World(use_all, limits=BudgetLimits(tokens=5_000))
    for _ in range(2):
        world.ask()
    assert world.provider.tries[0][0].max_output_tokens == 2_000
    world.ask(replace(REQUEST, max_output_tokens=800))
    with pytest.raises(BudgetSpent):
        world.ask()
    assert world.models.total().tokens <= 5_000


def test_a_reply_may_be_shortened_by_what_is_left() -> None:
    world = World([says("x", USAGE)], limits=BudgetLimits(tokens=1_500))
    world.ask()
    [(sent, _)] = world.provider.tries
    assert 1_400 < sent.max_output_tokens < 1_500
    [call] = world.log.calls
    assert call.asked.request == REQUEST
    assert call.asked.reserved.output_tokens == sent.max_output_tokens


def test_tries_that_fail_are_paid_from_the_budget_too() -> None:
    half = Fault("away", "reset", received=Part(text="x", usage=Usage(input_tokens=ESTIMATED, output_tokens=1_500)))
    world = World([[half]] * 10, limits=BudgetLimits(tokens=5_000))
    with pytest.raises(BudgetSpent):
        world.ask()
    assert 3_000 < world.models.total().tokens <= 5_000
    assert all(call.answered is not None for call in world.log.calls)


def test_a_reply_is_recalled_by_the_next_process_and_costs_nothing() -> None:
    log = MemoryLog()
    first = World([says("answer", USAGE)], log=log, limits=BudgetLimits(tokens=4_000))
    reply = first.ask()
    # less is left of the budget now, and the model is said to take less: the request is known again all the same
    second = World([], log=log, limits=BudgetLimits(tokens=200), context_tokens=10)
    assert second.ask() == reply
    assert second.models.total() == PRICED
    assert len(log.calls) == 1


def test_a_call_in_flight_when_a_process_dies_counts_in_the_next() -> None:
    class Killed(BaseException):
        """The end of the process: nothing after it is kept."""

    class DyingLog(MemoryLog):
        def close(self, call: int, answered: Answered) -> None:
            raise Killed

    first = World([says("answer", USAGE)], log=(log := DyingLog()))
    with pytest.raises(Killed):
        first.ask()
    second = World([], log=log)
    assert second.models.total() == log.calls[0].asked.reserved


def test_a_replay_asks_nobody_and_keeps_what_it_gives() -> None:
    original = World([says("answer", USAGE)])
    reply = original.ask()
    replay = World([], replayed=original.log.calls)
    assert replay.ask() == reply
    [call] = replay.log.calls
    assert call.asked == Asked(7, "x:model", REQUEST, Usage())
    assert call.answered == Answered("answered", Usage(), reply=reply, detail="replayed")
    assert replay.models.total() == Usage()
    with pytest.raises(ProviderError, match="replayed run"):
        replay.ask(replace(REQUEST, role=Role.PLANNER), node=9)


def test_without_patience_a_provider_that_is_away_is_told_at_once_and_tried_again_later() -> None:
    def answer(request: Request, options: Options) -> Script:
        return [AWAY] if world.clock.monotonic() < 60 else says("back", USAGE)

    world = World(answer, patience_s=0)
    with pytest.raises(ProviderError) as raised:
        world.ask()
    assert raised.value.cause == "away"
    assert world.models.is_away(Role.CODER)
    tries = len(world.provider.tries)
    with pytest.raises(ProviderError):
        world.ask()
    assert len(world.provider.tries) == tries
    world.clock.advance(100)
    assert world.ask().text == "back"
    assert not world.models.is_away(Role.CODER)


def test_eight_threads_through_two_minutes_without_a_provider() -> None:
    def answer(request: Request, options: Options) -> Script:
        if world.clock.monotonic() >= 120:
            return says(request.messages[-1].text, USAGE)
        return [AWAY]

    world = World(answer)
    requests = [replace(REQUEST, messages=(*REQUEST.messages[:-1], Message("user", f"{node}"))) for node in range(8)]
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda pair: world.ask(pair[1], node=pair[0]), enumerate(requests)))
    assert [reply.text for reply in replies] == [f"{node}" for node in range(8)]
    assert [line.split(" (")[0].split(" after")[0] for line in world.said] == [
        "x:model is away",
        "x:model answers again",
    ]
    # five rounds of all, then one at a time at growing intervals, then the answers
    assert len(world.provider.tries) <= 5 * 8 + 6 + 8
    assert world.models.total() == sum((reply.usage for reply in replies), Usage())
    assert all(call.answered is not None for call in world.log.calls)
    assert world.models.wasted().tokens == 0


@pytest.mark.parametrize("gives_up", ["patience", "cancel"])
def test_a_call_given_up_before_its_first_word_is_charged_for_what_was_read(gives_up: str) -> None:
    def think(request: Request, options: Options) -> Script:
        if gives_up == "cancel":
            world.cancel.set()
        yield Silence(301)
        yield Hang.HANG

    world = World(think, patience_s=0.0)
    with pytest.raises(CallCancelled if gives_up == "cancel" else ProviderError):
        world.ask()
    answered = world.log.ended[0]
    assert answered.usage == dollars(Usage(input_tokens=ESTIMATED, calls=1))
    assert "estimated" in answered.detail
    assert world.models.total() == world.models.wasted() == sum((each.usage for each in world.log.ended), Usage())


def test_counts_that_no_call_has_neither_give_money_back_nor_break_the_log() -> None:
    world = World([says(TEXT, Usage(input_tokens=-5_000, output_tokens=10**30))])
    usage = world.ask().usage
    assert (usage.input_tokens, usage.output_tokens) == (0, 10**9)
    assert usage.cost_usd > 0


def test_half_characters_are_neither_sent_nor_answered() -> None:
    world = World([says("\ud83d\ude00 and \ud83d")])
    request = replace(REQUEST, messages=(*REQUEST.messages, Message("assistant", "a\ud83d"), Message("user", "go on")))
    assert world.ask(request).text == "\N{GRINNING FACE} and \ufffd"
    [(sent, _)] = world.provider.tries
    assert sent.messages[2].text == "a\ufffd"
    [call] = world.log.calls
    assert call.asked.request == request, "it is known again by what was asked"


def test_one_call_in_three_is_faulty_and_every_question_is_answered() -> None:
    faults: list[Script] = [
        [AWAY],
        [Fault("busy", "429", retry_after_s=3)],
        [Part(text="half")],
        [Part(text="half", usage=USAGE), Silence(61), Hang.HANG],
        says(""),
        [Fault("garbled", "no JSON")],
    ]
    chance, lock = Random(1), Lock()

    def answer(request: Request, options: Options) -> Script:
        with lock:
            return chance.choice(faults) if chance.random() < 1 / 3 else says("answer", USAGE)

    world = World(answer)
    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda node: world.ask(node=node), range(60)))
    assert {reply.text for reply in replies} == {"answer"}
    assert len(world.log.calls) > 70
    assert all(call.answered is not None for call in world.log.calls)
    assert sum(reply.usage.tokens for reply in replies) == world.models.total().tokens
    assert world.models.wasted().tokens == world.models.total().tokens - 60 * USAGE.tokens > 0
