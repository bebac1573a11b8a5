"""Which control groups this machine lends: the first kind that passes the trial, and why those before it do not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups.contract import Cgroups
from mlmaster.sandbox.cgroups.systemd import SystemdCgroups
from mlmaster.sandbox.cgroups.trial import prove
from mlmaster.sandbox.cgroups.v1 import CgroupsV1
from mlmaster.sandbox.cgroups.v2 import CgroupsV2

Kind = tuple[str, Callable[[], Cgroups]]
KINDS: tuple[Kind, ...] = (("cgroup v2", CgroupsV2), ("cgroup v1", CgroupsV1), ("systemd-run", SystemdCgroups))


@dataclass(frozen=True, slots=True)
class Found:
    """What `find` found.

    Attributes:
        cgroups: Where groups can be made, or None. The caller closes it.
        reasons: For each kind that was tried before it, why not and what would help: a sentence for a person.
    """

    cgroups: Cgroups | None
    reasons: tuple[str, ...]


def find(kinds: Sequence[Kind] = KINDS, prove: Callable[[Cgroups], None] = prove) -> Found:
    """Return the first kind of group that is proven to bound memory here.

    Args:
        kinds: Names and makers, the best first.
        prove: Raises `InfrastructureError` for groups that do not.
    """
    reasons: list[str] = []
    for name, make in kinds:
        try:
            cgroups = make()
            try:
                prove(cgroups)
            except BaseException:
                with contextlib.suppress(InfrastructureError):
                    cgroups.close()
                raise
        except InfrastructureError as error:
            reasons.append(f"{name}: {error}")
        else:
            return Found(cgroups, tuple(reasons))
    return Found(None, tuple(reasons))
