"""Replies that are known already: of this run before its process was killed, or of another run that is replayed.

A decision that was open when a process died is asked again by the next one: its first request word for word, the later ones
of a session but for what was measured meanwhile. What was answered and paid for then is taken from the run's own calls. A
replayed run asks nobody at all: a reply comes from the recording or there is none. Who keeps calls is
`mlmaster.ports.CallLog`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock

from mlmaster.core.calls import Call, request_hash
from mlmaster.core.chat import Reply, Request, Role
from mlmaster.errors import ProviderError

_FIGURE = re.compile(r"\d[\d.,]*(?: ?(?:ms|s|min|m|h|kB|MB|GB)\b)?")
"""A number with its unit: in what a session is told, most are times and sizes, and none is ever measured alike again."""


@dataclass(eq=False, slots=True)
class _Recorded:
    """A recorded reply; `is_given` once it was the answer to its own node."""

    hash: str
    reply: Reply
    is_given: bool = False


class Recordings:
    """Finds replies by what was asked. May be used from several threads; one node is asked for by one thread at a time."""

    def __init__(self, own: Iterable[Call], replayed: Iterable[Call] | None = None) -> None:
        """Take the replies out of the calls; those that failed or were never completed have none.

        Args:
            own: Calls of earlier processes of this run; not needed where another is replayed.
            replayed: Calls of the run that is replayed; None when models are asked.
        """
        self._lock = Lock()
        self._own: dict[tuple[int, str], list[_Recorded]] = defaultdict(list)
        for call, reply in _answered(own):
            keys = _keys(call.asked.request)
            mine = _Recorded(keys[0], reply)
            for key in keys:
                self._own[call.asked.node, key].append(mine)
        self._is_replay = replayed is not None
        self._by_turn: dict[tuple[int, Role], list[_Recorded]] = defaultdict(list)
        self._by_hash: dict[str, Reply] = {}
        for call, reply in _answered(replayed or ()):
            found = _Recorded(request_hash(call.asked.request), reply)
            self._by_turn[call.asked.node, call.asked.role].append(found)
            self._by_hash.setdefault(found.hash, reply)
        self._recalled = self._to_the_letter = self._in_turn = self._elsewhere = 0

    def find(self, node: int, request: Request) -> Reply | None:
        """Return the recorded reply to a request; None when a model is to be asked.

        It is as it was, with the usage of that time, so that a session that counts its tokens goes the same way; nothing is
        to be paid for it now. Of this run's own replies each is given once, to the very same request, or in a session to one
        that was told other figures. Of a replayed run the same node's reply to the very same request is taken, else the
        node's next one for the role, since a prompt may differ in a time, else another node's reply to the same request.

        Raises:
            ProviderError: A run is replayed, and it has no such reply.
        """
        keys = _keys(request)
        with self._lock:
            if self._is_replay:  # its own earlier replies were copies, and a node that is asked for again begins anew
                return self._replay(node, request, keys[0])
            own = next((each for key in keys for each in self._own.get((node, key), ()) if not each.is_given), None)
            if own is None:
                return None
            own.is_given = True
            self._recalled += 1
            return own.reply

    def words(self) -> str:
        """Return how many replies came from where, in one line; "" when none did."""
        replayed = self._to_the_letter + self._in_turn + self._elsewhere
        parts = []
        if self._recalled:
            parts.append(f"{_replies(self._recalled)} recalled that had been paid for before")
        if replayed:
            parts.append(
                f"{_replies(replayed)} replayed: {self._to_the_letter} asked for to the letter, {self._in_turn} by the turn, "
                f"{self._elsewhere} found at another node"
            )
        return "; ".join(parts)

    def _replay(self, node: int, request: Request, key: str) -> Reply:
        turns = self._by_turn.get((node, request.role), [])
        same = next((turn for turn in turns if turn.hash == key and not turn.is_given), None)
        if same is not None:
            self._to_the_letter += 1
            same.is_given = True
            return same.reply
        last = max((i for i, turn in enumerate(turns) if turn.is_given), default=-1)
        if last + 1 < len(turns):
            self._in_turn += 1
            turns[last + 1].is_given = True
            return turns[last + 1].reply
        if key in self._by_hash:
            self._elsewhere += 1
            return self._by_hash[key]
        has = f"{_replies(len(turns))} for it, all given" if turns else "none for it"
        raise ProviderError(
            "request",
            f"the replayed run has no reply to what node {node} asks the {request.role} ({request.prompt or 'no template'}): "
            f"it has {has}; replay with the settings, seed and data it was made with and no larger budget, or leave out "
            "--replay to ask a model",
        )


def _keys(request: Request) -> list[str]:
    """Return what a request is known by: its hash, and within a session that without the figures it was told."""
    exact = request_hash(request)
    said = [place for place, message in enumerate(request.messages) if message.author == "assistant"]
    if not said:
        return [exact]
    told = (
        message if message.author == "assistant" else replace(message, text=_FIGURE.sub("#", message.text))
        for message in request.messages[said[0] :]
    )
    # what a reply may have depends on the size of what was told
    alike = replace(request, messages=(*request.messages[: said[0]], *told), max_output_tokens=0)
    return [exact, request_hash(alike)]


def _answered(calls: Iterable[Call]) -> Iterable[tuple[Call, Reply]]:
    return (
        (call, call.answered.reply) for call in calls if call.answered is not None and call.answered.reply is not None
    )


def _replies(count: int) -> str:
    return "1 reply" if count == 1 else f"{count:,} replies"
