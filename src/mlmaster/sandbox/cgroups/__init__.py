"""Control groups of the kernel: they count and bound what all processes of one evaluation use together.

A group is exact where sampling is not: memory is bounded between two looks too, no daemon gets away, and no process
of the group outlives `kill`. Not every machine lends them, so `find` tries. Read `contract` first, then `choosing`,
`v2`, `v1` and `systemd`.
"""

from mlmaster.sandbox.cgroups.choosing import Found, find
from mlmaster.sandbox.cgroups.contract import Cgroup, Cgroups

__all__ = ["Cgroup", "Cgroups", "Found", "find"]
