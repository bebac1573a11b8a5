"""The pretended provider's sockets: who listens, and how an answer, or what is left of it, gets to who asked."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from mlmaster.testing.llm_wire.chat import ChatWire
from mlmaster.testing.llm_wire.exchange import Complaint, Received, Wire, event

if TYPE_CHECKING:
    from mlmaster.testing.llm_server import LLMServer

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1><hr>nginx</body></html>"
_MODELS = re.compile(r"/(?:v1|beta)/models(?:/(?P<name>.+))?")
_MOST_BYTES = 64 << 20
_CLOSING_S = 10.0


class Listener(ThreadingHTTPServer):
    """The socket that listens, its thread, and the connections it has taken."""

    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], server: LLMServer) -> None:
        super().__init__(address, _Conversation)
        self.server = server
        self.ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="llm-server", daemon=True)

    def begin(self) -> None:
        """Take connections from now on."""
        self._thread.start()

    def end(self) -> None:
        """Take no more connections, break off those there are, and wait for their threads."""
        self.shutdown()
        self._thread.join(_CLOSING_S)
        self.server_close()
        self.ending.set()
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, _CLOSING_S)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        with self._changed:
            self._open.add(request)
            if self.ending.is_set():
                request.shutdown(socket.SHUT_RDWR)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: those are what cancelled calls look like."""


class _Conversation(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Listener

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """List the models."""
        server = self.server.server
        try:
            server.check_reader(self._lowered())
            asked = _MODELS.fullmatch(self.path.partition("?")[0])
            if asked is None:
                raise ChatWire().complaint("path", f"GET {self.path}")
            name = asked["name"]
            if name is None:
                listed = [_model(known) for known in server.models()]
                self._send(200, {"object": "list", "data": listed, "has_more": False})
            elif name in server.models():
                self._send(200, _model(name))
            else:
                raise ChatWire().complaint("model", name)
        except Complaint as complaint:
            self._complain(complaint)

    def do_POST(self) -> None:
        """Answer."""
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(size, _MOST_BYTES))
        server = self.server.server
        try:
            wire, received = server.receive(self.path.partition("?")[0], self._lowered(), body)
            if received.fault == "hang":
                self.server.ending.wait()
                self._hang_up()
            elif received.fault == "dropped":
                self._reset()
            elif received.fault in ("html", "bad_gateway"):
                is_gateway = received.fault == "bad_gateway"
                page = _PAGE.format("502 Bad Gateway" if is_gateway else "Welcome to the guest network")
                self._send(502 if is_gateway else 200, page, "text/html; charset=utf-8")
            else:
                whole, events = server.think(wire, received)
                if received.is_stream:
                    self._stream(wire, received, events)
                else:
                    self._send_whole(wire, received, whole)
        except Complaint as complaint:
            self._complain(complaint)

    def _stream(self, wire: Wire, received: Received, events: Sequence[str]) -> None:
        """Send the events one by one, as far as the fault allows."""
        server, fault = self.server.server, received.fault
        half = max(1, len(events) // 2)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        if fault == "slow_first_token":
            self._chunk(event({"type": "ping"}, "ping") if received.protocol == "messages" else ": keep-alive\n\n")
            self.server.ending.wait(server.slow_s)
        broken = fault in ("half_stream", "short_stream", "stall", "error_event", "malformed_json")
        for one in events[:half] if broken else events:
            self._chunk(one)
        if fault == "error_event":
            for one in wire.broken():
                self._chunk(one)
        elif fault == "malformed_json":
            self._chunk(events[half].rstrip()[:-3] + "\n\n")
        elif fault == "stall":
            self.server.ending.wait()
        if fault in ("half_stream", "stall"):
            self._hang_up()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _send_whole(self, wire: Wire, received: Received, whole: Mapping[str, Any]) -> None:
        """Send the answer as one object, as far as the fault allows."""
        server, fault = self.server.server, received.fault
        text = json.dumps(whole, ensure_ascii=False)
        if fault == "error_event":
            raise wire.complaint("error")
        if fault == "slow_first_token":
            self.server.ending.wait(server.slow_s)
        if fault in ("half_stream", "stall"):
            data = text.encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            if fault == "stall":
                self.server.ending.wait()
            self._hang_up()
        elif fault in ("malformed_json", "short_stream"):
            self._send(200, text[: len(text) // 2], "application/json")
        else:
            self._send(200, whole)

    def _complain(self, complaint: Complaint) -> None:
        self.server.server.complain(complaint)
        self._send(complaint.status, complaint.body, headers=complaint.headers)

    def _send(
        self,
        status: int,
        body: Mapping[str, Any] | str,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        data = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _hang_up(self) -> None:
        """Close the connection; what is sent already still arrives."""
        self.close_connection = True

    def _reset(self) -> None:
        """Reset the connection."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _lowered(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}


def _model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "test",
        "type": "model",
        "display_name": name,
        "created_at": "2023-11-14T22:13:20Z",
    }
