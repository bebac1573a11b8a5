"""What a validation server takes and spends at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a validation server.

    Attributes:
        upload_bytes: Largest submission that is taken.
        free_bytes: What uploads leave free on the disk.
        idle_s: Seconds an upload may stand still.
        grading_s: Seconds a submission may take to grade.
        memory_bytes: Memory that grading a submission may take.
        closing_s: Seconds that calls under way have to end when the server is stopped.
    """

    upload_bytes: int = 2 * 2**30
    free_bytes: int = 256 * 2**20
    idle_s: float = 60.0
    grading_s: float = 900.0
    memory_bytes: int = 8 * 2**30
    closing_s: int = 10


def usable_memory() -> int:
    """Return three quarters of this machine's memory, in bytes."""
    import psutil

    return int(psutil.virtual_memory().total * 3 // 4)
