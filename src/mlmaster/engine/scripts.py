"""The scripts, logs and notes of nodes, as artifacts of a run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlmaster.engine.notes import Notes
from mlmaster.ports import RunStore
from mlmaster.store.run_directory import read_notes, write_atomically

_KINDS = ("trial", "smoke", "fold")
"""Of evaluations, in the order in which a node has them."""
_LOG = re.compile(rf"({'|'.join(_KINDS)})(?:-(\d{{1,9}}))?\.log")


@dataclass(frozen=True, slots=True)
class Scripts:
    """Reads and writes `nodes/<id>/solution.py`, and reads logs and notes beside it."""

    store: RunStore

    def save(self, node: int, code: str) -> None:
        """Write the script of a node."""
        write_atomically(self.store.node_directory(node) / "solution.py", code)

    def code(self, node: int) -> str:
        """Return the script of a node."""
        return (self.store.node_directory(node) / "solution.py").read_text(encoding="utf-8")

    def log(self, node: int) -> str:
        """Return the log of the last evaluation that a node's outcome rests on, whole, empty when there is none.

        By its name and not by its time: what is run on a finished node for the answer alone must not change what a decision
        is told, nor may a copy of the run directory.
        """
        ranked = [(rank, path) for path in self.store.node_directory(node).iterdir() if (rank := _rank(path.name))]
        return max(ranked)[1].read_text(encoding="utf-8", errors="replace") if ranked else ""

    def notes(self, node: int) -> Notes:
        """Return the notes of a node, empty when there are none."""
        return read_notes(self.store.node_directory(node))


def _rank(name: str) -> tuple[int, int] | None:
    """Return how late a log was written, None for what is no log of an evaluation that counts."""
    found = _LOG.fullmatch(name)
    return None if found is None else (_KINDS.index(found[1]), int(found[2] or 0))
