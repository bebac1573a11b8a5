"""One script and its supervisor, seen from the harness: started, listened to, ended."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmaster.sandbox.log import Log
from mlmaster.sandbox.tree import ProcessTree

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_CHUNK = 1 << 16
_GRACE_S = 1.0
_ROUND_S = 0.1


@dataclass(slots=True)
class Report:
    """What the supervisor has told so far.

    Attributes:
        failure: Why the script could not be started, or None.
        wait_status: The script's status as `os.waitpid` gives it, or None while it runs or when nobody is left to tell.
        cpu_s: Seconds, the whole tree.
        peak_bytes: Resident memory of the largest process.
    """

    failure: str | None = None
    wait_status: int | None = None
    cpu_s: float | None = None
    peak_bytes: int = 0


class Supervised:
    """A running script. Used by one thread.

    Args:
        command: The program, by its absolute path, and its arguments.
        directory: The working directory.
        environment: The whole environment, and with it the token.
        token: The tree's mark.
        file_bytes: The size no single file may exceed.
        cores: The cores the script is pinned to; none for no pinning.
        covers: Which shared folders it gets of its own; see `supervisor._cover`.
        log: Takes what the script prints.

    Raises:
        OSError: The supervisor cannot be started.
    """

    def __init__(
        self,
        command: list[str],
        directory: Path,
        environment: Mapping[str, str],
        token: str,
        file_bytes: int,
        cores: Collection[int],
        covers: Mapping[str, Any],
        log: Log,
    ) -> None:
        self.report = Report()
        self._log = log
        self._unread = b""
        self._selector = selectors.DefaultSelector()
        ours: list[int] = []
        theirs: list[int] = []
        try:
            theirs_lifeline, self._lifeline = os.pipe()
            theirs.append(theirs_lifeline)
            ours.append(self._lifeline)
            self._status, theirs_status = os.pipe()
            theirs.append(theirs_status)
            ours.append(self._status)
            self._output, theirs_output = os.pipe()
            theirs.append(theirs_output)
            ours.append(self._output)
            pins = ",".join(map(str, sorted(cores)))
            arguments = [str(theirs_lifeline), str(theirs_status), str(file_bytes), pins, json.dumps(covers), *command]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISOR), *arguments],
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=theirs_output,
                stderr=theirs_output,
                pass_fds=(theirs_lifeline, theirs_status),
                start_new_session=True,
            )
        except BaseException:
            for descriptor in ours:
                os.close(descriptor)
            self._selector.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        self.tree = ProcessTree(self._process.pid, token)
        for descriptor in (self._status, self._output):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)

    def listen(self, timeout_s: float) -> bool:
        """Take in what is printed and told for at most one timeout; return False when the script has ended.

        It has ended as well when its supervisor is gone without a word.
        """
        for key, _ in self._selector.select(timeout_s):
            data = _read(key.fd)
            if data == b"":
                self._selector.unregister(key.fd)
            elif data is not None and key.fd == self._output:
                self._log.write(data)
            elif data is not None:
                self._hear(data)
        return self.report.wait_status is None and self._is_supervisor_there

    def end(self) -> None:
        """End the whole tree, collect what was printed last, and release everything.

        Raises:
            InfrastructureError: A process does not die.
        """
        os.close(self._lifeline)
        try:
            until = time.monotonic() + _GRACE_S
            while self._is_supervisor_there and time.monotonic() < until:
                self.listen(_ROUND_S)
            if self._is_supervisor_there:
                self.tree.members()  # remembered, as they are orphans from here on
                os.kill(self._process.pid, signal.SIGKILL)
            self.tree.kill()
        finally:
            # not by Popen, which may collect it: the number stays ours until `wait4` gives it up
            os.kill(self._process.pid, signal.SIGKILL)
            _, _, usage = os.wait4(self._process.pid, 0)
            self._process.returncode = 0  # collected here, for the usage that Popen would throw away
            if self.report.cpu_s is None:
                self.report.cpu_s = usage.ru_utime + usage.ru_stime
            self._drain()
            self._selector.close()
            os.close(self._status)
            os.close(self._output)

    @property
    def _is_supervisor_there(self) -> bool:
        return self._status in self._selector.get_map()

    def _drain(self) -> None:
        """Read what is left in the pipe: nobody is alive to write more."""
        while data := _read(self._output):
            self._log.write(data)

    def _hear(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode("utf-8", "replace").partition(" ")
            # a script of the same user can write here through /proc: nothing told here may name a process to kill,
            # and nonsense must not take the harness down
            with contextlib.suppress(ValueError):
                if word == "failed":
                    self.report.failure = rest
                elif word == "ended":
                    self.report.wait_status = int(rest)
                elif word == "usage":
                    cpu_s, _, peak_bytes = rest.partition(" ")
                    self.report.cpu_s, self.report.peak_bytes = float(cpu_s), int(peak_bytes)


def _read(descriptor: int) -> bytes | None:
    """Return what is there; None when nothing is, an empty string at the end."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
