"""A pretended model that must have read something: it answers well only where all that it needs stands in the request.

The brain for proofs that a request carries what it must (over `mlmaster.testing.llm_server`, or `spoken` of
`mlmaster.testing.scripted_llm`). It knows nothing but what it finds in the text of the one request before it, and remembers
none; so a good answer that is made of a fact it has read cannot come about by luck.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal

from mlmaster.testing.llm_wire.exchange import Received, Said

Place = Literal["messages", "thoughts"]
"""Where a fact may stand: in what the model is told, or in what it is made to think."""


@dataclass(frozen=True, slots=True)
class Need:
    """A fact that a good answer rests on.

    Attributes:
        name: What it is called in answers and tests.
        pattern: A regular expression, searched in each message and in the thoughts; its first group is the fact.
    """

    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model has found in one request.

    Attributes:
        received: The request.
        facts: By the name of the need; those in the thoughts before those in messages, and the first of a kind.
        places: Where each of them stands.
        missing: Names of the needs that are not met, in the order in which they were given.
    """

    received: Received
    facts: Mapping[str, str]
    places: Mapping[str, frozenset[Place]]
    missing: tuple[str, ...]


class ChoosyModel:
    """A pretended model that knows what it must read, and answers well only then; a `Brain`.

    Args:
        needs: What it must read.
        well: What it says where it has read all of that.
        ill: What it says otherwise; by default the same, made of the facts that it has.

    Attributes:
        readings: What it has found in each request, in order.
    """

    def __init__(
        self,
        needs: Sequence[Need],
        well: Callable[[Reading], Said],
        ill: Callable[[Reading], Said] | None = None,
    ) -> None:
        self.readings: list[Reading] = []
        self._needs = [(need.name, re.compile(need.pattern)) for need in needs]
        self._well, self._ill = well, ill or well
        self._lock = Lock()

    def __call__(self, received: Received) -> Said:
        """Return the answer to a request."""
        reading = self._read(received)
        with self._lock:
            self.readings.append(reading)
        return (self._ill if reading.missing else self._well)(reading)

    def _read(self, received: Received) -> Reading:
        texts: Mapping[Place, Sequence[str]] = {
            "thoughts": (received.thoughts,),
            "messages": tuple(heard.text for heard in received.messages),
        }
        facts: dict[str, str] = {}
        places: dict[str, frozenset[Place]] = {}
        for name, pattern in self._needs:
            for place, told in texts.items():
                found = next((match for text in told if (match := pattern.search(text))), None)
                if found is not None:
                    facts.setdefault(name, found[1])
                    places[name] = places.get(name, frozenset()) | {place}
        return Reading(received, facts, places, tuple(name for name, _ in self._needs if name not in facts))
