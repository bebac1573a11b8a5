"""The scripts and logs of nodes, as artifacts of a run."""

from __future__ import annotations

from dataclasses import dataclass

from mlmaster.ports import RunStore
from mlmaster.store.run_directory import write_atomically


@dataclass(frozen=True, slots=True)
class Scripts:
    """Reads and writes `nodes/<id>/solution.py`, and reads logs beside it."""

    store: RunStore

    def save(self, node: int, code: str) -> None:
        """Write the script of a node."""
        write_atomically(self.store.node_directory(node) / "solution.py", code)

    def code(self, node: int) -> str:
        """Return the script of a node."""
        return (self.store.node_directory(node) / "solution.py").read_text(encoding="utf-8")

    def log(self, node: int) -> str:
        """Return the newest log of a node, empty when there is none."""
        logs = sorted(self.store.node_directory(node).glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        return logs[-1].read_text(encoding="utf-8", errors="replace") if logs else ""
