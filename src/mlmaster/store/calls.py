"""The calls of language models of one run, in SQLite beside the journal; implements `mlmaster.ports.CallLog`.

A call is on disk before it is sent, so that a killed process cannot hide what it may have spent. The turns of a session
repeat all that was said before: every long text is stored once, under its hash, and a session grows by what is new. What
calls used is in columns, so that sums read no text. A key is in no request, hence not here. The single writer is whoever
has the journal open for writing (`run_directory.py`). Read next: `mlmaster.core.calls`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from threading import Lock
from typing import Any

from mlmaster.core.calls import Answered, Asked, Call, plain, request_hash
from mlmaster.core.chat import Finish, Message, Placement, Reply, Request, Role, Tool, ToolCall
from mlmaster.core.usage import Usage
from mlmaster.errors import InfrastructureError
from mlmaster.store.database import connect, create, transaction, translating

SCHEMA_VERSION = 1
FILE_NAME = "calls.db"

_USAGE = tuple(field.name for field in fields(Usage))
_RESERVED = ", ".join(f"reserved_{name}" for name in _USAGE)
_USED = ", ".join(f"used_{name}" for name in _USAGE)
_NUMBERS = {name: "REAL" if name == "cost_usd" else "INTEGER" for name in _USAGE}

_SCHEMA = f"""
CREATE TABLE text (hash TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE call (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, node INTEGER NOT NULL, model TEXT NOT NULL,
    request_hash TEXT NOT NULL, request TEXT NOT NULL,
    {", ".join(f"reserved_{name} {kind} NOT NULL" for name, kind in _NUMBERS.items())},
    outcome TEXT, reply TEXT, detail TEXT, dropped TEXT,
    {", ".join(f"used_{name} {kind}" for name, kind in _NUMBERS.items())}
);
CREATE INDEX call_by_node ON call (node);
"""

_MARK = "sha256:"
_LONG = 200
"""Characters from which a text is stored apart; its hash has 64."""


class CallBook:
    """One run's calls. Writable for the run's single writer, else read-only; implements `mlmaster.ports.Expenses` too."""

    def __init__(self, directory: Path, *, writable: bool, now: Callable[[], float] = time.time) -> None:
        """Open the calls of a run directory.

        Args:
            directory: The run directory; must exist.
            writable: Make the file when absent, and let calls be added. Without, an absent file is a run without calls.
            now: Unix time, for the records.

        Raises:
            RunDirectoryError: Written by a newer ML-Master, or damaged.
        """
        self._path = directory / FILE_NAME
        self._now = now
        self._is_writable = writable
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        with translating(self._path):
            if writable and not self._path.exists():
                create(self._path, _SCHEMA, SCHEMA_VERSION)
            self._query("SELECT 1")

    def open(self, asked: Asked) -> int:
        """Keep what is about to be sent; on disk when this returns.

        Raises:
            RunDirectoryError: No space is left.
            InfrastructureError: The database failed otherwise.
        """
        texts: dict[str, bytes] = {}
        row = (
            self._now(),
            asked.node,
            asked.model,
            request_hash(asked.request),
            _dump(plain(asked.request), texts),
            *_columns(asked.reserved),
        )
        names = f"at, node, model, request_hash, request, {_RESERVED}"
        statement = f"INSERT INTO call ({names}) VALUES ({', '.join('?' * len(row))})"
        with self._writing() as connection:
            _keep(connection, texts)
            return int(connection.execute(statement, row).lastrowid or 0)

    def close(self, call: int, answered: Answered) -> None:
        """Keep how a call ended; on disk when this returns.

        Raises:
            RunDirectoryError: No space is left.
            InfrastructureError: There is no such call, it has ended before, or the database failed.
        """
        texts: dict[str, bytes] = {}
        row = (
            answered.outcome,
            None if answered.reply is None else _dump(asdict(answered.reply), texts),
            json.dumps(answered.detail),  # half a reply may be in it, and end within a character
            json.dumps(answered.dropped),
            *_columns(answered.usage),
        )
        statement = (
            f"UPDATE call SET (outcome, reply, detail, dropped, {_USED}) = ({', '.join('?' * len(row))}) "
            "WHERE id = ? AND outcome IS NULL"
        )
        with self._writing() as connection:
            _keep(connection, texts)
            if not connection.execute(statement, (*row, call)).rowcount:
                raise InfrastructureError(f"{self._path}: call {call} is not open")

    def read(self, node: int | None = None) -> Sequence[Call]:
        """Return the calls (of a node), in order of sending."""
        columns = f"id, at, node, model, request, {_RESERVED}, outcome, reply, detail, dropped, {_USED}"
        condition, values = ("1", ()) if node is None else ("node = ?", (node,))
        rows = self._query(f"SELECT {columns} FROM call WHERE {condition} ORDER BY id", values)
        texts: dict[str, str] = {}

        def text_of(key: str) -> str:
            if key not in texts:
                [(body,)] = self._query("SELECT body FROM text WHERE hash = ?", (key,))
                texts[key] = body.decode("utf-8", "surrogatepass")
            return texts[key]

        return [_call(row, text_of) for row in rows]

    def total(self) -> Usage:
        """Return what all calls have used, open ones with what was reserved."""
        return self._sum("1")

    def of(self, node: int) -> Usage:
        """Return what the calls for a node have used, open ones with what was reserved."""
        return self._sum("node = ?", node)

    def wasted(self) -> Usage:
        """Return what calls have used that brought no reply; once a run has ended, open ones are of killed processes."""
        return self._sum("outcome IS NOT 'answered'")

    def disconnect(self) -> None:
        """Close the database."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _sum(self, condition: str, *values: int) -> Usage:
        sums = ", ".join(f"sum(coalesce(used_{name}, reserved_{name}))" for name in _USAGE)
        rows = self._query(f"SELECT {sums} FROM call WHERE {condition}", values)
        return _usage(rows[0]) if rows and rows[0][0] is not None else Usage()

    def _query(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, translating(self._path):
            if self._connection is None and self._path.exists():  # a reader may come before the first call
                self._connection = connect(self._path, SCHEMA_VERSION, writable=self._is_writable)
            return [] if self._connection is None else self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translating(self._path):
            if not self._is_writable or self._connection is None:
                raise InfrastructureError(f"{self._path} is open for reading only")
            with transaction(self._connection):
                yield self._connection


# ---- calls as rows


def _call(row: Sequence[Any], text_of: Callable[[str], str]) -> Call:
    many = len(_USAGE)
    id_, at, node, model, request = row[:5]
    outcome, reply, detail, dropped = row[5 + many : 9 + many]
    asked = Asked(node, model, _request(_unfold(json.loads(request), text_of)), _usage(row[5 : 5 + many]))
    if outcome is None:
        return Call(id_, at, asked)
    answered = Answered(
        outcome=outcome,
        usage=_usage(row[9 + many :]),
        reply=None if reply is None else _reply(_unfold(json.loads(reply), text_of)),
        detail=json.loads(detail),
        dropped=tuple(json.loads(dropped)),
    )
    return Call(id_, at, asked, answered)


def _columns(usage: Usage) -> tuple[float, ...]:
    return tuple(getattr(usage, name) for name in _USAGE)


def _usage(row: Sequence[Any]) -> Usage:
    return Usage(**dict(zip(_USAGE, row, strict=True)))


def _request(data: Mapping[str, Any]) -> Request:
    changed = {
        "role": Role(data["role"]),
        "messages": tuple(Message(**{**each, "calls": _tool_calls(each["calls"])}) for each in data["messages"]),
        "tools": tuple(Tool(**each) for each in data["tools"]),
    }
    return Request(**{**data, **changed})


def _reply(data: Mapping[str, Any]) -> Reply:
    changed = {
        "calls": _tool_calls(data["calls"]),
        "finish": Finish(data["finish"]),
        "usage": Usage(**data["usage"]),
        "placement": Placement(data["placement"]),
    }
    return Reply(**{**data, **changed})


def _tool_calls(data: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(**each) for each in data)


# ---- long texts apart


def _keep(connection: sqlite3.Connection, texts: Mapping[str, bytes]) -> None:
    connection.executemany("INSERT OR IGNORE INTO text VALUES (?, ?)", texts.items())


def _dump(data: Mapping[str, Any], texts: dict[str, bytes]) -> str:
    """Return JSON with the hash of each long text in its place; the texts are put into `texts`."""

    def fold(value: Any) -> Any:
        if isinstance(value, str):
            if len(value) < _LONG and not value.startswith(_MARK):
                return value
            body = value.encode("utf-8", "surrogatepass")
            key = hashlib.sha256(body).hexdigest()
            texts[key] = body
            return _MARK + key
        if isinstance(value, Mapping):
            return {key: fold(each) for key, each in value.items()}
        return [fold(each) for each in value] if isinstance(value, list | tuple) else value

    return json.dumps(fold(data))


def _unfold(value: Any, text_of: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return text_of(value.removeprefix(_MARK)) if value.startswith(_MARK) else value
    if isinstance(value, dict):
        return {key: _unfold(each, text_of) for key, each in value.items()}
    return [_unfold(each, text_of) for each in value] if isinstance(value, list) else value
