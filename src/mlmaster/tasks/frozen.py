"""Files of the user's that decide scores (`split.py`, `metric.py`): kept by a run as they were when it began.

A run whose rules of scoring change under it would compare what cannot be compared; so a resume refuses to go on.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlmaster.errors import DataError, RunDirectoryError
from mlmaster.tasks.writing import write_whole


def read_source(path: Path) -> bytes:
    """Return the content of a file of the user's.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; put it back, or correct its name in task.yaml"
        ) from error


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def freeze(folder: Path, path: Path) -> str:
    """Keep a copy of a file in a folder of the run, or compare it with the copy kept there; return its SHA-256.

    Raises:
        DataError: The file cannot be read.
        RunDirectoryError: It is not what it was when the run began, or the copy cannot be written.
    """
    content, kept = read_source(path), folder / path.name
    if kept.exists():
        before = kept.read_bytes()
        if before != content:
            raise RunDirectoryError(
                f"{path} has changed since the run began (sha256 {digest(before)[:12]}, now {digest(content)[:12]}), "
                f"and its scores would no longer compare; put the old file back (a copy is {kept}), or start a new run"
            )
    else:
        keep(kept, content)
    return digest(content)


def keep(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        RunDirectoryError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be written: {error.strerror}") from error
