"""The folder of a run that holds its views: each built once, completely or not at all, proven, then read-only.

`<pool>/<view>/` holds `input/` (what a script sees) and `stamp` (a hash of the plan and of the sources it was built from).
A view is built under a temporary name, scanned and renamed; whatever a killed process left half-built is thrown away.
`<pool>/sources.json` remembers the task's files as they were when the run began: by content where that is cheap to read,
else by size and time. `<pool>/media/` holds files of rows where views share them.

Views are not shared between runs, though equal runs could: to prove that a kept view still fits, all its sources would
have to be read again, which costs about what building it does, and a folder that outlives its run is one more place where
a script of one run could reach another's.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from threading import Lock, RLock

from mlmaster.errors import DataError, InfrastructureError, RunDirectoryError
from mlmaster.tasks.media import MediaStore
from mlmaster.tasks.rebuild import Plan, PlanError, materialise, row_numbers
from mlmaster.tasks.scan import scan_view
from mlmaster.tasks.writing import HALF_BUILT, write_whole

_ROW_FILES = "files of rows"
_READ_UP_TO_BYTES = 64 * 2**20
_SPARE_BYTES = 64 * 2**20
"""Left free beside the views."""

State = dict[str, list[int | str]]
"""By file: size, modification time in ns, and a hash of its content, or an empty one for what is big or a folder."""


class ViewPool:
    """Builds and keeps views. Safe to use from several threads of one process.

    Args:
        directory: The pool's own folder, made when absent.
        source: The task's folder.
        files: The task's files and folders (relative to `source`) whose change would make views differ.
        row_files: A hash of every name, size and time of files of rows.
        withheld: Columns that no view's test table may have.
        keys: Columns of train that name rows.
        shares_files: Whether views hold links to one copy of the files of rows, or copies of their own.
        free_bytes: Tells how much the disk of a folder can take.

    Raises:
        DataError: A file has changed since the pool was first made.
    """

    def __init__(
        self,
        directory: Path,
        source: Path,
        files: Iterable[str],
        *,
        row_files: str = "",
        withheld: Collection[str] = (),
        keys: Collection[str] = (),
        shares_files: bool = False,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._directory = directory
        self._source = source
        self._row_files = row_files
        self._withheld = frozenset(withheld)
        self._keys = tuple(keys)
        self._free_bytes = free_bytes
        self._guard = Lock()
        # Views that share files are built and thrown away one at a time: dropping the store drops them all.
        self._shared_lock = RLock()
        self._locks: defaultdict[str, Lock | RLock] = defaultdict((lambda: self._shared_lock) if shares_files else Lock)
        self._files = tuple(sorted(set(files)))
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.glob(f"{HALF_BUILT}*"):
            discard(left)
        self._remembered = self._remember()
        self._stamp = json.dumps([[name, *_content(state)] for name, state in sorted(self._remembered.items())])
        self._store = MediaStore(directory, source) if shares_files else None
        if self._store is not None and not self._store.open():
            self._drop_shared(self._store)

    def reserve(self, need_bytes: int) -> None:
        """Refuse to go on when the disk cannot hold so many bytes of views; what stands already counts as held.

        Raises:
            RunDirectoryError: There is too little room.
        """
        free = self._free_bytes(self._directory) - _SPARE_BYTES
        if need_bytes <= free or need_bytes <= free + _used_bytes(self._directory):
            return
        raise RunDirectoryError(
            f"{self._directory}: the views need about {need_bytes / 1e9:.1f} GB, and the disk has {max(0, free) / 1e9:.1f} "
            "GB free; make room, put the run on a larger disk (--out), or use fewer folds (--set engine.folds=1)"
        )

    def take(self, plan: Plan) -> tuple[Path, list[int]]:
        """Return the view's input folder and its rows, built now unless it stands already.

        Raises:
            DataError: A source has changed, or does not fit the plan.
            InfrastructureError: The view cannot be written, or is not what was planned.
        """
        with self._guard:
            lock = self._locks[plan["name"]]
        with lock:
            home = self._directory / plan["name"]
            text = json.dumps(plan, ensure_ascii=False)
            stamp = hashlib.sha256(f"{self._stamp}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
            try:
                if (home / "stamp").read_text(encoding="ascii") == stamp:
                    return home / "input", row_numbers(plan)
            except FileNotFoundError:
                pass
            self._throw_away(home)
            return home / "input", self._build(plan, stamp, home)

    def discard(self, name: str) -> bool:
        """Remove a view, so that it is built anew; return True when all views went, because shared files were changed."""
        with self._guard:
            lock = self._locks[name]
        with lock:
            if self._store is None or self._store.is_whole():
                self._throw_away(self._directory / name)
                return False
            self._drop_shared(self._store)
            return True

    def _build(self, plan: Plan, stamp: str, home: Path) -> list[int]:
        self._check()
        building = Path(tempfile.mkdtemp(prefix=HALF_BUILT, dir=self._directory))
        folder = building / "input"
        try:
            if self._store is None:
                rows = materialise(plan, self._source, folder)
            else:
                with self._store.changing():
                    rows = materialise(plan, self._source, folder, self._store.place)
            write_whole(building / "stamp", stamp)
            protect(folder)
            building.chmod(0o755)
            self._check()
            scan_view(folder, plan, self._source, self._withheld, self._keys)
            building.rename(home)
        except (PlanError, FileNotFoundError, UnicodeDecodeError) as error:
            raise DataError(f"view {plan['name']} cannot be built: {error}; check the task's files") from error
        except OSError as error:
            reason = "no space is left on the disk" if error.errno == errno.ENOSPC else error.strerror or str(error)
            raise InfrastructureError(
                f"view {plan['name']} cannot be written in {self._directory}: {reason}"
            ) from error
        finally:
            if building.exists():
                self._throw_away(building)
        return rows

    def _throw_away(self, home: Path) -> None:
        if self._store is not None and home.exists():
            with self._store.changing():
                self._store.release(home)
        discard(home)

    def _drop_shared(self, store: MediaStore) -> None:
        """Remove the store and every view: each may hold a file that is not the task's any more."""
        store.forget()
        for path in self._directory.iterdir():
            if path.is_dir():
                discard(path)

    def _remember(self) -> State:
        """Return the state of the sources, stored when the pool is new and compared when it is not."""
        path = self._directory / "sources.json"
        now = {name: self._look(name) for name in self._files}
        now[_ROW_FILES] = [0, 0, self._row_files]
        try:
            before: State = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            before = now
            write_whole(path, json.dumps(now))
        for name in sorted({*before, *now}):
            if name not in before or name not in now or _content(before[name]) != _content(now[name]):
                raise self._has_changed(name)
        return before

    def _check(self) -> None:
        """Notice a change during the run; what has kept its size and time is not read again."""
        for name in self._files:
            before, status = self._remembered[name], self._status(name)
            has_other_stat = [status.st_size, status.st_mtime_ns] != before[:2]
            if has_other_stat and _content(self._look(name)) != _content(before):
                raise self._has_changed(name)

    def _look(self, name: str) -> list[int | str]:
        path, status = self._source / name, self._status(name)
        if path.is_dir():
            return [0, status.st_mtime_ns, ""]
        if status.st_size > _READ_UP_TO_BYTES:
            return [status.st_size, status.st_mtime_ns, ""]
        with path.open("rb") as file:
            return [status.st_size, status.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest()]

    def _status(self, name: str) -> os.stat_result:
        try:
            return (self._source / name).stat()
        except FileNotFoundError as error:
            raise DataError(f"{self._source / name}: no such file; the task needs it, put it back") from error

    def _has_changed(self, name: str) -> DataError:
        where = f"{self._source}: a file of a row" if name == _ROW_FILES else f"{self._source / name}:"
        return DataError(
            f"{where} has changed since the run began, and its scores would no longer compare; "
            "put the old content back, or start a new run"
        )


def _content(state: list[int | str]) -> list[int | str]:
    """Return what must stay: the content where it is known, else size and time."""
    return [state[0], state[2]] if state[2] else state[:2]


def _used_bytes(folder: Path) -> int:
    total, seen = 0, set()
    for directory, _, names in os.walk(folder):
        for name in names:
            status = Path(directory, name).lstat()
            if status.st_ino not in seen:
                seen.add(status.st_ino)
                total += status.st_blocks * 512
    return total


def protect(folder: Path) -> None:
    """Make a folder and everything below it read-only."""
    for directory, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(directory, name)
            if path.lstat().st_mode & 0o777 != 0o444:  # a shared file is not touched
                path.chmod(0o444)
        Path(directory).chmod(0o555)


def discard(folder: Path) -> None:
    """Remove a folder with everything below it, read-only or not; a missing one is fine.

    A script may have left links in it: they are removed, and what they point to is not touched.
    """
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
        return
    if not folder.exists():
        return
    folder.chmod(0o755)
    for parent, folders, _ in os.walk(folder):  # each folder is opened up before the walk goes into it
        for path in (Path(parent, name) for name in folders):
            if not path.is_symlink():
                path.chmod(0o755)
    shutil.rmtree(folder)
