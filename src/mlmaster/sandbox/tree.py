"""All processes of one evaluation: found, measured, and ended for good.

While the supervisor lives, everything the script starts is below it, daemons included (it adopts orphans). Should a
script kill its supervisor, its processes are known by having been seen or by the token in their environment. A process
that escapes both, with another environment and started in the last tenth of a second, is not found.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.environment import TOKEN

_ROUNDS = 500
_ROUND_S = 0.01


class ProcessTree:
    """The processes below a supervisor, itself left out.

    Args:
        supervisor: Its process number.
        token: The value of `TOKEN` in the environment of every process of the evaluation.
    """

    def __init__(self, supervisor: int, token: str) -> None:
        self._supervisor = supervisor
        self._token = token
        self._seen: set[psutil.Process] = set()

    def members(self) -> list[psutil.Process]:
        """Return the living processes below the supervisor, and those once seen there."""
        with contextlib.suppress(psutil.Error):
            self._seen.update(psutil.Process(self._supervisor).children(recursive=True))
        self._seen = {process for process in self._seen if _is_alive(process)}
        return list(self._seen)

    def kill(self) -> None:
        """Kill every process of the evaluation but the supervisor, until none is left.

        Raises:
            InfrastructureError: A process does not die.
        """
        for _ in range(_ROUNDS):
            self.members()
            self._seen.update(self._strays())
            alive = [process for process in self._seen if _is_alive(process)]
            if not alive:
                return
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(_ROUND_S)
        raise InfrastructureError(f"processes of a script cannot be killed: {sorted(process.pid for process in alive)}")

    def _strays(self) -> Iterable[psutil.Process]:
        for pid in psutil.pids():
            if pid in (self._supervisor, os.getpid()):
                continue
            with contextlib.suppress(psutil.Error, OSError):  # gone meanwhile, or another user's
                process = psutil.Process(pid)
                if process.environ().get(TOKEN) == self._token:
                    yield process


def memory_bytes(processes: Iterable[psutil.Process], known_bytes: int) -> int:
    """Return the memory the processes hold, each shared page counted once; pages of mapped files are not counted.

    Counting shared pages once is dear, so it is done only where the cheap sum, which is never too small, would exceed
    what is known already.

    Args:
        processes: The processes of one evaluation.
        known_bytes: Its peak so far.
    """
    pids = [process.pid for process in processes]
    cheap = [_sum_of(f"/proc/{pid}/status", _CHEAP, pid) for pid in pids]
    if len(pids) < 2 or sum(cheap) <= known_bytes or sys.platform != "linux":
        return sum(cheap)
    return sum(
        _sum_of(f"/proc/{pid}/smaps_rollup", _EXACT, pid) or bound for pid, bound in zip(pids, cheap, strict=True)
    )


_CHEAP = (b"RssAnon:", b"RssShmem:", b"VmSwap:")
_EXACT = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")


def _sum_of(file: str, fields: tuple[bytes, ...], pid: int) -> int:
    """Return the sum of some fields, given in kB, of a file under /proc; where there is none, the resident memory."""
    if sys.platform != "linux":
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
        return 0
    with contextlib.suppress(OSError):
        lines = Path(file).read_bytes().splitlines()
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(fields))
    return 0


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False
