"""Every hostile script, by group."""

from __future__ import annotations

from collections.abc import Mapping

from tests.attack.attack import Attack
from tests.attack.corpus import bombs, edits, kernel, network, planting, processes, secrets, submissions, warm

GROUPS: Mapping[str, tuple[Attack, ...]] = {
    "secrets": secrets.ATTACKS,
    "edits": edits.ATTACKS,
    "planting": planting.ATTACKS,
    "submissions": submissions.ATTACKS,
    "network": network.ATTACKS,
    "processes": processes.ATTACKS,
    "kernel": kernel.ATTACKS,
    "bombs": bombs.ATTACKS,
    "warm": warm.ATTACKS,
}
"""Group to its attacks, in the order of the table."""

ATTACKS: Mapping[str, Attack] = {
    f"{group}/{attack.name}": attack for group, attacks in GROUPS.items() for attack in attacks
}
"""Every attack by `group/name`."""

SLOW = frozenset(name for name in ATTACKS if name.startswith("bombs/") or name.endswith("-for-the-next-fold"))
"""Those that need seconds."""
