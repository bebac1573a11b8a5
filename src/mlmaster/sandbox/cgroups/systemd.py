"""A group lent by systemd, where the harness's own cannot be divided: a scope, held open by a process that does nothing.

It is of use only where processes of the harness may be moved into it, which the kernel decides by the owner of the
group above both. So it serves under a desktop's terminal or a user's service and, as a rule, not in a session over SSH.
"""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups.contract import Cgroup
from mlmaster.sandbox.cgroups.files import Files
from mlmaster.sandbox.cgroups.v2 import CgroupsV2

_TIMEOUT_S = 10.0
_PROC = Path("/proc")


class SystemdCgroups:
    """Groups below a scope of systemd; see `Cgroups`.

    Args:
        program: `systemd-run`, or what stands in for it.
        proc: The folder that has one for each process.
        files: The mounted tree.

    Raises:
        InfrastructureError: systemd lends no group; the message says why.
    """

    name = "systemd-run"

    def __init__(self, program: str = "systemd-run", proc: Path = _PROC, files: Files | None = None) -> None:
        whose = ["--user"] if os.geteuid() else ["--no-ask-password"]
        scope = ["--scope", "--quiet", "--collect", "--property=Delegate=yes"]
        try:
            # `cat` ends with its input, and that with the harness, however it ends
            self._holder = subprocess.Popen(
                [program, *whose, *scope, "--", "cat"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise InfrastructureError(f"{program} cannot be started: {error.strerror}") from None
        try:
            self._wait_until_held(program)
            self._groups = CgroupsV2(proc / str(self._holder.pid), self._holder.pid, files)
        except BaseException:
            self._let_go()
            raise

    def open(self, memory_bytes: int, processes: int) -> Cgroup:
        """Make a group; see `Cgroups.open`."""
        return self._groups.open(memory_bytes, processes)

    def close(self) -> None:
        """Give the scope back; see `Cgroups.close`."""
        try:
            self._groups.close()
        finally:
            self._let_go()

    def _wait_until_held(self, program: str) -> None:
        """Wait until the program has turned into `cat`, within its scope."""
        process = self._holder
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended, and says why below
        ready, _, _ = select.select([process.stdout], [], [], _TIMEOUT_S)
        if not ready:
            raise InfrastructureError(f"{program} did not answer for {_TIMEOUT_S:g} s")
        if not os.read(process.stdout.fileno(), 1):
            said = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            raise InfrastructureError(f"{program} lends no scope: {said[-1] if said else 'it ended without a word'}")

    def _let_go(self) -> None:
        self._holder.kill()
        self._holder.communicate()
