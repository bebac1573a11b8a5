"""What the SQLite files of a run directory have in common: how they are made, opened, written, and how they fail.

WAL mode with every commit on disk before it returns, so that readers never wait for the run and a killed one has lost
nothing it was told is kept. What is in them: `journal.py`, `calls.py`.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlmaster.errors import InfrastructureError, RunDirectoryError


def create(path: Path, schema: str, version: int) -> None:
    """Make an empty database at once: a reader never meets one that has no tables yet."""
    half = path.with_name(f".{path.name}")
    half.unlink(missing_ok=True)
    connection = sqlite3.connect(half, isolation_level=None)
    try:
        connection.executescript(f"BEGIN;{schema}PRAGMA user_version={version};COMMIT;")
    finally:
        connection.close()
    half.rename(path)


def connect(path: Path, version: int, *, writable: bool) -> sqlite3.Connection:
    """Open a database that exists.

    The connection may be used from several threads, one at a time.

    Raises:
        RunDirectoryError: It has another version of the schema.
        sqlite3.DatabaseError: To be put inside `translating`.
    """
    if writable:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    else:
        # beside a database that is at rest SQLite makes files even to read it; in another user's run it may not
        is_closed = not os.access(path.parent, os.W_OK)
        at_rest = "&immutable=1" if is_closed and not path.with_name(f"{path.name}-wal").exists() else ""
        address = f"{path.resolve().as_uri()}?mode=ro{at_rest}"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        if writable:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        _check_version(connection, path, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path, version: int) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != version:
        raise RunDirectoryError(
            f"{path} has schema version {found}, this ML-Master reads {version}; "
            + ("use the newer ML-Master that wrote it" if found > version else "it was never finished")
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all that follows, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk makes SQLite roll back by itself
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite into ours.

    Raises:
        RunDirectoryError: No space is left, or the file is damaged.
        InfrastructureError: Anything else.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from error


def _translated(error: sqlite3.DatabaseError, path: Path) -> Exception:
    text = str(error)
    if "full" in text:
        return RunDirectoryError(
            f"no space left for {path}; free some and go on with `mlmaster resume {shlex.quote(str(path.parent))}`"
        )
    if "not a database" in text or "malformed" in text:
        return RunDirectoryError(f"{path} is damaged ({text}); restore it from a copy")
    return InfrastructureError(f"{path}: {text}")
