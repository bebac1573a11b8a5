"""A local HTTP server that gives prepared answers, byte for byte, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Flag
from threading import Thread
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Canned:
    """A prepared answer.

    Attributes:
        body: In the pieces in which it is sent.
        status: Of HTTP.
        headers: Besides `Connection: close`; an answer of no declared length ends with its connection.
        length: What is declared, where more is promised than comes.
        hangs: After the body nothing comes, until the client hangs up or the server is closed.
        is_mute: Not even headers come; only with `hangs`.
    """

    body: Sequence[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})
    length: int | None = None
    hangs: bool = False
    is_mute: bool = False


def events(*data: Any, end: bool = True) -> Canned:
    """Return an answer of server-sent events with JSON data; text stands for itself."""
    pieces = [f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n".encode() for each in data]
    return Canned((*pieces, b"data: [DONE]\n\n") if end else pieces)


def whole(data: Any, status: int = 200, **headers: str) -> Canned:
    """Return an answer in one piece: JSON data, or a page where it is text."""
    kind = "text/html" if isinstance(data, str) else "application/json"
    body = data if isinstance(data, str) else json.dumps(data)
    return Canned((body.encode(),), status, {"Content-Type": kind, **headers})


class CannedServer:
    """Gives the answers in turn, the last one again and again.

    Attributes:
        bodies: What was posted, as JSON data.
        paths: Where to.
        headers: With what headers, in lower case.
        is_hanging: Set when an answer hangs.
        was_left: Set when the client of a hanging answer has hung up.
    """

    def __init__(self, *answers: Canned) -> None:
        """Listen on a free port of 127.0.0.1."""
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.is_hanging = Flag()
        self.was_left = Flag()
        self._answers = answers
        server = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def address(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        self.bodies.append(json.loads(body))
        self.paths.append(request.path)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        answer = self._answers[min(len(self.bodies), len(self._answers)) - 1]
        request.close_connection = True
        if not answer.is_mute:
            request.send_response(answer.status)
            for name, value in answer.headers.items():
                request.send_header(name, value)
            if answer.length is not None:
                request.send_header("Content-Length", str(answer.length))
            request.send_header("Connection", "close")
            request.end_headers()
            for piece in answer.body:
                request.wfile.write(piece)
                request.wfile.flush()
        if answer.hangs:
            self.is_hanging.set()
            request.connection.settimeout(30)
            try:
                request.connection.recv(1)  # returns when the client hangs up
            except OSError:
                return
            self.was_left.set()
