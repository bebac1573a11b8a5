"""The proof that groups bound memory here: a process that grows past a small limit must be killed for it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups.contract import Cgroup, Cgroups
from mlmaster.sandbox.cgroups.files import own_group_advice

LIMIT_BYTES = 64 * 2**20
CEILING_BYTES = 192 * 2**20
_TIMEOUT_S = 60.0
_GROW = f"""
import sys
for join in sys.argv[1:]:
    open(join, "w").write("0")
held = []
for _ in range({CEILING_BYTES // 2**20}):
    held.append(b"\\1" * 2**20)
"""


def prove(cgroups: Cgroups, python: Path | None = None) -> None:
    """Let a process grow to three times the limit of its group.

    Args:
        cgroups: Where a group is made, and removed again.
        python: The interpreter; by default the harness's.

    Raises:
        InfrastructureError: It was not killed, or the group does not say so, or something is left; the message says which.
    """
    group = cgroups.open(LIMIT_BYTES, 8)
    try:
        _grow(group, python or Path(sys.executable))
    finally:
        group.kill()
        group.close()
    left = [join.parent for join in group.joins if join.parent.exists()]
    if left:
        raise InfrastructureError(f"a trial left groups behind: {', '.join(map(str, left))}")


def _grow(group: Cgroup, python: Path) -> None:
    command = [str(python), "-I", "-S", "-c", _GROW, *map(str, group.joins)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrastructureError(f"a trial could not be made: {error}") from None
    if ended.returncode == 0:
        raise InfrastructureError(
            f"a process took {CEILING_BYTES >> 20} MB in a group of {LIMIT_BYTES >> 20} MB and was not stopped: "
            "the kernel counts no swap (boot it with swapaccount=1), or does not enforce the limit"
        )
    if ended.returncode != -signal.SIGKILL:
        said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1] if said else f"exit code {ended.returncode}"
        raise InfrastructureError(f"a process could not be put into its group: {reason}; {own_group_advice()}")
    if not group.was_out_of_memory():
        raise InfrastructureError(
            "a process that took too much was killed, but its group does not tell why; Linux 4.13 or newer does"
        )
