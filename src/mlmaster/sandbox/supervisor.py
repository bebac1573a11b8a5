"""The process between the harness and a script; run by path in a fresh interpreter, never imported by the harness.

It owns: becoming the reaper of every process the script starts (so that a daemon that lets go of its parents comes
here, not to init), the script's own limits, and the end of the whole tree when the script ends or the harness does. It
watches nothing: that is `watchdog.py`, in the harness.

Being a fresh interpreter with one thread, it may run Python between fork and exec; the harness, which has threads, may
not. It depends on the standard library alone, because the interpreter starts with `-I -S`.

    supervisor.py LIFELINE STATUS FILE_BYTES CORES COMMAND...

LIFELINE is a descriptor that ends when the harness closes it or dies. To the descriptor STATUS it writes lines:
`failed REASON`, `ended WAIT_STATUS`, `usage CPU_SECONDS PEAK_BYTES`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the command, end its tree, report."""
    lifeline, status, file_bytes = (int(argument) for argument in arguments[:3])
    cores = {int(core) for core in arguments[3].split(",") if core}
    for descriptor in (lifeline, status):
        os.set_inheritable(descriptor, False)
    _adopt_orphans()
    bell = _ring_when_a_child_ends()
    pid = os.fork()
    if pid == 0:
        _become(arguments[4:], file_bytes, cores, status)
    is_left = True
    while is_left:
        ready, _, _ = select.select([lifeline, bell], [], [])
        if bell in ready:
            os.read(bell, 4096)
        is_left = not _reap(pid, status) and lifeline not in ready
    while _has_children():
        _kill_descendants(pid)
        _reap(pid, status)
        time.sleep(0.002)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    _tell(status, f"usage {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss * unit}")
    return 0


def _tell(status: int, line: str) -> None:
    with contextlib.suppress(OSError):  # the harness may be gone; ending the tree matters more
        os.write(status, line.encode("utf-8", "replace") + b"\n")


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ring_when_a_child_ends() -> int:
    bell, ringer = os.pipe()
    os.set_blocking(ringer, False)
    signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return bell


def _become(command: list[str], file_bytes: int, cores: set[int], status: int) -> None:
    """Turn the forked child into the command, in a session of its own; never returns."""
    try:
        os.setsid()  # so that a script that signals its own group does not reach the supervisor
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        allowed = file_bytes if hard == resource.RLIM_INFINITY else min(file_bytes, hard)
        resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, allowed))
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text("1000")
            if cores:
                with contextlib.suppress(OSError):  # a core may have gone offline; slower, never wrong
                    os.sched_setaffinity(0, cores)
        os.execv(command[0], command)
    except (OSError, ValueError) as error:
        _tell(status, f"failed {command[0]}: {error}")
    os._exit(127)


def _reap(main: int, status: int) -> bool:
    """Collect every ended child; return True when `main` was among them."""
    is_main_ended = False
    while True:
        try:
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return is_main_ended
        if pid == 0:
            return is_main_ended
        if pid == main:
            is_main_ended = True
            _tell(status, f"ended {wait_status}")


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _kill_descendants(main: int) -> None:
    """Kill all below this process, not only its children: the fewer rounds, the less a forking tree can outrun them."""
    with contextlib.suppress(OSError):
        os.killpg(main, signal.SIGKILL)
    parents = dict(_parents())
    for pid in parents:
        ancestor = pid
        while ancestor in parents and ancestor != os.getpid():
            ancestor = parents[ancestor]
        if ancestor == os.getpid() and pid != ancestor:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _parents() -> list[tuple[int, int]]:
    """Return (process, parent) for every process; nothing where there is no /proc."""
    pairs = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # the second field is the program's name in brackets and may itself hold brackets and spaces
            fields = entry.read_bytes().rpartition(b")")[2].split()
            pairs.append((int(entry.parent.name), int(fields[1])))
    return pairs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
