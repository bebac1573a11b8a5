"""The process between the harness and a script; run by path in a fresh interpreter, never imported by the harness.

It owns: becoming the reaper of every process the script starts (so that a daemon that lets go of its parents comes
here, not to init), the script's own limits, its own empty `/tmp`, `/var/tmp` and `/dev/shm` with all else read-only where
the kernel grants a mount namespace, and the end of the whole tree when the script ends or the harness does. It watches
nothing: that is `watchdog.py`, in the harness.

Being a fresh interpreter with one thread, it may run Python between fork and exec; the harness, which has threads, may
not. It depends on the standard library alone, because the interpreter starts with `-I -S`.

    supervisor.py LIFELINE STATUS FILE_BYTES CORES COVERS COMMAND...

LIFELINE is a descriptor that ends when the harness closes it or dies. COVERS is JSON, see `_cover`. To the descriptor STATUS
it writes lines:
`failed REASON`, `ended WAIT_STATUS`, `usage CPU_SECONDS PEAK_BYTES`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MOUNT_SETATTR, _MOUNT_ATTR_RDONLY, _AT_FDCWD, _AT_RECURSIVE = 442, 1, -100, 0x8000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18


def main(arguments: list[str]) -> int:
    """Run the command, end its tree, report."""
    lifeline, status, file_bytes = (int(argument) for argument in arguments[:3])
    cores = {int(core) for core in arguments[3].split(",") if core}
    covers = json.loads(arguments[4])
    for descriptor in (lifeline, status):
        os.set_inheritable(descriptor, False)
    _adopt_orphans()
    bell = _ring_when_a_child_ends()
    pid = os.fork()
    if pid == 0:
        _become(arguments[5:], file_bytes, cores, covers, status)
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
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ring_when_a_child_ends() -> int:
    bell, ringer = os.pipe()
    os.set_blocking(ringer, False)
    signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return bell


def _become(command: list[str], file_bytes: int, cores: set[int], covers: dict[str, Any], status: int) -> None:
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
            with contextlib.suppress(OSError):  # denied here: the script shares these folders, as `process.py` says
                _cover(**covers)
        os.execv(command[0], command)
    except (OSError, ValueError) as error:
        _tell(status, f"failed {command[0]}: {error}")
    os._exit(127)


def _cover(
    folders: list[str], memory: str, memory_bytes: int, kept: list[str], writable: list[str], stock: str
) -> None:
    """Put an empty folder of this script's own over each shared one, in a mount namespace that ends with the script.

    Everything but these and `writable` can then only be read: what a script leaves elsewhere would meet its next fold.

    Args:
        folders: What is covered.
        memory: The one of them that is held in memory.
        memory_bytes: What it may hold.
        kept: What stays visible below the covered folders.
        writable: What the script may write beside them; it stays visible too.
        stock: Where the folders of its own are made.

    Raises:
        OSError: The kernel grants no such namespace; what was covered until then stays so.
    """
    here = Path.cwd()
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        _demand(libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")

    def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        words = [None if word is None else word.encode() for word in (source, target, kind, data)]
        _demand(libc.mount(*words[:3], ctypes.c_ulong(flags), words[3]))

    mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    done: list[Path] = []
    for number, folder in enumerate(map(os.path.realpath, folders)):
        target = Path(folder)
        if not target.is_dir() or any(target.is_relative_to(outer) for outer in done):
            continue
        own = Path(stock, str(number))
        own.mkdir(mode=0o700)
        if folder == memory:
            mount("tmpfs", str(own), "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={memory_bytes},mode=1777")
        for path in map(Path, {*kept, *writable}):
            if path.is_relative_to(target) and path.is_dir():
                (own / path.relative_to(target)).mkdir(parents=True, exist_ok=True)
                mount(str(path), str(own / path.relative_to(target)), None, _MS_BIND | _MS_REC)
        mount(str(own), str(target), None, _MS_BIND | _MS_REC)
        done.append(target)
    for name in writable:
        mount(name, name, None, _MS_BIND | _MS_REC)
    _set_read_only("/", is_read_only=True, flags=_AT_RECURSIVE)
    for name in (*map(str, done), *writable):
        _set_read_only(name, is_read_only=False, flags=0)
    os.chdir(here)  # the same folder, below what covers the shared ones now


def _set_read_only(path: str, *, is_read_only: bool, flags: int) -> None:
    attribute = _MOUNT_ATTR_RDONLY
    # struct mount_attr: what to set, what to clear, propagation, user namespace (Linux 5.12)
    wanted = (ctypes.c_uint64 * 4)(attribute if is_read_only else 0, 0 if is_read_only else attribute, 0, 0)
    call = ctypes.CDLL(None, use_errno=True).syscall
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    _demand(call(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, ctypes.byref(wanted), size))


def _demand(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


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
