"""The journal: an append-only table of events in SQLite.

WAL mode, so that a dashboard or `mlmaster status` may read while the run writes. One writer: the lock lies beside the
database (`run.lock`) and dies with its process, so a killed run can be resumed at once. A batch of events is one
transaction: after a crash either all of it happened or none. Spent time is also kept between events (`beat`), in a row of
its own. Read next: `mlmaster.core.events`; how the file is made and opened: `database.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from mlmaster.core.events import EVENT, Event, Record
from mlmaster.errors import MLMasterError, RunDirectoryError
from mlmaster.store.database import connect, create, transaction, translating

SCHEMA_VERSION = 1
FILE_NAME = "journal.db"
LOCK_NAME = "run.lock"

_SCHEMA = """
CREATE TABLE event (seq INTEGER PRIMARY KEY, at REAL NOT NULL, elapsed_s REAL NOT NULL, body TEXT NOT NULL);
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), elapsed_s REAL NOT NULL);
INSERT INTO clock VALUES (1, 0.0);
"""


class Journal:
    """One run's events. Writable for its single writer, else read-only."""

    def __init__(self, directory: Path, *, writable: bool, now: Callable[[], float] = time.time) -> None:
        """Open the journal of a run directory, made when absent and `writable`.

        Args:
            directory: The run directory; must exist.
            writable: Take the writer's lock.
            now: Unix time, for the records.

        Raises:
            RunDirectoryError: No journal there, written by a newer ML-Master, damaged, or in use by another process.
        """
        self._path = directory / FILE_NAME
        self._now = now
        self._lock = FileLock(directory / LOCK_NAME) if writable else None
        if not writable and not self._path.exists():
            raise RunDirectoryError(f"{directory} is not a run directory: it has no {FILE_NAME}")
        self._take_lock(directory)
        try:
            with translating(self._path):
                if not self._path.exists():
                    create(self._path, _SCHEMA, SCHEMA_VERSION)
                self._connection = connect(self._path, SCHEMA_VERSION, writable=writable)
                self._last: int = self._connection.execute("SELECT max(seq) FROM event").fetchone()[0] or 0
        except MLMasterError:
            self._release()
            raise

    def _take_lock(self, directory: Path) -> None:
        if self._lock is None:
            return
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunDirectoryError(
                f"{directory} is in use by another process; wait for it, or watch it with `mlmaster status {directory}`"
            ) from error
        except OSError as error:
            advice = "go on as the user it belongs to, or make it yours (chown -R)"
            raise RunDirectoryError(f"{directory} cannot be written: {error.strerror or error}; {advice}") from error

    @property
    def is_writable(self) -> bool:
        """Return True for the run's single writer."""
        return self._lock is not None

    @property
    def elapsed_s(self) -> float:
        """Return the active seconds stored last."""
        with translating(self._path):
            return float(self._connection.execute("SELECT elapsed_s FROM clock").fetchone()[0])

    def append(self, events: Sequence[Event], elapsed_s: float) -> Sequence[Record]:
        """Append events in one durable transaction.

        Raises:
            RunDirectoryError: No space is left.
            InfrastructureError: The database failed otherwise.
        """
        at = self._now()
        records = [
            Record(seq=self._last + i, at=at, elapsed_s=elapsed_s, event=event)
            for i, event in enumerate(events, start=1)
        ]
        with translating(self._path), transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO event VALUES (?, ?, ?, ?)",
                [(r.seq, r.at, r.elapsed_s, EVENT.dump_json(r.event).decode()) for r in records],
            )
            self._connection.execute("UPDATE clock SET elapsed_s = max(elapsed_s, ?)", (elapsed_s,))
        self._last += len(records)
        return records

    def beat(self, elapsed_s: float) -> None:
        """Remember spent time between events."""
        with translating(self._path):
            self._connection.execute("UPDATE clock SET elapsed_s = max(elapsed_s, ?)", (elapsed_s,))

    def read(self, after: int = 0) -> Sequence[Record]:
        """Return the records with `seq` > `after`, in order."""
        with translating(self._path):
            rows = self._connection.execute(
                "SELECT seq, at, elapsed_s, body FROM event WHERE seq > ? ORDER BY seq", (after,)
            ).fetchall()
        return [
            Record(seq=seq, at=at, elapsed_s=elapsed, event=EVENT.validate_json(body))
            for seq, at, elapsed, body in rows
        ]

    def close(self) -> None:
        """Close the database and release the writer's lock."""
        self._connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
