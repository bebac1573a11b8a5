"""A validation server on a free port of this machine, and clients for it, good and bad."""

from __future__ import annotations

import http.client
import io
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Event as Flag
from threading import Thread
from typing import Any

from tests.mlebench.planted import Planted

from mlmaster.mlebench.call_log import CallLog
from mlmaster.mlebench.limits import Limits
from mlmaster.mlebench.server import ValidationServer, listen

WAIT_S = 60
BOUNDARY = "seven-hills"


READY = "import sys, json, os, time; print('{\"is_ready\": true}', flush=True)\n"
ANSWERS = (
    f"{READY}for line in sys.stdin: print(json.dumps({{'is_valid': True, 'message': json.loads(line)}}), flush=True)"
)
"""A program in place of the one that grades: every submission is valid, and the message is its path."""


class Log(io.StringIO):
    """A log whose calls can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Queue[str] = Queue()

    def write(self, text: str) -> int:
        self.lines.put(text)
        return super().write(text)

    def next(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.lines.get(timeout=WAIT_S))
        return found


@dataclass(frozen=True)
class Reply:
    status: int
    kind: str
    text: str
    call: dict[str, Any]
    """What the log says; of calls at the same time, any of them."""

    @property
    def result(self) -> str:
        assert self.status == 200, self.text
        found: str = json.loads(self.text)["result"]
        return found


@dataclass(frozen=True)
class Served:
    """A server that runs: its port, its log, the folder its uploads are in, and the competition."""

    port: int
    log: Log
    scratch: Path
    planted: Planted

    def uploads(self) -> list[Path]:
        """Return what lies in the folder for uploads."""
        return [path for path in self.scratch.rglob("*") if path.parent != self.scratch]

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Reply:
        """Make a call and wait for the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body or None, {"Content-Type": kind} if kind else {})
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers.get("content-type", ""), reply.read().decode(), self.log.next())
        finally:
            connection.close()

    def validate(self, content: bytes, file_name: str = "submission.csv") -> Reply:
        """Hand in a submission."""
        return self.send(form(part(content, file_name)))

    def send(self, body: bytes) -> Reply:
        """Hand in a form."""
        return self.ask("POST", "/validate", body, f"multipart/form-data; boundary={BOUNDARY}")

    def begin(self, body: bytes, length: int, extra: str = "") -> socket.socket:
        """Begin to hand in a form of a declared length, and leave the connection open."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)
        head = (
            f"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{extra}"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        return connection


@contextmanager
def served(
    planted: Planted, scratch: Path, limits: Limits | None = None, program: str | None = None
) -> Iterator[Served]:
    """Run a server while the block runs; with another program for the one that grades, where one is given."""
    scratch.mkdir()
    log, is_ready = Log(), Flag()
    command = None if program is None else [sys.executable, "-c", program]
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = ValidationServer(planted.place, CallLog(log), limits or Limits(), scratch=scratch, program=command)
    thread = Thread(target=server.run, args=(listener, is_ready.set))
    thread.start()
    try:
        assert is_ready.wait(WAIT_S)
        yield Served(port, log, scratch, planted)
    finally:
        server.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()
        assert list(scratch.iterdir()) == []


def part(content: bytes, file_name: str | None = "submission.csv", name: str = "file") -> bytes:
    """Return a part of a form: a file, or a field where there is no file name."""
    named = "" if file_name is None else f'; filename="{file_name}"'
    return f'Content-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Return a form of these parts."""
    return b"".join(f"--{BOUNDARY}\r\n".encode() + each for each in parts) + f"--{BOUNDARY}--\r\n".encode()
