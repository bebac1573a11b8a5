"""Why a script ended, told from its exit status, its last words and what the watchdog saw."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from mlmaster.core.execution import Fault, Limits
from mlmaster.sandbox.log import last_exception
from mlmaster.sandbox.watchdog import Breach

_NEAR_THE_LIMIT = 0.8
_LAST_WORDS = 4000
_MEMORY = re.compile(r"MemoryError|OutOfMemory|bad_alloc|bad allocation|Cannot allocate memory|out of memory", re.I)
_DISK = re.compile(r"\[Errno (27|28|122)\]|No space left on device|File too large|Disk quota exceeded")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a script, as `mlmaster.core.execution.Execution` names it."""

    exit_code: int | None
    signal: int | None
    fault: Fault | None
    detail: str


def judge(
    wait_status: int | None, breach: Breach | None, log: str, peak_bytes: int, limits: Limits, kernel_killed: bool
) -> Verdict:
    """Return the verdict.

    Args:
        wait_status: As `os.waitpid` gives it; None when the supervisor vanished before it could tell.
        breach: What the harness ended or condemned the script for, if it did.
        log: What the script printed.
        peak_bytes: The most memory it held.
        limits: Its limits.
        kernel_killed: True when the kernel killed some process for want of memory meanwhile.
    """
    code = None if wait_status is None else os.waitstatus_to_exitcode(wait_status)
    exit_code = code if code is not None and code >= 0 else None
    number = -code if code is not None and code < 0 else None
    if breach is not None:
        # the signal that ended a tree whose supervisor is gone as well can only be ours
        number = signal.SIGKILL.value if code is None else number
        return Verdict(exit_code, number, breach.fault, breach.detail)
    if code is None:
        return Verdict(None, None, Fault.POLICY, "killed the process that supervises it")
    if code == 0:
        return Verdict(0, None, None, "")
    line = last_exception(log)
    if code > 0:
        return Verdict(code, None, _of_exception(line), line or f"exit status {code}")
    return Verdict(None, number, *_of_signal(-code, line, log, peak_bytes, limits, kernel_killed))


def _of_exception(line: str) -> Fault:
    if _MEMORY.search(line):
        return Fault.OUT_OF_MEMORY
    return Fault.DISK if _DISK.search(line) else Fault.ERROR


def _of_signal(
    number: int, line: str, log: str, peak_bytes: int, limits: Limits, kernel_killed: bool
) -> tuple[Fault, str]:
    name = f"signal {number}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
    if number == signal.SIGXFSZ:
        return Fault.DISK, f"{name}: wrote a file of more than {limits.disk_bytes} bytes"
    if number == signal.SIGKILL and (kernel_killed or peak_bytes > _NEAR_THE_LIMIT * limits.memory_bytes):
        return Fault.OUT_OF_MEMORY, f"{name}, holding {peak_bytes / 2**20:,.0f} MB: killed for want of memory"
    if number == signal.SIGABRT and _MEMORY.search(log[-_LAST_WORDS:]):
        return Fault.OUT_OF_MEMORY, f"{name}: a library could not allocate memory"
    return Fault.ERROR, f"ended by {name}" + (f" after: {line}" if line else "")


def kernel_kills() -> int:
    """Return how many processes the kernel has killed for want of memory since it started; 0 where it does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
