"""A run directory on disk, and the only place that knows its layout.

run.yaml       resolved settings, no secrets          journal.db     the events
calls.db       calls of language models, if any
task.json      the resolved task                      profile.json   what engineers know of the data
nodes/<id>/    solution.py, predictions, logs, notes  best           link to the newest folder in .best/
data/          tables normalised by us                pool/, work/   views and running evaluations; may be deleted
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mlmaster.core.events import Event, Record
from mlmaster.core.task import Profile, Task
from mlmaster.errors import RunDirectoryError
from mlmaster.store.calls import CallBook
from mlmaster.store.journal import FILE_NAME, Journal

_T = TypeVar("_T")


class RunDirectory:
    """A run directory with its journal open; implements `mlmaster.ports.RunStore`."""

    def __init__(self, directory: Path, journal: Journal) -> None:
        self._directory = directory
        self._journal = journal
        self._calls: CallBook | None = None

    # ---- opening

    @staticmethod
    def reserve(directory: Path) -> None:
        """Make an empty run directory.

        Raises:
            RunDirectoryError: It exists and holds something, or cannot be made.
        """
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            is_run = (directory / FILE_NAME).exists()
            hint = f"go on with `mlmaster resume {shlex.quote(str(directory))}`, or name" if is_run else "name"
            raise RunDirectoryError(f"{directory} exists already; {hint} another folder with --out")
        with _explaining(directory):
            directory.mkdir(parents=True, exist_ok=True)

    @classmethod
    def create(cls, directory: Path, settings: Mapping[str, Any], task: Task, profile: Profile) -> RunDirectory:
        """Fill a reserved directory and open it for writing."""
        with _explaining(directory):
            write_atomically(
                directory / "run.yaml", yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)
            )
            write_atomically(directory / "task.json", task.model_dump_json(indent=2))
            write_atomically(directory / "profile.json", profile.model_dump_json(indent=2))
        return cls(directory, Journal(directory, writable=True))

    @classmethod
    def open_for_writing(cls, directory: Path) -> RunDirectory:
        """Open an existing run to go on with it.

        Raises:
            RunDirectoryError: Not a run, in use, or from a newer ML-Master.
        """
        _require_run(directory)
        return cls(directory, Journal(directory, writable=True))

    @classmethod
    def open_for_reading(cls, directory: Path) -> RunDirectory:
        """Open a run to look at; it may be running.

        Raises:
            RunDirectoryError: Not a run, or from a newer ML-Master.
        """
        _require_run(directory)
        return cls(directory, Journal(directory, writable=False))

    # ---- records

    @property
    def directory(self) -> Path:
        """Return the run directory."""
        return self._directory

    @property
    def elapsed_s(self) -> float:
        """Return the active seconds stored last."""
        return self._journal.elapsed_s

    def settings(self) -> dict[str, Any]:
        """Return the resolved settings the run began with."""
        loaded: dict[str, Any] = self._read("run.yaml", yaml.safe_load)
        return loaded

    def task(self) -> Task:
        """Return the resolved task."""
        return self._read("task.json", Task.model_validate_json)

    def profile(self) -> Profile:
        """Return the data profile."""
        return self._read("profile.json", Profile.model_validate_json)

    def _read(self, name: str, parse: Callable[[str], _T]) -> _T:
        path = self._directory / name
        try:
            return parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunDirectoryError(f"{path} cannot be read: {reason}; restore it, or start a new run") from error

    def append(self, events: Sequence[Event], elapsed_s: float) -> Sequence[Record]:
        """Append events in one durable transaction."""
        return self._journal.append(events, elapsed_s)

    def beat(self, elapsed_s: float) -> None:
        """Remember spent time between events."""
        self._journal.beat(elapsed_s)

    def read(self, after: int = 0) -> Sequence[Record]:
        """Return the records with `seq` > `after`, in order."""
        return self._journal.read(after)

    def calls(self) -> CallBook:
        """Return the calls of language models, to be added to where the run is open for writing; open until `close`.

        Raises:
            RunDirectoryError: They are from a newer ML-Master, or damaged.
        """
        if self._calls is None:
            self._calls = CallBook(self._directory, writable=self._journal.is_writable)
        return self._calls

    def close(self) -> None:
        """Close the journal and the calls, and let another process write."""
        if self._calls is not None:
            self._calls.disconnect()
        self._journal.close()

    # ---- artifacts

    @property
    def best(self) -> Path:
        """Return the path of the newest finished result."""
        return self._directory / "best"

    def node_directory(self, node: int) -> Path:
        """Return the folder of a node's artifacts, made when absent."""
        folder = self._directory / "nodes" / str(node)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def replace_best(self, write: Callable[[Path], None]) -> None:
        """Replace `best/` in one step by a folder that `write` fills; readers see the old or the new, never a mixture."""
        shelf = self._directory / ".best"
        shelf.mkdir(exist_ok=True)
        with _explaining(self._directory):
            fresh = Path(tempfile.mkdtemp(prefix="", dir=shelf))
            fresh.chmod(0o755)
            write(fresh)
            link = shelf / f"{fresh.name}.link"
            link.symlink_to(Path(".best") / fresh.name, target_is_directory=True)
            link.replace(self.best)
        for old in shelf.iterdir():
            if old.name != fresh.name:
                shutil.rmtree(old, ignore_errors=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader or a crash never sees half of it.

    Raises:
        RunDirectoryError: It cannot be written, for lack of space or of permission.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _explaining(path.parent):
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


NOTES_FILE = "notes.json"


def read_notes(node_directory: Path) -> dict[str, Any]:
    """Return what a node's script noted, as kept in the node's folder; empty when there is nothing."""
    path = node_directory / NOTES_FILE
    notes: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return notes


def _require_run(directory: Path) -> None:
    if not directory.is_dir():
        raise RunDirectoryError(f"there is no run at {directory}: no such folder")
    if not (directory / FILE_NAME).exists():
        raise RunDirectoryError(f"{directory} is not a run directory: it has no {FILE_NAME}")


@contextmanager
def _explaining(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunDirectoryError(
                f"no space left for {directory}; free some or name another folder with --out"
            ) from error
        raise RunDirectoryError(f"{directory} cannot be written: {error.strerror or error}") from error
