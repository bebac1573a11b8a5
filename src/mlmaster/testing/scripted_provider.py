"""A provider that says what a script tells it to, in fake time; a double of `mlmaster.llm.providers.provider.Provider`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from threading import Event as Flag
from threading import Lock

from mlmaster.core.chat import Finish, Placement, Request
from mlmaster.core.usage import Usage
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.testing.clock import FakeClock

_HANG_S = 60.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Fake seconds in which nothing arrives."""

    seconds: float


class Hang(Enum):
    """Nothing more arrives until the connection is ended."""

    HANG = "hang"


Step = Part | Fault | Silence | Hang
Script = Iterable[Step]
"""What one try does, step by step; a generator may wait for what the test does."""


def says(text: str, usage: Usage | None = None, finish: Finish = Finish.STOP) -> list[Step]:
    """Return the script of an ordinary reply: its text in two parts, then why it ended."""
    middle = len(text) // 2
    return [Part(text=text[:middle]), Part(text=text[middle:]), Part(finish=finish, usage=usage, model="scripted-1")]


class ScriptedProvider:
    """Answers by script. May be used from several threads.

    Args:
        scripts: What each try does, in order; or a function of what is asked, called in the thread that sends.
        clock: What `Silence` advances.
        placed: Where it says that thoughts are placed, unless prefill was refused.

    Attributes:
        tries: Every request with its options, in order.
        at_once: How many tries were under way when each began, itself included.
        is_closed: True after `close`.
    """

    def __init__(
        self,
        scripts: Sequence[Script] | Callable[[Request, Options], Script],
        clock: FakeClock | None = None,
        placed: Placement = Placement.PROMPT,
    ) -> None:
        self.tries: list[tuple[Request, Options]] = []
        self.at_once: list[int] = []
        self.is_closed = False
        self._scripts = scripts
        self._clock = clock
        self._placed = placed
        self._open: set[_ScriptedStream] = set()
        self._lock = Lock()

    @property
    def open_streams(self) -> int:
        """Return how many connections are open."""
        with self._lock:
            return len(self._open)

    def placement(self, request: Request, options: Options) -> Placement:
        """Return `placed` where there are thoughts to place and prefill is not refused."""
        return self._placed if request.thoughts and "prefill" not in options.dropped else Placement.PROMPT

    def stream(self, request: Request, options: Options) -> Iterator[Part]:
        """Begin the next script.

        Raises:
            AssertionError: There is none.
        """
        with self._lock:
            number = len(self.tries)
            self.tries.append((request, options))
            stream = _ScriptedStream(self._end, self._clock)
            self._open.add(stream)
            self.at_once.append(len(self._open))
        if callable(self._scripts):
            script = self._scripts(request, options)
        else:
            assert number < len(self._scripts), f"the script ends after {number} tries"
            script = self._scripts[number]
        stream.steps = iter(script)
        return stream

    def close(self) -> None:
        """End all connections."""
        self.is_closed = True
        with self._lock:
            streams = list(self._open)
        for stream in streams:
            stream.close()

    def _end(self, stream: _ScriptedStream) -> None:
        with self._lock:
            self._open.discard(stream)


class _ScriptedStream(Iterator[Part]):
    """One connection; closing it, from any thread, lets go of whoever waits for the next part."""

    def __init__(self, ended: Callable[[_ScriptedStream], None], clock: FakeClock | None) -> None:
        self.steps: Iterator[Step] = iter(())
        self._ended = ended
        self._clock = clock
        self._is_closed = Flag()

    def __next__(self) -> Part:
        for step in self.steps:
            if self._is_closed.is_set():
                break
            if isinstance(step, Part):
                return step
            if isinstance(step, Silence):
                assert self._clock is not None, "silence needs a clock"
                self._clock.advance(step.seconds)
            elif isinstance(step, Fault):
                self._ended(self)
                raise replace(step)  # a copy: one fault may stand in many scripts
            else:
                assert self._is_closed.wait(_HANG_S), "nobody ended a connection that hangs"
        self._ended(self)
        if self._is_closed.is_set():
            raise Fault("away", "the connection was closed")
        raise StopIteration

    def close(self) -> None:
        self._is_closed.set()
        self._ended(self)
