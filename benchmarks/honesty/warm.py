"""A sandbox for this benchmark alone: scripts are forked from a process that has the libraries loaded.

A fresh interpreter pays 3 to 6 s of imports in each evaluation, most of the time of a small task. The scripts run here are
the offline engineer's own, so nothing is isolated: same user, same files, same network; of the limits only the wall time
holds. Never use it for code of unknown origin; `mlmaster.sandbox` is for that.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from threading import Event as Flag
from threading import Lock
from typing import Any

from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.errors import InfrastructureError
from mlmaster.sandbox import environment
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.log import Log
from mlmaster.sandbox.verdict import judge
from mlmaster.sandbox.views import Views
from mlmaster.sandbox.watchdog import Breach

_POLL_S = 0.25


class WarmSandbox:
    """Runs scripts in forks of a zygote, one at a time; implements `mlmaster.ports.Sandbox` but for the limits.

    Args:
        root: Where the evaluations' directories are made; made when absent.
        address: Socket of the zygote.
        wall_s: What a script may take, whatever the limits say.

    Attributes:
        runs, cpu_s: Scripts run so far, and their processor seconds.
    """

    name = "warm-fork"

    def __init__(self, root: Path, address: Path, wall_s: float) -> None:
        self.runs, self.cpu_s = 0, 0.0
        self._root, self._wall_s = root.absolute(), wall_s
        self._views = Views(copy_up_to_bytes=64 * 2**20, copy_up_to_files=100)
        self._lock = Lock()
        self._is_closing = Flag()
        self._connection = _connect(address)

    def run(self, code: str, view: Path, limits: Limits, cancel: Flag) -> Execution:
        """Run one script; see `mlmaster.ports.Sandbox.run`."""
        with self._lock:
            if self._is_closing.is_set():
                raise InfrastructureError("the sandbox is closed")
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory = EvaluationDirectory.lay_out(self._root, code, view, self._views)
            log = directory.private / "log"
            request = {
                "directory": str(directory.path),
                "log": str(log),
                "environment": environment.build(
                    os.environ, directory.home, directory.temporary, limits.threads, directory.path.name
                ),
                "wall_s": self._wall_s,
            }
            answer = self._ask(request, cancel)
            printed = Log(limits.log_bytes)
            printed.write(log.read_bytes() if log.exists() else b"")
            directory.settle()
        self.runs += 1
        self.cpu_s += answer["cpu_s"]
        verdict = judge(
            answer["wait_status"],
            self._breach(answer["ended"]),
            printed.text(),
            answer["peak_bytes"],
            limits,
            kernel_killed=False,
        )
        return Execution(
            exit_code=verdict.exit_code,
            signal=verdict.signal,
            fault=verdict.fault,
            detail=verdict.detail,
            wall_s=answer["wall_s"],
            cpu_s=answer["cpu_s"],
            peak_bytes=answer["peak_bytes"],
            log=printed.text(),
            directory=directory.path,
        )

    def close(self) -> None:
        """End the script that runs, and let go of the zygote."""
        self._is_closing.set()
        with self._lock:
            self._connection.close()

    def _breach(self, ended: str) -> Breach | None:
        if ended == "timeout":
            return Breach(Fault.TIMEOUT, f"ran longer than {self._wall_s:g} s")
        return Breach(Fault.CANCELLED, "cancelled") if ended == "cancelled" else None

    def _ask(self, request: dict[str, Any], cancel: Flag) -> dict[str, Any]:
        received, has_cancelled = b"", False
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            while not received.endswith(b"\n"):
                if (cancel.is_set() or self._is_closing.is_set()) and not has_cancelled:
                    self._connection.sendall(b"\n")
                    has_cancelled = True
                try:
                    data = self._connection.recv(1 << 16)
                except TimeoutError:
                    continue
                if not data:
                    raise InfrastructureError("the zygote has ended; look at its log")
                received += data
        except OSError as error:
            raise InfrastructureError(f"the zygote cannot be reached: {error}") from error
        answer: dict[str, Any] = json.loads(received)
        return answer


def _connect(address: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(address))
    except OSError as error:
        connection.close()
        raise InfrastructureError(f"no zygote answers at {address}: {error}") from error
    connection.settimeout(_POLL_S)
    return connection
