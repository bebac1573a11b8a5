"""The scripts, logs and notes of nodes, as artifacts of a run."""

from __future__ import annotations

from dataclasses import dataclass

from mlmaster.engine.notes import Notes
from mlmaster.ports import RunStore
from mlmaster.store.run_directory import read_notes, write_atomically


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
        """Return the newest log of a node, whole, empty when there is none."""
        logs = sorted(self.store.node_directory(node).glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        return logs[-1].read_text(encoding="utf-8", errors="replace") if logs else ""

    def notes(self, node: int) -> Notes:
        """Return the notes of a node, empty when there are none."""
        return read_notes(self.store.node_directory(node))
