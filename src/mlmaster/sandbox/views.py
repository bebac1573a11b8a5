"""How a view is shown as `./input/`: by a read-only mount, as a read-only copy, or as a link.

A mount costs nothing and nothing gets through it. A copy costs a clone of blocks where the filesystem can (btrfs, XFS,
bcachefs), else one pass over the bytes. A link exposes the pool's own files: where scripts run as the harness's user, what
one does to them is noticed afterwards, not prevented.

Views may share files among each other (hard links). The change time of such a file moves when another view is built or
thrown away, so it proves nothing here; who builds the views knows which moves were its own, and is asked.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Lock

from mlmaster.errors import InfrastructureError

_FICLONE = 0x40049409  # linux/fs.h; fcntl names it only from Python 3.14 on


class Showing(Enum):
    """How views come before scripts."""

    MOUNT = "mount"
    """The script's mounts show it; here only the folder to mount it on is made."""
    LINK = "link"
    """A link; the script cannot change what is there, being another user."""
    COPY = "copy"
    """A copy, but for views too big to be copied: these are linked and checked for changes afterwards."""
    COPY_OR_LINK = "copy or link"
    """A copy of a small view, a link to a big one, which is checked for changes afterwards."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A view as one script sees it.

    Attributes:
        mounted: What is to be mounted as `input`, or None.
        linked: What `input` links to, or None.
        targets: Files outside the view to which links in it lead.
        fingerprint: What `is_unchanged` asks for afterwards; None where nothing can have changed.
    """

    mounted: Path | None = None
    linked: Path | None = None
    targets: tuple[Path, ...] = ()
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int
    changed: tuple[int, int, int]


class Views:
    """Shows views, and remembers what the linked ones looked like at first sight.

    Args:
        copy_up_to_bytes: A view with more bytes is linked, where there is a choice.
        copy_up_to_files: A view with more files is linked, where there is a choice.
        is_intact: Tells whether files that a view shares with others are as they were built; without it, a change time
            that moves counts as a change.
    """

    def __init__(
        self, copy_up_to_bytes: int, copy_up_to_files: int, is_intact: Callable[[Path], bool] | None = None
    ) -> None:
        self._copy_up_to_bytes = copy_up_to_bytes
        self._copy_up_to_files = copy_up_to_files
        self._first: dict[tuple[Path, int], bytes] = {}
        self._seen: dict[tuple[Path, int], tuple[tuple[Path, ...], bool]] = {}
        self._is_intact = is_intact
        self._held: dict[tuple[Path, int], int] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Let go of the views; nothing is remembered of them."""
        with self._lock:
            for descriptor in self._held.values():
                os.close(descriptor)
            for known in (self._held, self._first, self._seen):
                known.clear()

    def show(
        self, view: Path, target: Path, showing: Showing = Showing.COPY_OR_LINK, *, is_for_another: bool = False
    ) -> Shown:
        """Make `target` show the view.

        Args:
            view: What is shown.
            target: Where; must not be there yet.
            showing: How; a view with files that the script's user may not read is copied.
            is_for_another: True when the script's user is not the harness's.

        Raises:
            InfrastructureError: The view is not a folder, holds something that is neither file nor folder, or was
                changed since it was first linked.
        """
        if not view.is_dir():
            raise InfrastructureError(f"the view {view} is not a folder; build it before running a script on it")
        key = self._identify(view)
        resolved = key[0]
        if showing in (Showing.MOUNT, Showing.LINK):
            targets, is_open = self._look_at(key)
            if is_for_another and not is_open:
                _copy(view, target)
                return Shown()
            if showing is Showing.MOUNT:
                target.mkdir(mode=0o755)
                return Shown(mounted=resolved, targets=targets)
            target.symlink_to(resolved, target_is_directory=True)
            return Shown(linked=resolved, targets=targets)
        files = self._files(view)
        is_small = sum(f.size for f in files) <= self._copy_up_to_bytes and (
            len(files) <= self._copy_up_to_files or showing is Showing.COPY
        )
        if is_small and key not in self._first:  # one that was linked and is small now was emptied
            _copy(view, target)
            return Shown()
        fingerprint = _fingerprint(files)
        with self._lock:
            first = self._first.setdefault(key, fingerprint)
        if first != fingerprint or (self._is_intact is not None and not self._is_intact(view)):
            raise InfrastructureError(f"the view {view} was changed since it was first used; delete and build it anew")
        target.symlink_to(resolved, target_is_directory=True)
        return Shown(linked=resolved, targets=self._look_at(key)[0], fingerprint=fingerprint)

    def _identify(self, view: Path) -> tuple[Path, int]:
        """Return what tells a view from one built anew under its name.

        It is held open: filesystems give the number of a folder that was deleted to the next one.
        """
        resolved = view.resolve()
        descriptor = os.open(resolved, os.O_RDONLY | os.O_DIRECTORY)
        key = (resolved, os.fstat(descriptor).st_ino)
        with self._lock:
            if self._held.setdefault(key, descriptor) != descriptor:
                os.close(descriptor)
        return key

    def _look_at(self, key: tuple[Path, int]) -> tuple[tuple[Path, ...], bool]:
        """Return where links inside a view lead, and whether every user may read all of it. Looked at once."""
        if key not in self._seen:
            self._seen[key] = _look_at(key[0])
        return self._seen[key]

    def is_unchanged(self, view: Path, fingerprint: bytes) -> bool:
        """Return False when a linked view no longer is what `show` linked."""
        try:
            is_same = view.is_dir() and _fingerprint(self._files(view)) == fingerprint
            return is_same and (self._is_intact is None or self._is_intact(view))
        except (OSError, InfrastructureError):
            return False

    def _files(self, view: Path) -> list[_File]:
        return _files(view, has_witness=self._is_intact is not None)


def _fingerprint(files: list[_File]) -> bytes:
    return hashlib.sha256(repr(sorted((file.path, file.size, file.changed) for file in files)).encode()).digest()


def _files(view: Path, *, has_witness: bool) -> list[_File]:
    """Return every file of the view; links inside a view are the harness's own and are followed."""
    found = []
    for folder, folders, names in os.walk(view, followlinks=True, onerror=_refuse):
        folders.sort()
        for name in names:
            path = Path(folder, name)
            try:
                status = path.stat()
            except OSError as error:
                raise InfrastructureError(f"the view's file {path} cannot be read: {error}") from error
            if not stat.S_ISREG(status.st_mode):
                raise InfrastructureError(f"the view {view} holds {path}, which is neither a file nor a folder")
            # ctime as well: a script can set mtime back, not ctime
            is_shared = has_witness and status.st_nlink > 1
            changed = (status.st_mtime_ns, -1 if is_shared else status.st_ctime_ns, status.st_ino)
            found.append(_File(os.path.relpath(path, view), status.st_size, changed))
    return found


def _look_at(view: Path) -> tuple[tuple[Path, ...], bool]:
    """Return where links, the harness's own, lead out of a view; and whether every user may read all of it."""
    targets: set[Path] = set()
    is_open = _is_open_to_all(view.stat().st_mode)
    pending = [str(view)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                is_open = is_open and _is_open_to_all(entry.stat().st_mode)
                if entry.is_symlink():
                    link = Path(entry.path)
                    targets |= {link.parent / link.readlink(), link.resolve()}
                elif entry.is_dir():
                    pending.append(entry.path)
    return tuple(sorted(path for path in targets if not path.is_relative_to(view))), is_open


def _is_open_to_all(mode: int) -> bool:
    wanted = 0o005 if stat.S_ISDIR(mode) else 0o004
    return mode & wanted == wanted


def _refuse(error: OSError) -> None:
    raise InfrastructureError(f"the view's folder {error.filename} cannot be read: {error}") from error


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir():
                _copy(Path(entry.path), target / entry.name)
            else:
                _copy_file(Path(entry.path), target / entry.name)
    target.chmod(0o555)


def _copy_file(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as readable, target.open("xb") as writable:
            fcntl.ioctl(writable.fileno(), _FICLONE, readable.fileno())
    except OSError:  # no reflinks here
        shutil.copyfile(source, target)
    target.chmod(0o444)
