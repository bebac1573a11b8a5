"""Folders that a script had to itself: measured, opened up and deleted, whatever it made of them.

A tree may be deeper than a path can be long, hold folders without rights, be changed while it is measured, or have links
put in the place of its folders. So folders are opened one below the other, never by a whole path, and no link is followed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_LEAST_ENTRY_BYTES = 4096
_MOST_OPEN = 64
"""Folders held open at once. A chain of folders, however long, takes one; it takes malice to need more than a few."""
_DEEPEST_BY_PYTHON = 32
"""`shutil.rmtree` holds a descriptor for every level, which the harness's other threads would be short of."""
_BY_PATH = getattr(os, "O_PATH", 0)


class _TooEntangledError(Exception):
    """More folders would have to be held open than is reasonable."""


def used_bytes(*folders: Path, enough: int | None = None) -> int:
    """Return the bytes on disk below the folders; an entry counts at least 4 KiB.

    Args:
        folders: Where to look; what is not there, or closed to us, counts nothing.
        enough: Counting ends beyond so many bytes: a script could else add folders as fast as they are counted. A tree too
            entangled to be counted has more than that.
    """
    total = 0
    try:
        for folder in folders:
            for _, entry in _walk(folder, opens_up=False):
                with contextlib.suppress(OSError):
                    total += max(entry.stat(follow_symlinks=False).st_blocks * 512, _LEAST_ENTRY_BYTES)
                if enough is not None and total > enough:
                    return total
    except _TooEntangledError:
        return sys.maxsize if enough is None else enough + 1
    return total


def owned_bytes(folder: Path, user: int) -> int:
    """Return the bytes of what one user has put into a folder that others use as well."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                if found.st_uid == user:
                    total += found.st_blocks * 512 + used_bytes(Path(entry.path))
    return total


def open_up(folder: Path) -> int:
    """Give the owner every right to a folder and those below, whatever a script made of them; return how deep they go."""
    deepest = 0
    try:
        for depth, _ in _walk(folder, opens_up=True):
            deepest = max(deepest, depth)
    except _TooEntangledError:
        return sys.maxsize
    return deepest


def allow(folder: str, parent: int | None = None) -> None:
    """Give the owner every right to one folder, and to nothing that takes its place meanwhile.

    Raises:
        OSError: It is no folder, or not ours.
    """
    if not _BY_PATH:  # not Linux
        mode = os.stat(folder, dir_fd=parent, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
            os.chmod(folder, mode & 0o777 | 0o700, dir_fd=parent, follow_symlinks=False)
        return
    descriptor = os.open(folder, _BY_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        mode = os.fstat(descriptor).st_mode
        if mode & 0o700 != 0o700:
            # by that name, as `fchmod` refuses a descriptor that only names its file
            Path(f"/proc/self/fd/{descriptor}").chmod(mode & 0o777 | 0o700)
    finally:
        os.close(descriptor)


def delete(path: Path) -> None:
    """Delete a file, a link or a whole folder, whatever rights and depth a script gave it; absent is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if open_up(path) <= _DEEPEST_BY_PYTHON:
        with contextlib.suppress(OSError):
            shutil.rmtree(path)
    commands = (["rm", "-rf"], ["chmod", "-R", "u+rwx"], ["rm", "-rf"])
    for command in commands:  # these go to any depth
        if os.path.lexists(path):
            subprocess.run([*command, "--", str(path)], check=False, stdin=subprocess.DEVNULL, capture_output=True)


def _walk(top: Path, *, opens_up: bool) -> Iterator[tuple[int, os.DirEntry[str]]]:
    """Yield (depth, entry) of all that is below a folder; an entry can be asked until the next one is.

    Raises:
        _TooEntangledError: See there.
    """
    first = _enter(str(top), None, opens_up)
    if first is None:
        return
    # open folders, their depth, and those of their folders that are still to be entered
    pending: list[tuple[int, int, list[str]]] = []
    found: tuple[int, int] | None = (first, 1)
    try:
        while found is not None or pending:
            if found is not None:
                folder, depth = found
                names: list[str] = []
                pending.append((folder, depth, names))
                if len(pending) > _MOST_OPEN:
                    raise _TooEntangledError
                with contextlib.suppress(OSError), os.scandir(folder) as entries:
                    for entry in entries:
                        yield depth, entry
                        with contextlib.suppress(OSError):
                            if entry.is_dir(follow_symlinks=False):
                                names.append(entry.name)
            folder, depth, names = pending[-1]
            below = _enter(names.pop(), folder, opens_up) if names else None
            if not names:  # the last one does not need the folder above it
                pending.pop()
                os.close(folder)
            found = None if below is None else (below, depth + 1)
    finally:
        for folder, _, _ in pending:
            os.close(folder)


def _enter(name: str, parent: int | None, opens_up: bool) -> int | None:
    """Return a descriptor of a folder, None when it cannot be opened or is none any more."""
    with contextlib.suppress(OSError):
        if opens_up:
            allow(name, parent)
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    return None
