"""The validation server: MLE-bench's protocol, over HTTP.

    POST /validate   a form with the submission as `file`  →  200 {"result": message}
    GET  /health                                           →  200 {"status": "running"}

Source: openai/mle-bench, `environment/grading_server.py`. Whoever can reach it may ask as often as it likes and learns only
whether a submission is valid; every call is logged. Uploads go to a private folder and from there to the program that grades
(`grading_worker.py`), so that this process holds neither submissions nor answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import signal
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import aclosing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlmaster.errors import SettingsError
from mlmaster.mlebench.call_log import Call, CallLog
from mlmaster.mlebench.grading_worker import GradingWorker, Ungraded
from mlmaster.mlebench.limits import Limits
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.uploads import NoFile, NoRoom, Refused, Stalled, TooLarge, Upload, drain, receive

_CALL = "mlmaster.call"
_NAMES = {"/validate": "validate", "/health": "health"}
_UNREADABLE = "The browser (or proxy) sent a request that this server could not understand."
_UNEXPECTED = "An unexpected error occurred."
_GONE = 499


def application(worker: GradingWorker, log: CallLog, folder: Path, limits: Limits) -> ASGIApp:
    """Return the server as an ASGI application.

    Args:
        worker: Grades; already started.
        log: Of all calls.
        folder: A private folder for uploads; each is deleted as soon as its call ends.
        limits: What is taken.
    """
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    turn = asyncio.Lock()

    @app.post("/validate", response_model=None)
    async def validate(request: Request) -> Response:
        call: Call = request.scope[_CALL]
        try:
            with tempfile.TemporaryDirectory(prefix="upload-", dir=folder) as private:
                upload = await _take_in(request, Path(private) / "submission.csv", limits)
                call.bytes, call.sha256 = upload.size_bytes, upload.sha256
                async with turn:
                    if await request.is_disconnected():
                        raise ClientDisconnect
                    is_valid, message = await worker.validate(upload.path)
                call.verdict = "valid" if is_valid else "invalid"
                return _reply(200, {"result": message})
        except Refused as refusal:
            return _refusal(refusal, call, limits)
        except Ungraded as failure:
            call.verdict = f"not graded: {failure}"
            return _failure(str(failure))
        except ClientDisconnect:
            call.verdict = "client gone"
            return Response(status_code=_GONE)
        except asyncio.CancelledError:
            call.verdict = "server stopped"
            return _reply(503, {"error": "The server was stopped.", "details": "try again when it is back"})
        except Exception as error:  # noqa: BLE001 - named boundary: web handler; only the error's kind is told
            call.verdict = f"failed: {type(error).__name__}"
            return _failure("the server failed; its log of calls names the kind of error")

    @app.api_route("/health", methods=["GET", "HEAD"], response_model=None)
    async def health() -> Response:
        return _reply(200, {"status": "running"})

    @app.exception_handler(HTTPException)
    async def refuse(_request: Request, error: HTTPException) -> Response:
        return _page(error.status_code, HTTPStatus(error.status_code).description, error.headers)

    return _Logged(app, log)


async def _take_in(request: Request, path: Path, limits: Limits) -> Upload:
    declared = request.headers.get("content-length", "")
    async with aclosing(request.stream()) as body:
        # a form is a little larger than its file; the file itself is measured as it comes
        if declared.isdigit() and int(declared) > limits.upload_bytes + 2**20:
            # who waits for a word before the body is sent gets it at once
            if "expect" not in request.headers:
                await drain(body)
            raise TooLarge
        try:
            return await receive(body, request.headers.get("content-type", ""), path, limits)
        except (NoFile, NoRoom, TooLarge):
            await drain(body)
            raise


def _refusal(refusal: Refused, call: Call, limits: Limits) -> Response:
    match refusal:
        case TooLarge():
            call.verdict = "too large"
            most = f"{limits.upload_bytes / 2**20:,.0f} MB"
            return _reply(413, {"error": "The submission is too large.", "details": f"at most {most} are taken"})
        case NoRoom():
            call.verdict = "no room"
            return _reply(507, {"error": "The server's disk is full.", "details": "try again when there is room on it"})
        case Stalled():
            call.verdict = "stalled"
            return _reply(408, {"error": "The upload stood still.", "details": f"nothing came for {limits.idle_s:g} s"})
        case NoFile() | _:
            call.verdict = "no file"
            return _page(400, _UNREADABLE)


def _failure(details: str) -> Response:
    return _reply(500, {"error": _UNEXPECTED, "details": details})


def _reply(status: int, data: dict[str, Any]) -> Response:
    headers = {"connection": "close"} if status in (408, 413, 507) else None
    text = json.dumps(data, separators=(",", ":")) + "\n"
    return Response(text, status_code=status, media_type="application/json", headers=headers)


def _page(status: int, said: str, headers: Any = None) -> Response:
    """Return the page that the official server, made with Flask, gives for what it does not understand."""
    name = f"{status} {HTTPStatus(status).phrase}"
    text = (
        f"<!doctype html>\n<html lang=en>\n<title>{name}</title>\n<h1>{HTTPStatus(status).phrase}</h1>\n<p>{said}</p>\n"
    )
    return Response(text, status_code=status, media_type="text/html", headers=headers)


class _Logged:
    """Writes every call down when it ends, however it ends."""

    def __init__(self, app: ASGIApp, log: CallLog) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host, port = scope.get("client") or ("", 0)
        call = scope[_CALL] = Call(client=f"{host}:{port}", call=_NAMES.get(scope["path"], "other"))

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] != _GONE:
                call.status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            call.end()
            self._log.write(call)


class ValidationServer:
    """A server for one competition.

    Args:
        place: Of the competition.
        log: Of all calls.
        limits: What is taken.
        scratch: Where the folder for uploads is made; by default the system's place for temporary files.
        program: Another program that grades, see `GradingWorker`.
    """

    def __init__(
        self,
        place: Place,
        log: CallLog,
        limits: Limits,
        *,
        scratch: Path | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        self._place, self._log, self._limits = place, log, limits
        self._scratch, self._program = scratch, program
        self._server: uvicorn.Server | None = None

    def run(self, listener: socket.socket, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`, SIGINT or SIGTERM; calls under way get a moment to end.

        Args:
            listener: A socket that listens; closed at the end.
            on_ready: Called once, when the answers can be read and calls are answered.

        Raises:
            DataError: The competition cannot be graded.
        """
        self._place.require_answers()
        # it warns of broken forms, byte by byte; the log of calls has them
        logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
        with tempfile.TemporaryDirectory(prefix="mlmaster-uploads-", dir=self._scratch) as folder:
            asyncio.run(self._run(listener, Path(folder), on_ready))

    def stop(self) -> None:
        """End the server; from any thread."""
        if self._server is not None:
            self._server.should_exit = True

    async def _run(self, listener: socket.socket, folder: Path, on_ready: Callable[[], None]) -> None:
        with listener:
            async with GradingWorker(self._place, self._limits, self._program) as worker:
                config = uvicorn.Config(
                    application(worker, self._log, folder, self._limits),
                    lifespan="off",
                    log_config=None,
                    log_level="error",
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    ws="none",
                    timeout_graceful_shutdown=self._limits.closing_s,
                )
                self._server = uvicorn.Server(config)
                on_ready()
                await self._server.serve(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any that is free.

    Raises:
        SettingsError: It cannot.
    """
    if not host:
        raise SettingsError(
            "--host is empty, which would mean every address of this machine; name one, such as 127.0.0.1"
        )
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        # Python adds the address, which is said already
        reason = str(getattr(error, "strerror", None) or error).partition(" (while attempting")[0]
        raise SettingsError(
            f"{host}:{port} cannot be listened on: {reason}; name another with --host and --port"
        ) from error


def is_loopback(host: str) -> bool:
    """Return True for an address that only this machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def obey_signals() -> None:
    """Let SIGINT and SIGTERM end a server and nothing else: uvicorn raises them once more when it has ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
