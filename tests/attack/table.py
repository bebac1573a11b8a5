"""The table of attack × adapter × user × declared × seen, written where `ML_MASTER_ATTACK_TABLE` names a file.

`python -m tests.attack.table OUT IN...` puts the tables of several users into one.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "ML_MASTER_ATTACK_TABLE"
USER = "root" if hasattr(os, "getuid") and os.getuid() == 0 else "user"


@dataclass(frozen=True, slots=True)
class Row:
    """One attack under one adapter; the adapter is `plain` for the proof."""

    attack: str
    adapter: str
    user: str
    declared: str
    seen: str


def note_proof(attack: str, seen: str) -> None:
    """Note what an attack reached where nothing stopped it."""
    note(Row(attack, "plain", USER, "reached", seen))


def note(row: Row) -> None:
    """Add a row to the table that was asked for, if one was."""
    if goal := os.environ.get(VARIABLE):
        with Path(goal).open("a") as lines:
            lines.write(json.dumps(asdict(row)) + "\n")


def merge(goal: Path, sources: Sequence[Path]) -> None:
    """Write the rows of all sources as one JSON file: attack to adapter/user to what was declared and seen."""
    attacks: dict[str, dict[str, dict[str, str]]] = {}
    for source in sources:
        for line in source.read_text().splitlines():
            row = Row(**json.loads(line))
            cell = {"declared": row.declared, "seen": row.seen}
            attacks.setdefault(row.attack, {})[f"{row.adapter}/{row.user}"] = cell
    machine = {"kernel": platform.release(), "machine": platform.machine(), "python": platform.python_version()}
    whole = {"machine": machine, "attacks": {name: dict(sorted(attacks[name].items())) for name in sorted(attacks)}}
    goal.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    merge(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
