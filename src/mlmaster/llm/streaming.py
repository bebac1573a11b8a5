"""One reply from its first part to its last: carried through, or given up when it stands still or nobody wants it any more.

The provider's work is done in a thread of its own, which may hang in the network for ever; whoever asked looks at the clock
meanwhile, and ends the connection when it gives up. Nothing is tried again here (`patience.py`).
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event as Flag
from threading import Lock, Thread

from mlmaster.core.chat import Finish, Request
from mlmaster.core.tokens import BYTES_PER_TOKEN
from mlmaster.errors import CallCancelled
from mlmaster.llm.providers.provider import Fault, Options, Part, Provider
from mlmaster.ports import Clock

_POLL_S = 0.1
_RUNAWAY = 4
"""A reply ends here when it has so many times the tokens it may have, by estimate: some servers know no limit."""


class StreamCancelled(CallCancelled):
    """A call that was ended in the middle of its reply.

    Attributes:
        received: What of the reply had arrived.
    """

    def __init__(self, received: Part) -> None:
        super().__init__("the call of the language model was cancelled")
        self.received = received


class Stillness(Fault):
    """A reply that is given up because nothing of it came for too long, though its provider may have been at work."""


@dataclass(frozen=True, slots=True)
class Streaming:
    """How long a reply may take to begin, and to go on; any part counts as life, one of reasoning too."""

    clock: Clock
    first_token_s: float
    idle_s: float

    def carry(
        self, provider: Provider, request: Request, options: Options, cancel: Flag, began: Callable[[], None]
    ) -> Part:
        """Return the whole reply as one part, which has a finish.

        Args:
            provider: Who is asked.
            request: What to ask.
            options: How it is put.
            cancel: Ends the connection when set.
            began: Called once, when the first words are there.

        Raises:
            Fault: As `Provider.stream` says, with what had arrived; `away` too when the reply stands still or breaks off,
                `garbled` when it is empty: then `received.finish` is set.
            StreamCancelled: `cancel` was set.
        """
        asked = self.clock.monotonic()
        feed = _Feed(lambda: provider.stream(request, options), self.clock)
        parts: list[Part] = []
        try:
            most_bytes = int(_RUNAWAY * BYTES_PER_TOKEN * request.max_output_tokens)
            self._collect(feed, parts, most_bytes, asked, cancel, began)
        except Fault as fault:
            whole = joined(parts)
            if whole.finish is None:  # else only what follows a reply is missing, the count of its tokens
                if parts:
                    fault.received = whole
                raise
        finally:
            feed.stop()
        return _checked(joined(parts))

    def _collect(
        self, feed: _Feed, parts: list[Part], most_bytes: int, life: float, cancel: Flag, began: Callable[[], None]
    ) -> None:
        """Take part after part until there are no more; `life` is when there was a sign of it last."""
        has_words, written = False, 0
        while True:
            if cancel.is_set():
                raise StreamCancelled(joined([*parts, *feed.waiting()]))
            now = self.clock.monotonic()  # before the look at the queue: whatever has arrived by then is found there
            try:
                arrived, part = feed.arrivals.get(timeout=_POLL_S)
            except queue.Empty:
                self._check_life(now - life, has_words=has_words)
                continue
            if part is None:
                return
            if isinstance(part, Exception):
                raise part
            life = arrived
            parts.append(part)
            if not has_words and (part.text or part.reasoning or part.calls):
                has_words = True
                began()
            # a part without words may be a piece of a tool's arguments, which are given whole in the end
            written += max(1, len((part.text + part.reasoning).encode("utf-8", "replace")))
            if written > most_bytes:
                parts.append(Part(finish=Finish.LENGTH))
                return

    def _check_life(self, silent_s: float, *, has_words: bool) -> None:
        # a provider may say at once that it has begun, and then read or think for minutes
        if has_words and silent_s > self.idle_s:
            raise Stillness("away", f"the reply stood still for {self.idle_s:g} s (llm.idle_s)")
        if not has_words and silent_s > self.first_token_s:
            raise Stillness("away", f"no word of a reply came within {self.first_token_s:g} s (llm.first_token_s)")


def joined(parts: Sequence[Part]) -> Part:
    """Return the parts of a reply as one."""
    whole = Part(text="".join(part.text for part in parts), reasoning="".join(part.reasoning for part in parts))
    for part in parts:
        whole = replace(
            whole,
            finish=part.finish or whole.finish,
            usage=part.usage or whole.usage,
            calls=whole.calls + part.calls,
            model=part.model or whole.model,
            carried=whole.carried if part.carried is None else part.carried,
        )
    return whole


def _checked(whole: Part) -> Part:
    if whole.finish is None:
        raise Fault("away", "the reply broke off before its end", received=whole)
    is_empty = not (whole.text.strip() or whole.reasoning.strip() or whole.calls)
    if is_empty and whole.finish in (Finish.STOP, Finish.TOOLS):  # of no words by limit or filter, the reason is known
        raise Fault("garbled", "the reply was empty", received=whole)
    return whole


class _Feed:
    """The thread in which a provider works, and the queue that it fills.

    Attributes:
        arrivals: Each part with the time it came; in the end None, or what was raised.
    """

    def __init__(self, start: Callable[[], Iterator[Part]], clock: Clock) -> None:
        self.arrivals: queue.SimpleQueue[tuple[float, Part | Exception | None]] = queue.SimpleQueue()
        self._start = start
        self._clock = clock
        self._lock = Lock()
        self._stream: Iterator[Part] | None = None
        self._is_stopped = False
        # a daemon, since a connection that cannot be ended must not keep the process from ending
        Thread(target=self._work, name="reply", daemon=True).start()

    def waiting(self) -> Iterator[Part]:
        """Yield the parts that nobody has taken yet."""
        with suppress(queue.Empty):
            while isinstance(part := self.arrivals.get_nowait()[1], Part):
                yield part

    def stop(self) -> None:
        """End the connection, if it is not at its end."""
        with self._lock:
            self._is_stopped = True
            stream = self._stream
        if stream is not None:
            _close(stream)

    def _work(self) -> None:
        try:
            stream = self._start()
            with self._lock:
                self._stream = stream
                is_late = self._is_stopped
            if is_late:
                _close(stream)
                return
            for part in stream:
                self.arrivals.put((self._clock.monotonic(), part))
            self.arrivals.put((self._clock.monotonic(), None))
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: carried over to the one that asked
            self.arrivals.put((self._clock.monotonic(), error))


def _close(stream: Iterator[Part]) -> None:
    close = getattr(stream, "close", None)  # `Iterator` has none by its type, though generators and connections do
    if close is not None:
        close()
