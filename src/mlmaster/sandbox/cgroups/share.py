"""How much memory this process may use: the machine's, or less where a control group, as a container's, bounds it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups.files import Files, KernelFiles, numbers
from mlmaster.sandbox.cgroups.places import own_group

_PROC = Path("/proc/self")


def memory_bytes(proc: Path = _PROC, files: Files | None = None) -> int:
    """Return the bytes that this process and its children may hold.

    Args:
        proc: Folder of this process under /proc.
        files: The mounted groups; by default the kernel's.
    """
    return min([psutil.virtual_memory().total, *_limits(proc, files or KernelFiles())])


def _limits(proc: Path, files: Files) -> Iterator[int]:
    with contextlib.suppress(InfrastructureError, OSError, ValueError, KeyError):
        stat = numbers(files.read(own_group("memory", proc, files) / "memory.stat"))
        yield stat["hierarchical_memory_limit"]
    with contextlib.suppress(InfrastructureError, OSError, ValueError):
        group = own_group("", proc, files)
        while True:  # the root of the mounted tree has no such file, which ends this
            limit = files.read(group / "memory.max").strip()
            if limit != "max":
                yield int(limit)
            group = group.parent
