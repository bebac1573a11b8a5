"""How a script's supervisor comes to be: in a fresh interpreter, or as a fork of a warm one (`warm.py`)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

INSIDE = Path(__file__).with_name("inside") / "main.py"


class Supervisor(Protocol):
    """The process between the harness and a script, see `inside/supervisor.py`."""

    pid: int

    def kill(self) -> None:
        """Kill it, if it is still there; never another process that has its number."""
        ...

    def forget(self) -> None:
        """Release what is held of it; it has ended or was killed."""
        ...


class Start(Protocol):
    """A way of starting supervisors. Used by several threads."""

    name: str

    @property
    def is_warm(self) -> bool:
        """Return True where scripts are played by forks, and False where they are executed."""
        ...

    def start(self, lifeline: int, status: int, output: int) -> Supervisor:
        """Start one with these three descriptors, which stay the caller's to close.

        Raises:
            OSError: It cannot be started.
            InfrastructureError: The same.
        """
        ...

    def close(self) -> None:
        """Release everything; supervisors that run go on."""
        ...


class FreshSupervisor:
    """A child of the harness."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self._process = process

    def kill(self) -> None:
        """Kill it; its number is ours until `forget`."""
        os.kill(self.pid, signal.SIGKILL)

    def forget(self) -> None:
        """Collect it."""
        self._process.kill()
        self._process.wait()


class FreshStart:
    """Starts an interpreter for each script."""

    name = "cold"
    is_warm = False

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._python = python
        self._environment = dict(environment)

    def start(self, lifeline: int, status: int, output: int) -> FreshSupervisor:
        """See `Start.start`."""
        process = subprocess.Popen(
            [self._python, "-I", "-S", str(INSIDE), "start", *map(str, (lifeline, status, output))],
            cwd="/",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lifeline, status, output),
            start_new_session=True,
        )
        return FreshSupervisor(process)

    def close(self) -> None:
        """Nothing is held."""
