"""A process that has the numerical libraries loaded and forks once for each script; run by path, on its own.

    python -Ps fork_server.py SOCKET

It is exec'd fresh, has one thread, and serves one connection at a time: a JSON line {directory, log, environment, wall_s} is
answered by a JSON line {wait_status, cpu_s, wall_s, peak_bytes, ended}. Any byte that comes before the answer ends the script
(`cancelled`), as do the time limit (`timeout`) and the end of the connection. Isolation is no aim: see `warm.py`.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

PRELOADED = (
    "numpy",
    "pandas",
    "scipy.sparse",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.svm",
    "lightgbm",
    "xgboost",
    "catboost",
)


_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
"""linux/prctl.h"""


def serve(path: str) -> None:
    """Load the libraries, then serve connections for ever."""
    for name in PRELOADED:
        __import__(name)
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads > 1:
        raise SystemExit(f"the zygote has {threads} threads after its imports; a fork of it could lock up")
    _ask_kernel(_PR_SET_CHILD_SUBREAPER, 1)
    _ask_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL)
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}.new")
        listener.listen(1)
        Path(f"{path}.new").rename(path)  # who sees the socket can connect
        while True:
            connection, _ = listener.accept()
            with connection:
                _serve_one(connection, listener)


def _ask_kernel(option: int, value: int) -> None:
    if ctypes.CDLL(None).prctl(option, value, 0, 0, 0):
        raise SystemExit(f"the kernel refuses prctl option {option}")


def _serve_one(connection: socket.socket, listener: socket.socket) -> None:
    unread = b""
    while True:
        while b"\n" not in unread:
            data = connection.recv(1 << 16)
            if not data:
                return
            unread += data
        line, unread = unread.split(b"\n", 1)
        if not line:  # a wish to cancel that came after the end
            continue
        answer = _run(json.loads(line), connection, listener)
        try:
            connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            return


def _run(request: dict[str, Any], connection: socket.socket, listener: socket.socket) -> dict[str, Any]:
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        connection.close()
        listener.close()
        _become(request)
    handle = os.pidfd_open(child)
    watched: list[int] = [handle, connection.fileno()]
    ready, _, _ = select.select(watched, [], [], request["wall_s"])
    ended = "itself" if handle in ready else "cancelled" if ready else "timeout"
    if ended != "itself":
        os.kill(child, signal.SIGKILL)
    if ended == "cancelled":
        connection.recv(1 << 16)
    _, wait_status, usage = os.wait4(child, 0)
    _end_orphans()
    os.close(handle)
    return {
        "wait_status": wait_status,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.monotonic() - start,
        "peak_bytes": usage.ru_maxrss * 1024,
        "ended": ended,
    }


def _end_orphans() -> None:
    """Kill what a script left behind, which is ours by adoption, and wait for its end."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for orphan in own.read_text().split():
            os.kill(int(orphan), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _become(request: dict[str, Any]) -> None:
    """Turn the fork into `python solution.py`; never returns."""
    status = 1
    try:
        _ask_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a script ends with its server
        os.setsid()
        os.chdir(request["directory"])
        output = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, 1024)
        os.environ.clear()
        os.environ.update(request["environment"])
        tempfile.tempdir = None
        sys.argv = ["solution.py"]
        sys.path.insert(0, request["directory"])
        random.seed()
        sys.modules["numpy"].random.seed()
        status = _play()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _play() -> int:
    try:
        runpy.run_path("solution.py", run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001 - whatever a script raises is its own end
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
