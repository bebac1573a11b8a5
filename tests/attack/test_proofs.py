"""Every attack gets through where nothing stops it: so a wall that stops it is what stops it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from tests.attack import plain, table
from tests.attack.attack import Attack
from tests.attack.catalogue import ATTACKS, GROUPS, SLOW
from tests.attack.ground import Ground, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the attacks speak to Linux")
SLOWLY = (pytest.mark.slow,)
_CHANGE_NOTHING = ("network/", "bombs/", "submissions/", "kernel/")
PROVEN = {name: attack for name, attack in ATTACKS.items() if attack.unproven is None}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    place = Ground()
    yield place
    place.close()


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOWLY * (name in SLOW)) for name in PROVEN])
def test_reaches_its_aim_unsandboxed(name: str, ground: Ground) -> None:
    attack = PROVEN[name]
    if attack.needs == "root" and os.getuid() != 0:
        table.note_proof(name, "only root could")
        pytest.skip("only root could do it")
    try:
        ran = plain.run(ground, attack)
        see = lambda: _evidence(ground, attack, ran)  # noqa: E731
        is_over = any(line.startswith(("ABSENT", "DENIED")) for line in ran.log.splitlines())
        evidence = wait_for(attack.aim, see, 0.2 if is_over else 3.0)
        plain.sweep(ran.directory)
        if any(line.startswith("ABSENT") for line in ran.log.splitlines()):
            table.note_proof(name, "absent here")
            pytest.skip(f"this machine has no such thing: {ran.log}")
        if attack.needs and attack.aim not in evidence and "DENIED" in ran.log:
            table.note_proof(name, "not granted here")
            pytest.skip(f"this machine grants it to nobody of this user: {ran.log}")
        table.note_proof(name, "reached" if attack.aim in evidence else "not reached")
        assert attack.aim in evidence, f"{sorted(evidence)}\n{ran.log[-3000:]}"
    finally:
        if not name.startswith(_CHANGE_NOTHING):
            ground.mend()


def _evidence(ground: Ground, attack: Attack, ran: plain.Ran) -> frozenset[str]:
    found = ground.evidence(ran.log, ran.directory, 32 * 1024)
    return found | {"ended:parent"} if ran.is_parent_ended else found


def test_there_are_enough_of_them_in_every_group() -> None:
    assert sum(map(len, GROUPS.values())) == len(ATTACKS) >= 45
    assert all(len(attacks) >= 5 for attacks in GROUPS.values())
    assert all(attack.unproven is None or len(attack.unproven) > 10 for attack in ATTACKS.values())
    assert len(PROVEN) >= 0.9 * len(ATTACKS)
