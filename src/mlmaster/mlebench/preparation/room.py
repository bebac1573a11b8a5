"""Whether the disk has room for what is to be written, asked before anything is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from mlmaster.errors import DataError

FreeBytes: TypeAlias = Callable[[Path], int]

MARGIN = 1.2
"""Prepared files may be larger than the raw ones they are made of by this factor."""

_DOWNLOAD_COPIES = 3
"""A download lies on the disk as the zip, unpacked and prepared."""


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk a folder lies on."""
    return shutil.disk_usage(folder).free


def require_room(name: str, needed_bytes: float, folder: Path, free: FreeBytes) -> None:
    """Make sure that a disk has room.

    Raises:
        DataError: It has not.
    """
    available = free(folder)
    if needed_bytes > available:
        raise DataError(
            f"{name}: needs about {_gigabytes(needed_bytes)} of disk and {_gigabytes(available)} are free at {folder}; "
            "make room, or name a folder on another disk with --data-dir"
        )


def download_bytes(size_gb: float | None) -> float:
    """Return how much a download of this size will take in the end, once prepared."""
    return (size_gb or 0.0) * 1e9 * _DOWNLOAD_COPIES


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
