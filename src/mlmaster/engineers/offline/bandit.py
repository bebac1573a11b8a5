"""Which edit next: Thompson sampling over named edits, from prior counts and what the run has seen of each.

Deterministic in the seed; the order of the edits does not matter.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from mlmaster.core.node import Node, NodeState
from mlmaster.engineers.offline.edits import Edit

JOINT = "+"
"""Between the names of edits applied together."""


def evidence(history: Iterable[Node]) -> tuple[Counter[str], Counter[str]]:
    """Return how often each edit brought a gain and how often not, over finished nodes of the run.

    Faults count as no gain; nodes of other engineers are left out.
    """
    gains: Counter[str] = Counter()
    misses: Counter[str] = Counter()
    for node in history:
        if node.recipe is None or node.state not in (NodeState.SCORED, NodeState.RACED, NodeState.FAILED):
            continue
        for name in node.edit.split(JOINT):
            (gains if node.gain else misses)[name] += 1
    return gains, misses


def rank(edits: Sequence[Edit], history: Iterable[Node], seed: int) -> list[Edit]:
    """Return the edits in the order of one draw from each one's chance to pay."""
    gains, misses = evidence(history)

    def drawn(edit: Edit) -> tuple[float, str]:
        digest = hashlib.sha256(f"{seed}:{edit.name}".encode()).digest()
        random = Random(int.from_bytes(digest[:8], "big"))
        chance = random.betavariate(edit.prior[0] + gains[edit.name], edit.prior[1] + misses[edit.name])
        return (-chance, edit.name)

    return sorted(edits, key=drawn)
