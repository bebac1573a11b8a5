from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random
from threading import Event as Flag
from threading import Lock

import pytest

from mlmaster.core.chat import Finish
from mlmaster.errors import BudgetSpent, CallCancelled, ProviderError
from mlmaster.llm.patience import Circuit
from mlmaster.llm.providers.provider import Fault, Part
from mlmaster.testing.clock import FakeClock

AWAY = Fault("away", "503")
GARBLED = Fault("garbled", "no JSON")
EMPTY = Fault("garbled", "empty", received=Part(finish=Finish.STOP))
Attempt = Callable[[Callable[[], None]], str]


ENDLESS = 1e9
"""Patience, in fake seconds, where threads wait for each other: those that wait may let hours pass before another begins."""


class World:
    """A circuit in fake time: whoever waits lets it pass, but not while others try."""

    def __init__(self, patience_s: float = 1800, retries: int = 2, seed: int = 0) -> None:
        self.clock = FakeClock(monotonic=0.0)
        self.said: list[str] = []
        self.cancel = Flag()
        self.trying = 0
        self.lock = Lock()
        self.on_wait: Callable[[Flag], None] = lambda cancel: None
        self.circuit = Circuit(
            "X",
            self.clock,
            retries=retries,
            patience_s=patience_s,
            say=self.said.append,
            random=Random(seed),
            wait=self.wait,
        )

    def wait(self, cancel: Flag, seconds: float) -> bool:
        assert 0 < seconds <= 0.25, "waiting is done in small steps, to notice the end of the run"
        if self.trying:
            cancel.wait(0.001)
        else:
            self.clock.advance(seconds)
        self.on_wait(cancel)
        return cancel.is_set()

    def carry(self, attempt: Attempt, cancel: Flag | None = None) -> str:
        def counted(began: Callable[[], None]) -> str:
            with self.lock:
                self.trying += 1
            try:
                return attempt(began)
            finally:
                with self.lock:
                    self.trying -= 1

        return self.circuit.carry(counted, cancel or self.cancel)

    def script(self, steps: Sequence[Fault | str]) -> tuple[Attempt, list[float]]:
        """Return an attempt that goes through the steps, and the times of its tries."""
        times: list[float] = []
        rest: Iterator[Fault | str] = iter(steps)

        def attempt(began: Callable[[], None]) -> str:
            times.append(self.clock.monotonic())
            step = next(rest)
            if isinstance(step, Fault):
                raise step
            began()
            return step

        return attempt, times

    def send_away(self) -> None:
        """Fail until the provider counts as away and the next try is due."""

        def attempt(began: Callable[[], None]) -> str:
            raise CallCancelled("over") if self.circuit.is_away else AWAY

        with pytest.raises(CallCancelled, match="over"):
            self.carry(attempt)


def pauses(times: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


@pytest.mark.parametrize("kind", ["away", "busy", "garbled"])
def test_what_passes_is_tried_again_without_a_word(kind: str) -> None:
    world = World()
    attempt, times = world.script([Fault(kind, "?"), Fault(kind, "?"), "answer"])
    assert world.carry(attempt) == "answer"
    assert times[0] == 0
    assert times[1] <= 1
    assert times[2] - times[1] <= 2
    assert world.said == []


@pytest.mark.parametrize("kind", ["key", "model", "quota", "address", "certificate", "request", "overflow", "refused"])
def test_what_does_not_pass_is_raised_at_once(kind: str) -> None:
    world = World()
    attempt, times = world.script([Fault(kind, "?")])
    with pytest.raises(Fault) as raised:
        world.carry(attempt)
    assert raised.value.kind == kind
    assert len(times) == 1
    assert not world.circuit.is_away


def test_a_server_that_never_makes_sense_is_no_provider_and_is_not_waited_for() -> None:
    world = World(retries=2)
    attempt, times = world.script([GARBLED] * 3)
    with pytest.raises(ProviderError, match="no JSON") as raised:
        world.carry(attempt)
    assert raised.value.cause == "address"
    assert len(times) == 3
    assert not world.said


def test_one_that_made_sense_before_is_waited_for() -> None:
    world = World(retries=2)
    attempt, _ = world.script([AWAY, *[GARBLED] * 9, "answer"])
    assert world.carry(attempt) == "answer", "it was busy starting"
    world = World(retries=2)
    attempt, _ = world.script(["answer", *[GARBLED] * 9, "again"])
    assert (world.carry(attempt), world.carry(attempt)) == ("answer", "again")
    world = World(retries=2)
    attempt, _ = world.script([EMPTY, *[GARBLED] * 9, "answer"])
    assert world.carry(attempt) == "answer", "an empty reply makes sense"


def test_pauses_are_random_but_the_same_for_a_seed_and_grow() -> None:
    def times(seed: int) -> list[float]:
        world = World(retries=20, seed=seed)
        attempt, times = world.script([*[AWAY] * 20, "answer"])
        world.carry(attempt)
        return times

    assert times(1) == times(1) != times(2)
    found = pauses(times(1))
    assert all(pause <= 2.0**number for number, pause in enumerate(found))
    assert 15 < max(found) <= 60


@pytest.mark.parametrize(("asked", "least"), [(0.5, 0.5), (20, 20), (60, 60)])
def test_a_wait_that_is_asked_for_is_kept_by_all(asked: float, least: float) -> None:
    world = World()
    attempt, times = world.script([Fault("busy", "429", retry_after_s=asked), "answer"])
    assert world.carry(attempt) == "answer"
    assert least <= times[1] <= least + 1

    world = World()
    failing, _ = world.script([Fault("busy", "429", retry_after_s=asked)])
    other, times = world.script(["answer"])
    cancelled_in_its_pause = Flag()

    def fail(began: Callable[[], None]) -> str:
        cancelled_in_its_pause.set()
        return failing(began)

    with pytest.raises(CallCancelled):
        world.carry(fail, cancelled_in_its_pause)
    world.carry(other)
    assert least <= times[0] <= least + 0.25


def test_a_long_wait_that_is_asked_for_is_an_absence_and_bounded() -> None:
    world = World()
    attempt, times = world.script([Fault("busy", "429 daily", retry_after_s=86_400), "answer"])
    assert world.carry(attempt) == "answer"
    assert times == [0, 300]
    assert world.said == ["X is busy (429 daily); proposals wait, evaluations go on", "X answers again after 5 m"]


def test_away_after_so_many_tries_then_tried_from_time_to_time_then_back() -> None:
    world = World(retries=2)
    attempt, times = world.script([*[AWAY] * 8, "answer"])
    assert world.carry(attempt) == "answer"
    assert pauses(times[2:]) == pytest.approx([5, 10, 20, 30, 30, 30], abs=0.26)
    assert world.said == ["X is away (503); proposals wait, evaluations go on", "X answers again after 2 m"]
    assert not world.circuit.is_away


def test_an_absence_is_said_again_when_it_comes_again() -> None:
    world = World(retries=0)
    for _ in range(2):
        assert world.carry(world.script([AWAY, "answer"])[0]) == "answer"
    assert world.said == ["X is away (503); proposals wait, evaluations go on", "X answers again after 5 s"] * 2


def test_patience_ends() -> None:
    world = World(patience_s=600)
    attempt, times = world.script([AWAY] * 100)
    with pytest.raises(ProviderError, match=r"X has been away for 10 m \(503\); .*llm\.patience") as raised:
        world.carry(attempt)
    assert raised.value.cause == "away"
    assert 600 <= world.clock.monotonic() <= 615
    assert len(times) < 30


def test_without_patience_only_tries_that_are_due_are_made() -> None:
    world = World(patience_s=0, retries=1)
    failing, times = world.script([AWAY] * 4)
    with pytest.raises(ProviderError) as raised:
        world.carry(failing)
    assert raised.value.cause == "away"
    assert len(times) == 2
    with pytest.raises(ProviderError, match=r"X is away \(503\)"):  # at once, without a try
        world.carry(failing)
    assert len(times) == 2
    world.clock.advance(5.1)
    with pytest.raises(ProviderError):  # one try, and no more
        world.carry(failing)
    assert len(times) == 3
    world.clock.advance(5.1)  # the next is due after 10
    with pytest.raises(ProviderError):
        world.carry(failing)
    assert len(times) == 3
    world.clock.advance(5.1)
    assert world.carry(world.script(["answer"])[0]) == "answer"
    assert not world.circuit.is_away
    assert world.said == ["X is away (503); it is tried again now and then", "X answers again after 15 s"]


def test_a_success_in_between_begins_the_count_anew() -> None:
    world = World(retries=2)
    for _ in range(10):
        assert world.carry(world.script([AWAY, AWAY, "answer"])[0]) == "answer"
    assert world.said == []


def test_failures_at_the_same_time_are_one_round() -> None:
    world = World(retries=2)
    inside = 0
    together = Flag()
    lock = Lock()

    def stumble_once(number: int) -> str:
        is_first = True

        def attempt(began: Callable[[], None]) -> str:
            nonlocal inside, is_first
            if not is_first:
                return "answer"
            is_first = False
            with lock:
                inside += 1
                if inside == 8:
                    together.set()
            assert together.wait(60)
            raise AWAY

        return world.carry(attempt)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(stumble_once, range(8))) == ["answer"] * 8
    assert world.said == []


def test_eight_threads_wait_out_an_absence_of_two_minutes_and_one_tries_at_a_time() -> None:
    world = World(ENDLESS, retries=4)
    at_once_while_away: list[int] = []

    def ask(number: int) -> str:
        def attempt(began: Callable[[], None]) -> str:
            if world.clock.monotonic() >= 120:
                began()
                return f"answer {number}"
            if world.circuit.is_away:
                at_once_while_away.append(world.trying)
            raise AWAY

        return world.carry(attempt)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert answers == [f"answer {number}" for number in range(8)]
    assert world.said == ["X is away (503); proposals wait, evaluations go on", world.said[1]]
    assert world.said[1].startswith("X answers again after ")
    # up to seven were under way when the last round failed
    assert len(at_once_while_away) >= 3
    assert at_once_while_away[7:] == [1] * len(at_once_while_away[7:])
    assert at_once_while_away[-3:] == [1, 1, 1]


def test_another_caller_has_the_next_turn_since_one_request_may_be_the_trouble() -> None:
    world = World(ENDLESS, retries=0)
    world.send_away()
    tried: list[str] = []
    first_tries, second_waits = Flag(), Flag()

    def bad(began: Callable[[], None]) -> str:
        tried.append("bad")
        first_tries.set()
        assert second_waits.wait(60)
        if "good" not in tried:
            raise AWAY
        return "late answer"

    def good(began: Callable[[], None]) -> str:
        tried.append("good")
        began()
        return "answer"

    def notice(cancel: Flag) -> None:
        if first_tries.is_set():
            second_waits.set()

    world.on_wait = notice
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(world.carry, bad)
        assert first_tries.wait(60)
        two = threads.submit(world.carry, good)
        assert two.result(60) == "answer"
        assert one.result(60) == "late answer"
    assert tried == ["bad", "good", "bad"]


def test_one_request_that_always_fails_while_others_are_answered_is_given_up() -> None:
    world = World(retries=2)
    tries = 0

    def attempt(began: Callable[[], None]) -> str:
        nonlocal tries
        tries += 1
        world.carry(world.script(["answer"])[0])
        raise AWAY

    with pytest.raises(ProviderError, match=r"X failed 9 times at one request \(503\); it answers others"):
        world.carry(attempt)
    assert tries == 9
    assert world.said == []


def test_empty_replies_are_no_absence() -> None:
    world = World(retries=2)
    attempt, times = world.script([*[EMPTY] * 5, "answer"])
    assert world.carry(attempt) == "answer"
    assert world.said == []
    assert len(set(times)) == 6


def test_an_address_that_has_answered_may_come_back() -> None:
    world = World()
    world.carry(world.script(["answer"])[0])
    attempt, times = world.script([Fault("address", "no such host"), "answer"])
    assert world.carry(attempt) == "answer"
    assert len(times) == 2


@pytest.mark.parametrize(
    ("kind", "is_back"), [("key", True), ("request", True), ("address", False), ("certificate", False)]
)
def test_what_a_lasting_fault_says_of_an_absence(kind: str, is_back: bool) -> None:
    world = World(retries=0)
    world.send_away()
    world.clock.advance(10)
    with pytest.raises(Fault):
        world.carry(world.script([Fault(kind, "?")])[0])
    assert world.circuit.is_away is not is_back
    assert world.carry(world.script(["answer"])[0]) == "answer"


def test_others_go_on_as_soon_as_a_reply_begins() -> None:
    world = World(retries=0)
    world.send_away()

    def long_reply(began: Callable[[], None]) -> str:
        before = world.circuit.is_away
        began()
        assert before > world.circuit.is_away
        return world.carry(world.script(["another"])[0])

    assert world.carry(long_reply) == "another"


def test_a_reply_that_begins_and_breaks_off_is_an_absence_again_at_once() -> None:
    world = World(retries=3)
    world.send_away()

    def broken(began: Callable[[], None]) -> str:
        began()
        tries.append(world.clock.monotonic())
        if len(tries) < 3:
            raise AWAY
        return "answer"

    tries: list[float] = []
    assert world.carry(broken) == "answer"
    assert pauses(tries) == pytest.approx([10, 20], abs=0.26)
    assert [line.split()[1] for line in world.said] == ["is", "answers"] * 3


@pytest.mark.parametrize("error", [BudgetSpent("tokens", "none left"), CallCancelled("over"), ZeroDivisionError("?")])
def test_whoever_stops_trying_lets_the_next_one_try(error: Exception) -> None:
    world = World(retries=0)
    world.send_away()

    def stop(began: Callable[[], None]) -> str:
        raise error

    with pytest.raises(type(error)):
        world.carry(stop)
    assert world.carry(world.script(["answer"])[0]) == "answer"


def test_cancelling_ends_every_wait() -> None:
    world = World()
    world.cancel.set()
    attempt, times = world.script(["answer"])
    with pytest.raises(CallCancelled, match="X"):
        world.carry(attempt)
    assert times == []

    for seconds in (0.1, 30.0):  # between tries, and while it is away
        world = World()
        attempt, _ = world.script([AWAY] * 100)

        def stop(cancel: Flag, world: World = world, seconds: float = seconds) -> None:
            if world.clock.monotonic() > seconds:
                cancel.set()

        world.on_wait = stop
        with pytest.raises(CallCancelled):
            world.carry(attempt)
        assert world.clock.monotonic() < seconds + 1
