"""One call's connection to a server that speaks one of OpenAI's protocols: opened for it, and ended by any thread.

Each call has a connection of its own. To a reply that takes a minute another handshake is nothing, none is ever sent into a
kept connection that has died meanwhile, and one can be cut off without touching others. Imported only when a model is asked:
its SDK is slow to load.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import WeakSet

import anyio
import httpx2
import openai
from openai import OpenAI, Stream

from mlmaster.llm.providers.faults import connection_fault, fault_of
from mlmaster.llm.providers.headers import keep_own
from mlmaster.llm.providers.provider import Fault, Part

MAKER = "openai.com"
CONNECT_S = 30.0
NO_KEY = "none"
"""Sent where no key is wanted: the SDK sends one in any case, and would look for OpenAI's own in the environment."""

_FAILURES = (
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    anyio.EndOfStream,  # as the SDK has it: TLS that ends too soon
    OSError,
    ValueError,
    RecursionError,  # of JSON that is nested without end
)

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who is spoken to: what makes connections to one model at one address, and puts its errors into words.

    Attributes:
        model: As its provider knows it.
        address: The base URL, `http://localhost:8000/v1`.
        key: None where none is wanted.
        key_env: Environment variable of the key, for messages.
    """

    model: str
    address: str
    key: str | None = field(default=None, repr=False)
    key_env: str | None = None
    _trust: ssl.SSLContext = field(default_factory=httpx2.create_ssl_context, repr=False)
    _open: WeakSet[Conversation] = field(default_factory=WeakSet, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def ask(
        self,
        path: str,
        body: Mapping[str, Any],
        parts: Callable[[Iterator[Event]], Iterator[Part]],
        fault: Callable[[Exception], Fault],
    ) -> Conversation:
        """Return the parts of the reply to a request, which is sent when the first one is asked for.

        Args:
            path: Of the endpoint: `/chat/completions`.
            body: As JSON data.
            parts: Reads the events of the reply.
            fault: Says what an error means.
        """

        def talk(line: Line) -> Generator[Part, None, None]:
            with closing(self._events(line, path, body)) as events:
                yield from parts(events)

        conversation = Conversation(talk, fault)
        with self._lock:
            self._open.add(conversation)
        return conversation

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            conversations = list(self._open)
        for each in conversations:
            each.close()

    def fault(self, error: Exception, *, sent: Collection[str] = ()) -> Fault:
        """Return what an error of the SDK, of HTTP or of JSON means."""
        secrets = () if self.key is None else (self.key,)
        if isinstance(error, openai.APIStatusError):
            return self.said(error.status_code, error.response.text, error.response.headers, sent=sent)
        if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
            return self.said(None, json.dumps({"error": error.body}, default=str), sent=sent)
        if isinstance(error, ValueError | RecursionError) and not isinstance(error, UnicodeEncodeError):
            return Fault("garbled", f"{self.model} at {self.address}: the answer is no JSON; it may be asked again")
        return connection_fault(error, model=self.model, address=self.address, key_env=self.key_env, secrets=secrets)

    def said(
        self, status: int | None, body: str, headers: Mapping[str, str] | None = None, *, sent: Collection[str] = ()
    ) -> Fault:
        """Return what an error answer means; arguments as of `mlmaster.llm.providers.faults.fault_of`."""
        return fault_of(
            status,
            body,
            headers or {},
            model=self.model,
            address=self.address,
            key_env=self.key_env,
            sent=sent,
            secrets=() if self.key is None else (self.key,),
        )

    def _events(self, line: Line, path: str, body: Mapping[str, Any]) -> Generator[Event, None, None]:
        """Yield the events of a streamed reply as JSON data; a reply that is not streamed is one event."""
        key = self.key or NO_KEY
        with (
            httpx2.Client(
                verify=self._trust,
                timeout=httpx2.Timeout(None, connect=CONNECT_S),  # whoever reads the parts looks at the clock
                event_hooks={"request": [line.watch, keep_own(self.address, MAKER, key)]},
            ) as http,
            OpenAI(api_key=key, base_url=self.address, max_retries=0, http_client=http) as client,
            closing(client.post(path, cast_to=object, body=body, stream=True, stream_cls=Stream[object])) as stream,
        ):
            kind = stream.response.headers.get("content-type", "")
            if "json" in kind or "html" in kind:
                stream.response.read()
                yield self._whole(stream.response)
                return
            for event in stream:
                if isinstance(event, Mapping):
                    yield event

    def _whole(self, response: httpx2.Response) -> Event:
        """Return an answer that came in one piece, from a server that does not stream.

        Raises:
            Fault: It is none.
        """
        try:
            data = response.json()
        except ValueError:
            data = None
        if not isinstance(data, Mapping) or data.get("error") or not data.get("choices"):
            raise self.said(response.status_code, response.text, response.headers)
        return data


class Line:
    """The sockets of one call, which any thread can cut off.

    Closing a socket does not wake who waits for it, and its number may be another's by then; shutting it down does, and
    leaves the closing to whoever reads.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = Lock()
        self.is_cut = False

    def watch(self, request: httpx2.Request) -> None:
        """Have the connections that a request makes told to this line."""
        request.extensions["trace"] = self._hear

    def cut(self) -> None:
        """Shut down what is connected, and what will be."""
        with self._lock:
            self.is_cut = True
            for each in self._sockets:
                _shut_down(each)

    def _hear(self, what: str, info: Mapping[str, Any]) -> None:
        if not what.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        found = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.append(found)
            if self.is_cut:
                _shut_down(found)


class Conversation(Iterator[Part]):
    """The parts of one reply; `close`, from any thread, ends the connection."""

    def __init__(
        self, talk: Callable[[Line], Generator[Part, None, None]], fault: Callable[[Exception], Fault]
    ) -> None:
        """Begin nothing yet.

        Args:
            talk: Speaks over a line, and yields the parts.
            fault: Says what an error means.
        """
        self._line = Line()
        self._parts = talk(self._line)
        self._fault = fault

    def __next__(self) -> Part:
        """Return the next part.

        Raises:
            Fault: What went wrong.
        """
        try:
            return next(self._parts)
        except (Fault, StopIteration):
            raise
        except Exception as error:
            if self._line.is_cut:  # by another thread, while it was read; then it may fail in any way
                raise StopIteration from None
            if not isinstance(error, _FAILURES):
                raise
            raise self._fault(error) from error

    def close(self) -> None:
        """End the connection."""
        self._line.cut()  # what has not begun does so in vain
        with suppress(ValueError):  # another thread reads: it is woken, and closes what it holds
            self._parts.close()


def _shut_down(found: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        # the method of a TLS socket would take its state away from who reads it
        socket.socket.shutdown(found, socket.SHUT_RDWR)
