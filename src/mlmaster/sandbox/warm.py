"""The warm interpreter, seen from the harness: started, asked for forks, started anew when it has died.

Linux alone: elsewhere libraries do not survive a fork.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.environment import TOKEN
from mlmaster.sandbox.start import INSIDE

_LOADING_S = 180.0
_ANSWER_S = 60.0
_TRIES = 2
_TOKEN_CHARACTERS = 32
_FIXED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # pandas loads pyarrow where it is installed, whose allocator starts a thread; a fork needs a process without
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    TOKEN: "0" * _TOKEN_CHARACTERS,
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a warm interpreter has told of itself.

    Attributes:
        threads: How many it has; more than one, and it does not serve.
        missing: Modules that could not be loaded, and why.
        restless: The first module after which there were threads, or "".
    """

    threads: int
    missing: Mapping[str, str] = field(default_factory=dict)
    restless: str = ""


class WarmSupervisor:
    """A fork of the zygote."""

    def __init__(self, pid: int, handle: int | None) -> None:
        self.pid = pid
        self._handle = handle

    def kill(self) -> None:
        """Kill it by its handle, which never means another process."""
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def forget(self) -> None:
        """Let go of the handle; the zygote's forks are collected by the kernel."""
        self.kill()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class Zygote:
    """Starts supervisors as forks of one process that has the libraries loaded. Loading begins at once, in the background.

    Args:
        python: The interpreter, by its absolute path.
        environment: Allow-listed; see `mlmaster.sandbox.environment`.
        preload: Modules to load; those that are not there are passed over.
    """

    name = "warm"

    def __init__(self, python: str, environment: Mapping[str, str], preload: Sequence[str]) -> None:
        self._command = [python, str(INSIDE), "zygote"]
        self._preload = tuple(preload)
        self._environment = {**environment, **_FIXED}
        self._lock = Lock()
        self._loaded: Loaded | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._refusal = ""
        with self._lock, contextlib.suppress(OSError):  # tried again, and told, when the first script comes
            self._begin()

    @property
    def is_warm(self) -> bool:
        """Return True: scripts are played by forks."""
        return True

    @property
    def pid(self) -> int | None:
        """Return the number of the process, to measure what it holds."""
        return None if self._process is None else self._process.pid

    def wait(self) -> Loaded:
        """Return what it has loaded, once it has.

        Raises:
            InfrastructureError: It does not come up.
        """
        with self._lock:
            return self._wait()

    def start(self, lifeline: int, status: int, output: int) -> WarmSupervisor:
        """See `mlmaster.sandbox.start.Start.start`."""
        with self._lock:
            for attempt in range(_TRIES):
                try:
                    loaded = self._wait()
                    if loaded.threads > 1:
                        raise InfrastructureError(
                            f"the warm interpreter has {loaded.threads} threads and cannot be forked"
                        )
                    return self._ask(lifeline, status, output)
                except (OSError, InfrastructureError) as error:
                    if isinstance(error, OSError) and error.errno == errno.ETOOMANYREFS:
                        raise  # it is well, and another would not be told either
                    self._end()
                    if attempt == _TRIES - 1:
                        raise
            raise AssertionError

    def close(self) -> None:
        """End it, for good; what it has forked goes on."""
        with self._lock:
            self._refusal = "the warm interpreter was closed"
            self._end()

    def _begin(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*self._command, str(theirs.fileno()), json.dumps(self._preload)],
                    cwd="/",
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        self._connection = ours

    def _wait(self) -> Loaded:
        if self._refusal:
            raise InfrastructureError(self._refusal)
        if self._connection is None:
            self._begin()
        if self._loaded is None:
            try:
                data = self._receive(_LOADING_S, 0)[0]
            except InfrastructureError as error:
                self._refusal = str(error)  # every script would else wait as long again
                self._end()
                raise
            self._loaded = Loaded(**json.loads(data))
        return self._loaded

    def _ask(self, lifeline: int, status: int, output: int) -> WarmSupervisor:
        assert self._connection is not None
        socket.send_fds(self._connection, [b"fork"], [lifeline, status, output])
        number, handles = self._receive(_ANSWER_S, 1)
        return WarmSupervisor(int(number), handles[0] if handles else None)

    def _receive(self, timeout_s: float, descriptors: int) -> tuple[bytes, list[int]]:
        assert self._connection is not None
        poll = select.poll()  # `select` fails where the harness has a thousand files open
        poll.register(self._connection, select.POLLIN)
        if not poll.poll(1000 * timeout_s):
            raise InfrastructureError(f"the warm interpreter {self._command[0]} has not answered for {timeout_s:g} s")
        data, handles, _, _ = socket.recv_fds(self._connection, 1 << 16, descriptors)
        if not data:
            raise InfrastructureError(f"the warm interpreter {self._command[0]} has ended")
        return data, list(handles)

    def _end(self) -> None:
        self._loaded = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
