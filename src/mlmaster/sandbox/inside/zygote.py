"""The warm interpreter: it has the libraries loaded, has one thread, and forks once for each script.

It is started fresh with an environment of its own and holds no secret. Over its control socket it is sent, for each
script, the three descriptors that `supervisor.py` describes, and answers with the fork's number and a descriptor of the
process.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from typing import Any

from mlmaster.sandbox.inside import script

_CHUNK = 4096


def serve(control: int, modules: str) -> tuple[int, int, int]:
    """Load modules (a JSON list of names) and serve; returns in each fork with its descriptors."""
    script.find_token()
    os.set_inheritable(control, False)
    os.chdir("/")
    with socket.socket(fileno=control) as connection:
        answer = _load(json.loads(modules))
        connection.sendall(json.dumps(answer).encode())
        if answer["threads"] > 1:
            sys.exit(1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks report for themselves, and leave no zombies
        gc.collect()
        gc.freeze()  # so that a fork's garbage collection leaves our pages shared
        while True:
            request, descriptors, _, _ = socket.recv_fds(connection, _CHUNK, 3)
            if not request:
                os._exit(0)
            number = os.fork()
            if number == 0:
                break
            _answer(connection, number)
            for descriptor in descriptors:
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    lifeline, status, output = descriptors
    return lifeline, status, output


def _load(modules: list[str]) -> dict[str, Any]:
    """Import what is there; return what is missing, how many threads there are afterwards, and which module began them."""
    missing, restless = {}, ""
    for name in modules:
        try:
            __import__(name)
        except Exception as error:  # whatever a library raises when it cannot be loaded, scripts may do without it
            missing[name] = f"{type(error).__name__}: {error}"
        if not restless and _threads() > 1:
            restless = name
    return {"missing": missing, "threads": _threads(), "restless": restless}


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def _answer(connection: socket.socket, number: int) -> None:
    handles = []
    with contextlib.suppress(OSError):  # it may have ended already
        handles.append(os.pidfd_open(number))
    try:
        socket.send_fds(connection, [str(number).encode()], handles)
    except OSError:  # too many descriptors of this user are in flight
        connection.send(str(number).encode())
    for handle in handles:
        os.close(handle)
