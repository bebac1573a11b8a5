"""Patience with a provider: what passes is tried again, and while it is away all who ask it wait, and one at a time tries.

A provider that stumbles (5xx, 429, a broken connection, half a reply) is asked again at growing, random intervals. After
`llm.retries` rounds without any answer it counts as away: a `Circuit`, shared by all threads that ask it, then lets through
one try at a time, up to half a minute apart, until one is answered. What a try is, costs and leaves behind is not known here
(`models.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from threading import Event as Flag
from threading import RLock
from typing import TypeVar

from mlmaster.errors import CallCancelled, ProviderError
from mlmaster.llm.providers.provider import Fault
from mlmaster.ports import Clock

T = TypeVar("T")
Wait = Callable[[Flag, float], bool]
"""Waits for a flag at most so many seconds, and returns whether it is set: `Flag.wait`, but in tests."""

_POLL_S = 0.25
_FIRST_S = 1.0
"""Bound of the first interval before another try; each is twice the last."""
_LONGEST_S = 60.0
_LONGEST_ASKED_S = 300.0
"""Bound of what a provider may ask to wait; some ask for the rest of the day though they answer in minutes."""
_FIRST_AWAY_S = 5.0
_LONGEST_AWAY_S = 30.0
"""Between two tries while it is away: one call costs little, and all slots may stand still."""
_STUBBORN = 3
"""So many times `1 + retries` tries fail for one request, while others are answered, before it is given up."""


@dataclass(eq=False, slots=True)
class _Turn:
    """Leave to try once; `failed` is how many rounds had failed when it began."""

    failed: int


class Circuit:
    """What is known of one provider's state, shared by all threads that ask it.

    Tries that run at the same time and fail together are one round: eight threads that meet one hiccup do not make an
    outage. A wait that the provider itself asks for holds for all threads; one of more than a minute counts as away.

    Args:
        name: The provider in messages.
        clock: Tells how long it is away.
        retries: Rounds that may fail after the first before it counts as away.
        patience_s: Seconds to wait while it is away; 0 fails all but the tries that are due.
        say: Told once that it is away, and once that it is back.
        random: Spreads the tries.
        wait: Waits a little.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        retries: int,
        patience_s: float,
        say: Callable[[str], None],
        random: Random,
        wait: Wait = Flag.wait,
    ) -> None:
        self._name = name
        self._clock = clock
        self._retries = retries
        self._patience_s = patience_s
        self._say = say
        self._random = random
        self._wait = wait
        self._lock = RLock()
        self._failed = 0
        self._has_answered = False
        self._is_only_garbled = True
        self._next_try = clock.monotonic()
        self._away_since: float | None = None
        self._why = ""
        self._delay = _FIRST_AWAY_S
        self._waiting: deque[object] = deque()
        self._prober: _Turn | None = None

    @property
    def is_away(self) -> bool:
        """Return True while the provider counts as away."""
        return self._away_since is not None

    def carry(self, attempt: Callable[[Callable[[], None]], T], cancel: Flag) -> T:
        """Return what an attempt returns, made again as long as its faults may pass.

        Args:
            attempt: Tries once. It is given what it calls when the reply begins, for a reply may take minutes, and those
                who wait need not wait for its end.
            cancel: Ends all waiting when set.

        Raises:
            Fault: One that does not pass.
            ProviderError: `away`, after more than the patience; `address`, where nothing that came ever made sense; all else
                is as the attempt raises it.
            CallCancelled: `cancel` was set while waiting.
        """
        tries = 0
        while True:
            turn = self._enter(cancel)
            try:
                found = attempt(partial(self._begin, turn))
            except Fault as fault:
                if self._never_made_sense(fault):
                    self._leave(turn)
                    raise ProviderError("address", fault.message) from None  # what an SDK raised may show the key
                if not self._passes(fault):
                    self._end(turn, fault)
                    raise
                tries += 1
                pause = self._fail(turn, fault, tries)
                if self.is_away:
                    tries = 0
                elif tries >= _STUBBORN * (1 + self._retries):
                    raise ProviderError(
                        "away", f"{self._name} failed {tries} times at one request ({fault.message}); it answers others"
                    ) from None  # what an SDK raised may show the key
                self._rest(pause, cancel)
            except BaseException:
                self._leave(turn)
                raise
            else:
                self._answer(turn)
                return found

    def _passes(self, fault: Fault) -> bool:
        # an address that has answered before is right: its name server or a proxy on the way is out of order
        return fault.is_passing or (fault.kind == "address" and self._has_answered)

    def _never_made_sense(self, fault: Fault) -> bool:
        """Return True where whoever answers has never been understood, over all retries: it speaks something else."""
        is_garbled = fault.kind == "garbled" and not is_empty(fault)
        return is_garbled and self._is_only_garbled and not self._has_answered and self._failed >= self._retries

    def _enter(self, cancel: Flag) -> _Turn:
        """Wait until a try may be made."""
        place = object()
        with self._lock:
            self._waiting.append(place)
        try:
            while not cancel.is_set():
                with self._lock:
                    pause = self._pause(place)
                    if pause <= 0:
                        turn = _Turn(self._failed)
                        if self.is_away:
                            self._prober = turn
                        return turn
                self._wait(cancel, min(pause, _POLL_S))
        finally:
            with self._lock:
                self._waiting.remove(place)
        raise CallCancelled(f"the run ended while {self._name} was waited for")

    def _pause(self, place: object) -> float:
        """Return the seconds to wait before another look; 0 for leave to try."""
        now = self._clock.monotonic()
        pause = self._next_try - now
        if self._away_since is None:
            return pause
        # in turn, for it may be one request that a provider cannot stand
        if pause <= 0 and self._prober is None and self._waiting[0] is place:
            return 0.0
        away_s = now - self._away_since
        if away_s >= self._patience_s:
            raise ProviderError("away", self._given_up(away_s))
        return max(pause, _POLL_S)

    def _given_up(self, away_s: float) -> str:
        if not self._patience_s:
            return f"{self._name} is away ({self._why})"
        return f"{self._name} has been away for {_span(away_s)} ({self._why}); a larger llm.patience waits longer"

    def _rest(self, seconds: float, cancel: Flag) -> None:
        """Wait before the next try of one call; in vain once the provider is away, for then others wait too."""
        end = self._clock.monotonic() + seconds
        while not self.is_away and not cancel.is_set() and (left := end - self._clock.monotonic()) > 0:
            self._wait(cancel, min(left, _POLL_S))

    def _begin(self, turn: _Turn) -> None:
        """Let the others try again as soon as a reply begins; if it breaks off, the next round of failures is the last."""
        with self._lock:
            if self._prober is turn:
                self._return()
                self._failed = turn.failed = self._retries

    def _answer(self, turn: _Turn) -> None:
        with self._lock:
            self._has_answered = True
            if self._prober is turn:
                self._return()
            if not self.is_away:  # an answer to what was asked before it went away says nothing
                self._failed = 0
                self._delay = _FIRST_AWAY_S

    def _return(self) -> None:
        assert self._away_since is not None
        now = self._clock.monotonic()
        away_s = now - self._away_since
        self._away_since, self._prober, self._next_try = None, None, now
        self._say(f"{self._name} answers again after {_span(away_s)}")

    def _end(self, turn: _Turn, fault: Fault) -> None:
        """Note a fault that does not pass: an answer too, if it comes from the provider itself."""
        if fault.kind in ("address", "certificate"):
            self._leave(turn)
        else:
            self._answer(turn)

    def _leave(self, turn: _Turn) -> None:
        with self._lock:
            if self._prober is turn:
                self._prober = None

    def _fail(self, turn: _Turn, fault: Fault, tries: int) -> float:
        """Note a fault that may pass, and return the seconds after which this call may try again."""
        if is_empty(fault):
            self._answer(turn)
            return self._jitter(tries)
        with self._lock:
            self._is_only_garbled &= fault.kind == "garbled"
            now = self._clock.monotonic()
            asked = min(fault.retry_after_s or 0.0, _LONGEST_ASKED_S)
            self._next_try = max(self._next_try, now + asked)
            if self._prober is turn:
                self._prober = None
                self._stay_away(now, fault)
            elif not self.is_away:
                self._failed += turn.failed == self._failed
                if self._failed > self._retries or asked > _LONGEST_S:
                    self._away_since = now
                    self._stay_away(now, fault)
                    state = "busy" if fault.kind == "busy" else "away"
                    rest = "proposals wait, evaluations go on" if self._patience_s else "it is tried again now and then"
                    self._say(f"{self._name} is {state} ({fault.message}); {rest}")
            return asked + self._jitter(tries)

    def _stay_away(self, now: float, fault: Fault) -> None:
        self._why = fault.message
        self._next_try = max(self._next_try, now + self._delay)
        self._delay = min(2 * self._delay, _LONGEST_AWAY_S)

    def _jitter(self, tries: int) -> float:
        with self._lock:
            return self._random.uniform(0, min(_LONGEST_S, _FIRST_S * 2.0 ** (tries - 1)))


def is_empty(fault: Fault) -> bool:
    """Return True for a reply that is whole but says nothing: its provider is well, and another try may say something."""
    return fault.kind == "garbled" and fault.received.finish is not None


def _span(seconds: float) -> str:
    """Return a time in words of its size: `45 s`, `2 m`, `1 h 5 m`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m"
