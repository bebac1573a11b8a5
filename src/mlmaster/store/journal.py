"""The journal: an append-only table of events in SQLite.

WAL mode, so that a dashboard or `mlmaster status` may read while the run writes. One writer: the lock lies beside the
database (`run.lock`) and dies with its process, so a killed run can be resumed at once. A batch of events is one
transaction: after a crash either all of it happened or none. Spent time is also kept between events (`beat`), in a row of
its own. Read next: `mlmaster.core.events`.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mlmaster.core.events import EVENT, Event, Record
from mlmaster.errors import InfrastructureError, RunDirectoryError

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
            if not self._path.exists():
                self._create()
            self._connection = self._connect(writable)
            self._check_schema()
            row = self._connection.execute("SELECT max(seq) FROM event").fetchone()
            self._last: int = row[0] or 0
        except sqlite3.DatabaseError as error:
            self._release()
            raise _translated(error, self._path) from error
        except RunDirectoryError:
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

    def _connect(self, writable: bool) -> sqlite3.Connection:
        if not writable:
            # beside a database that is at rest SQLite makes files even to read it; in another user's run it may not
            is_closed = not os.access(self._path.parent, os.W_OK)
            at_rest = "&immutable=1" if is_closed and not self._path.with_name(f"{FILE_NAME}-wal").exists() else ""
            return sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro{at_rest}", uri=True, isolation_level=None)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _create(self) -> None:
        """Make an empty journal at once: a reader never meets one that has no tables yet."""
        half = self._path.with_name(f".{FILE_NAME}")
        half.unlink(missing_ok=True)
        connection = sqlite3.connect(half, isolation_level=None)
        try:
            connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        finally:
            connection.close()
        half.rename(self._path)

    def _check_schema(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise RunDirectoryError(
                f"{self._path} has schema version {version}, this ML-Master reads {SCHEMA_VERSION}; "
                + (
                    "use the newer ML-Master that wrote it"
                    if version > SCHEMA_VERSION
                    else "it is not a finished journal"
                )
            )

    @property
    def elapsed_s(self) -> float:
        """Return the active seconds stored last."""
        with self._translating():
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
        with self._translating(), self._transaction():
            self._connection.executemany(
                "INSERT INTO event VALUES (?, ?, ?, ?)",
                [(r.seq, r.at, r.elapsed_s, EVENT.dump_json(r.event).decode()) for r in records],
            )
            self._connection.execute("UPDATE clock SET elapsed_s = max(elapsed_s, ?)", (elapsed_s,))
        self._last += len(records)
        return records

    def beat(self, elapsed_s: float) -> None:
        """Remember spent time between events."""
        with self._translating():
            self._connection.execute("UPDATE clock SET elapsed_s = max(elapsed_s, ?)", (elapsed_s,))

    def read(self, after: int = 0) -> Sequence[Record]:
        """Return the records with `seq` > `after`, in order."""
        with self._translating():
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

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # a full disk makes SQLite roll back by itself
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _translated(error, self._path) from error


def _translated(error: sqlite3.DatabaseError, path: Path) -> Exception:
    text = str(error)
    if "full" in text:
        return RunDirectoryError(
            f"no space left for {path}; free some and go on with `mlmaster resume {shlex.quote(str(path.parent))}`"
        )
    if "not a database" in text or "malformed" in text:
        return RunDirectoryError(f"{path} is damaged ({text}); restore it from a copy")
    return InfrastructureError(f"{path}: {text}")
