"""The folder of a run that holds its views: each built once, completely or not at all, then read-only.

`<pool>/<view>/` holds `input/` (what a script sees) and `stamp` (a hash of the plan and of the sources it was built from).
A view is built under a temporary name and renamed; whatever a killed process left half-built is thrown away.
`<pool>/sources.json` remembers the task's files as they were when the run began.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from mlmaster.errors import DataError, InfrastructureError
from mlmaster.tasks.rebuild import Plan, PlanError, materialise, row_numbers

_HALF_BUILT = ".building-"


class ViewPool:
    """Builds and keeps views. Safe to use from several threads of one process.

    Args:
        directory: The pool's own folder, made when absent.
        source: The task's folder.
        files: The task's files and folders (relative to `source`) whose change would make views differ.

    Raises:
        DataError: A file has changed since the pool was first made.
    """

    def __init__(self, directory: Path, source: Path, files: Iterable[str]) -> None:
        self._directory = directory
        self._source = source
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._guard = Lock()
        self._files = tuple(sorted(set(files)))
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.glob(f"{_HALF_BUILT}*"):
            discard(left)
        self._remembered = self._remember()

    def take(self, plan: Plan) -> tuple[Path, list[int]]:
        """Return the view's input folder and its rows, built now unless it stands already.

        Raises:
            DataError: A source has changed, or does not fit the plan.
            InfrastructureError: The view cannot be written.
        """
        with self._guard:
            lock = self._locks[plan["name"]]
        with lock:
            home = self._directory / plan["name"]
            text = json.dumps(plan, ensure_ascii=False)
            stamp = hashlib.sha256(f"{self._remembered}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
            try:
                if (home / "stamp").read_text(encoding="ascii") == stamp:
                    return home / "input", row_numbers(plan)
            except FileNotFoundError:
                pass
            discard(home)
            return home / "input", self._build(plan, stamp, home)

    def discard(self, name: str) -> None:
        """Remove a view, so that it is built anew."""
        with self._guard:
            lock = self._locks[name]
        with lock:
            discard(self._directory / name)

    def _build(self, plan: Plan, stamp: str, home: Path) -> list[int]:
        self._check()
        building = Path(tempfile.mkdtemp(prefix=_HALF_BUILT, dir=self._directory))
        try:
            rows = materialise(plan, self._source, building / "input")
            _write(building / "stamp", stamp)
            protect(building / "input")
            building.chmod(0o755)
            self._check()
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
                discard(building)
        return rows

    def _remember(self) -> str:
        """Return the state of the sources, stored when the pool is new and compared when it is not."""
        path = self._directory / "sources.json"
        now = self._state()
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            before = now
            _write(path, json.dumps(now))
        _compare(self._source, before, now)
        return json.dumps(now)

    def _check(self) -> None:
        _compare(self._source, json.loads(self._remembered), self._state())

    def _state(self) -> dict[str, list[int]]:
        found = {}
        for name in self._files:
            try:
                status = (self._source / name).stat()
            except FileNotFoundError as error:
                raise DataError(f"{self._source / name}: no such file; the task needs it, put it back") from error
            is_folder = (self._source / name).is_dir()
            found[name] = [0 if is_folder else status.st_size, status.st_mtime_ns]
        return found


def _compare(source: Path, before: dict[str, list[int]], now: dict[str, list[int]]) -> None:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise DataError(
                f"{source / name}: has changed since the run began, and its scores would no longer compare; "
                "put the old file back, or start a new run"
            )


def _write(path: Path, text: str) -> None:
    """Write a file at once: never seen half-written under its name."""
    half = path.with_name(f"{_HALF_BUILT}{path.name}")
    half.write_text(text, encoding="utf-8", errors="surrogatepass")
    half.rename(path)


def protect(folder: Path) -> None:
    """Make a folder and everything below it read-only."""
    for path in folder.rglob("*"):
        if not path.is_dir():
            path.chmod(0o444)
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            path.chmod(0o555)


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
