"""What a script may use, and what came of running it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Fault(StrEnum):
    """Why a node failed: each an outcome of the node, never the end of the run.

    INFRASTRUCTURE is ours: retried, never blamed on the script, earns nothing. CANCELLED never reaches the tree: the
    harness itself stopped the evaluation.
    """

    ERROR = "error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    DISK = "disk"
    INVALID_SUBMISSION = "invalid_submission"
    POLICY = "policy"
    INFRASTRUCTURE = "infrastructure"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one evaluation, for the whole process tree.

    Attributes:
        wall_s, cpu_s: Seconds; processor seconds of all processes together.
        memory_bytes: Memory of all processes together, files held in memory included.
        disk_bytes: What may be written to disk.
        log_bytes: How much of the output is kept.
        threads: How many threads the numerical libraries use, and how many cores the script gets.
        processes: How many processes there may be at once.
        open_files: How many descriptors each process may have.
    """

    wall_s: float
    memory_bytes: int
    disk_bytes: int
    log_bytes: int = 256 * 1024
    threads: int = 1
    cpu_s: float = math.inf
    processes: int = 256
    open_files: int = 4096


@dataclass(frozen=True, slots=True)
class Execution:
    """The record of one run of a script in a sandbox.

    Attributes:
        exit_code: The exit status, or None when a signal ended it.
        signal: The signal's number, or None.
        fault: None exactly when the script ended by itself with status 0.
        detail: One line for a person: which limit, which exception.
        wall_s, cpu_s: Seconds, whole process tree.
        peak_bytes: Peak resident memory of the process tree.
        log: Head and tail of stdout and stderr together, at most `Limits.log_bytes`.
        directory: The evaluation's own directory; holds what the script wrote. The caller deletes it.
    """

    exit_code: int | None
    signal: int | None
    fault: Fault | None
    detail: str
    wall_s: float
    cpu_s: float
    peak_bytes: int
    log: str
    directory: Path
