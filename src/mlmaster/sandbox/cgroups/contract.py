"""What a control group is to the sandbox, whatever the kernel's version of it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Cgroup(Protocol):
    """One evaluation's group. All methods raise `InfrastructureError` where the kernel refuses."""

    @property
    def joins(self) -> tuple[Path, ...]:
        """Files to which a process writes its own number ("0" will do) to come in.

        It must do so with the rights of the harness, before it gives them up and before it runs anything: memory that
        a process holds already stays with the group it came from.
        """
        ...

    def used_bytes(self) -> int:
        """Return the memory held now, files held in memory included, without page cache that can be reclaimed."""
        ...

    def peak_bytes(self) -> int:
        """Return the most memory known to have been held, 0 when nothing is known.

        The kernel keeps a peak only with page cache, which would make every script that reads a large file look large. So
        this is the largest `used_bytes` that was asked for, and the kernel's peak where memory ran out: page cache is
        gone by then.
        """
        ...

    def was_out_of_memory(self) -> bool:
        """Return True when the kernel killed a process of this group for want of memory."""
        ...

    def cpu_s(self) -> float | None:
        """Return the processor seconds of all processes, ended ones included; None where they are not counted."""
        ...

    def kill(self) -> None:
        """Kill every process in the group, until it is empty.

        Raises:
            InfrastructureError: A process does not die.
        """
        ...

    def close(self) -> None:
        """Remove the group, which must be empty; does nothing when it is removed already."""
        ...


class Cgroups(Protocol):
    """A place where groups can be made. Thread-safe.

    Attributes:
        name: "cgroup v1", "cgroup v2" or "systemd-run".
    """

    @property
    def name(self) -> str:
        """Return which kind this is."""
        ...

    def open(self, memory_bytes: int, processes: int) -> Cgroup:
        """Make a group with limits.

        Args:
            memory_bytes: What all processes together may hold, swap included. One that takes more is killed.
            processes: How many processes there may be. The kernel counts threads too, so `MOST_THREADS` times as many
                tasks are allowed, and a few; forking fails beyond.

        Raises:
            InfrastructureError: The kernel refuses.
        """
        ...

    def close(self) -> None:
        """Kill what still runs in its groups and remove all that was made for this harness."""
        ...
