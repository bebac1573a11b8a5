"""Processes for scripts to lay hands on: a stand-in for the harness, with secrets in it, and a sibling."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CODE = """
import ctypes, sys
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1 & (2**64 - 1)), 0, 0, 0)  # Yama: anybody of this user may trace it
secret = ctypes.create_string_buffer(sys.stdin.readline().encode(), 64)
answers = open(sys.argv[1])
print(ctypes.addressof(secret), answers.fileno(), flush=True)
sys.stdin.read()
"""


class Victim:
    """A process that does nothing until it is told to end.

    Args:
        directory: Its working directory.
        answers: A file that it holds open.
        environment: Its whole environment, beside the search path.
        secret: What it holds in memory.
        argument: What its command line holds.

    Attributes:
        pid: Its number, and that of its process group.
        address: Where its secret lies.
        descriptor: Its descriptor of the open file.
    """

    def __init__(
        self, directory: Path, answers: Path, environment: Mapping[str, str], secret: str, argument: str
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CODE, str(answers), argument],
            cwd=directory,
            env={"PATH": os.defpath, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(secret + "\n")
        self._process.stdin.flush()
        self.pid = self._process.pid
        self.address, self.descriptor = map(int, self._process.stdout.readline().split())
        self._before = self._standing()

    def state(self) -> str | None:
        """Return `ended`, `stopped`, `slowed` (another priority, other cores, other limits) or None."""
        if self._process.poll() is not None:
            return "ended"
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state in "tT":
            return "stopped"
        if state in "ZX":
            return "ended"
        return "slowed" if self._standing() != self._before else None

    def end(self) -> None:
        """End it, whatever state it is in."""
        self._process.kill()
        self._process.communicate()

    def _standing(self) -> tuple[Any, ...]:
        return (
            os.getpriority(os.PRIO_PROCESS, self.pid),
            os.sched_getscheduler(self.pid),
            os.sched_getaffinity(self.pid),
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE),
            Path(f"/proc/{self.pid}/oom_score_adj").read_text(),
        )
