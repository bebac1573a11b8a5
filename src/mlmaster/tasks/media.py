"""Files of rows, kept once for all views: the harness's own copies, to which views hold hard links.

The store never shares a file with the user: each is cloned (where the filesystem can) or copied when a view first needs
it, read-only and with a flat time. A view's file is a link to the store's, so many views cost the bytes of one. The price
is that a script that changes a linked file changes it in every view, and that a file's change time (which no script can
set) moves as well when another view is built or thrown away. So the store keeps a ledger of every change time that is its
own doing: a file with another one was changed by somebody else, and `is_intact` says so.

    <pool>/media/files/<path in the task's folder>      ledger.json      lock

Files that are few and small are copied into each view instead: see `SHARED_FROM_FILES`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mlmaster.tasks.rebuild import WRITTEN_AT
from mlmaster.tasks.writing import write_whole

SHARED_FROM_FILES = 2_000
SHARED_FROM_BYTES = 64 * 2**20
"""A task with at least so many files of rows, or bytes in them, keeps them in a store; below, views hold copies."""

FOLDER = "media"
_FICLONE = 0x40049409  # linux/fs.h; fcntl names it only from Python 3.14 on
_TIME_NS = WRITTEN_AT * 10**9


class MediaStore:
    """The store of one pool. One thread at a time may change it, within `changing`.

    Args:
        pool: The pool's folder.
        source: The task's folder. Only files below it are kept; others are copied.
    """

    def __init__(self, pool: Path, source: Path) -> None:
        self._home = pool / FOLDER
        self._files = self._home / "files"
        self._source = f"{source}/"
        self._changed: dict[int, int] = {}
        """The ledger. By inode: the change time after the store's own last doing."""
        self._folders: set[str] = set()
        self._clones = True
        """Until the filesystem refuses once."""

    def open(self) -> bool:
        """Take up what an earlier process kept; return False when it is not as that process left it."""
        self._changed = _read_ledger(self._home) or {}
        return self.is_whole()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep everybody from asking for change times while they move, then write them down."""
        self._files.mkdir(parents=True, exist_ok=True)
        with _locked(self._home, fcntl.LOCK_EX):
            try:
                yield
            finally:
                write_whole(self._home / "ledger.json", json.dumps(self._changed))

    def place(self, origin: str, destination: str) -> None:
        """Put a file of the task into a view: a link to the store's file, or a copy where no link can be made."""
        name = origin.removeprefix(self._source)
        if name == origin:
            shutil.copyfile(origin, destination)
            return
        kept = f"{self._files}/{name}"
        try:
            status = os.lstat(kept)
        except FileNotFoundError:
            status = self._keep(origin, kept)
        if self._changed.get(status.st_ino) != status.st_ctime_ns:  # not ours any more: leave it found out
            shutil.copyfile(origin, destination)
            return
        try:
            os.link(kept, destination, follow_symlinks=False)
        except OSError:  # another device, or as many links as the filesystem allows
            shutil.copyfile(kept, destination)
            return
        self._changed[status.st_ino] = os.lstat(kept).st_ctime_ns

    def release(self, folder: Path) -> None:
        """Take the links out of a view that is to be thrown away, so that change times stay known."""
        for directory, folders, names in os.walk(folder):
            for path in [Path(directory), *(Path(directory, name) for name in folders)]:
                if not path.is_symlink():
                    path.chmod(0o755)
            for name in names:
                path = Path(directory, name)
                status = path.lstat()
                if self._changed.get(status.st_ino) == status.st_ctime_ns:
                    with path.open("rb") as file:
                        path.unlink()
                        self._changed[status.st_ino] = os.fstat(file.fileno()).st_ctime_ns

    def is_whole(self) -> bool:
        """Return False when any kept file was changed by anything but the store, or is gone or new."""
        count = sum(len(names) for _, _, names in os.walk(self._files))
        return count == len(self._changed) and _is_as_known(self._files, self._changed)

    def forget(self) -> None:
        """Know of no file any more; the caller removes the folder."""
        self._changed.clear()
        self._folders.clear()

    def _keep(self, origin: str, kept: str) -> os.stat_result:
        """Bring a file into the store. One that a killed process left half-written is in no ledger: `is_whole` sees it."""
        folder = kept.rpartition("/")[0]
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        with Path(origin).open("rb", buffering=0) as readable, Path(kept).open("xb", buffering=0) as writable:
            try:
                self._clones = self._clones and _clone(readable, writable)
                if not self._clones:
                    shutil.copyfileobj(readable, writable)
                os.fchmod(writable.fileno(), 0o444)
                os.utime(writable.fileno(), (WRITTEN_AT, WRITTEN_AT))
                status = os.fstat(writable.fileno())
            except BaseException:
                Path(kept).unlink()
                raise
        self._changed[status.st_ino] = status.st_ctime_ns
        return status


def is_intact(view: Path) -> bool:
    """Return False when a file that a view shares with others was changed by anything but its pool.

    Waits while a view is being built. A folder that no pool made shares nothing.
    """
    home = view.absolute().parent.parent / FOLDER
    if not (home / "lock").exists():
        return True
    with _locked(home, fcntl.LOCK_SH):
        changed = _read_ledger(home)
        return changed is not None and _is_as_known(view, changed)


@contextmanager
def _locked(home: Path, how: int) -> Iterator[None]:
    with (home / "lock").open("a") as lock:
        fcntl.flock(lock, how)
        yield


def _read_ledger(home: Path) -> dict[int, int] | None:
    try:
        known = json.loads((home / "ledger.json").read_text(encoding="ascii"))
        return {int(inode): changed for inode, changed in known.items()}
    except (OSError, ValueError):
        return None


def _is_as_known(folder: Path, changed: dict[int, int]) -> bool:
    for directory, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(f"{directory}/{name}")
            known = changed.get(status.st_ino)
            if known is None:
                if status.st_nlink > 1:
                    return False
            elif known != status.st_ctime_ns or status.st_mtime_ns != _TIME_NS:
                return False
    return True


def _clone(readable: BinaryIO, writable: BinaryIO) -> bool:
    """Let a new file share another one's blocks; return False where the filesystem cannot."""
    try:
        fcntl.ioctl(writable.fileno(), _FICLONE, readable.fileno())
    except OSError:
        return False
    return True
