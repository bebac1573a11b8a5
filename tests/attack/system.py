"""Calls of the kernel that Python has no names for, and what attacks could leave on the machine."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.shmat.restype = ctypes.c_void_p
_SIZE = 64
_MQ_OPEN, _MQ_UNLINK, _MQ_SEND = 240, 241, 242
_NAME_TO_HANDLE_AT = 303
_REMOVE = 0
_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")


def share_memory(key: int, text: str) -> None:
    """Make a System V segment that every user may read and write."""
    number = _LIBC.shmget(key, _SIZE, 0o1666)
    address = _LIBC.shmat(number, None, 0)
    ctypes.memmove(address, text.encode().ljust(_SIZE, b"\0"), _SIZE)
    _LIBC.shmdt(ctypes.c_void_p(address))


def forget_shared_memory(key: int) -> None:
    """Remove a System V segment if it is there."""
    number = _LIBC.shmget(key, 0, 0)
    if number != -1:
        _LIBC.shmctl(number, _REMOVE, None)


def refill_queue(name: str, text: str) -> None:
    """Make a POSIX message queue with one message that every user may read; nothing where the kernel has none."""
    forget_queue(name)
    attributes = ctypes.create_string_buffer(struct.pack("=8q", 0, 2, 128, 0, 0, 0, 0, 0))
    kept = os.umask(0)
    queue = _LIBC.syscall(_MQ_OPEN, name.encode(), os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666, attributes)
    os.umask(kept)
    if queue != -1:
        _LIBC.syscall(_MQ_SEND, queue, text.encode(), len(text), 0, None)
        os.close(queue)


def forget_queue(name: str) -> None:
    """Remove a POSIX message queue if it is there."""
    _LIBC.syscall(_MQ_UNLINK, name.encode())


def handle_of(path: Path) -> bytes:
    """Return the kernel's handle of a file, as `open_by_handle_at` takes it; empty where there is none."""
    handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 136)
    mount = ctypes.c_int()
    if _LIBC.syscall(_NAME_TO_HANDLE_AT, -100, os.fsencode(path), handle, ctypes.byref(mount), 0):
        return bytes(8)
    return handle.raw[: 8 + struct.unpack_from("=I", handle.raw)[0]]


def held_locks(folder: Path) -> Iterator[str]:
    """Yield the names of the locks in a folder that a living process holds."""
    for path in folder.glob("lock-*"):
        with contextlib.suppress(OSError), path.open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield path.name.removeprefix("lock-")


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the living processes whose working directory, or whose environment, is below or names a folder."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            places = [process.cwd(), *process.environ().values()]
            if process.status() != psutil.STATUS_ZOMBIE and any(place.startswith(str(folder)) for place in places):
                found.append(process)
    return found


def forget_files(mark: str) -> None:
    """Remove the files of a name from the folders that everybody shares."""
    for path in _shared():
        if path.name.startswith(mark):
            path.unlink()


def kept(base: Path, mark: str, victims: Collection[int]) -> dict[str, list[str]]:
    """Return what a sandbox of this process, attacked on a ground, could leave on this machine.

    Other programs come and go meanwhile, so only what is ours is told: processes, mounts and groups that name the ground or
    this process, what lies in shared folders under the name that attacks give, and the number of open descriptors.
    """
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    groups = Path("/sys/fs/cgroup").glob(f"**/mlmaster-{os.getpid()}-*")
    return {
        "processes": sorted(str(process) for process in processes_in(base) if process.pid not in victims),
        "mounts": sorted(line for line in mounts if str(base) in line),
        "control groups": sorted(map(str, groups)),
        "files": sorted(str(path) for path in _shared() if path.name.startswith(mark)),
        "descriptors": [str(len(list(Path("/proc/self/fd").iterdir())))],
    }


def _shared() -> Iterator[Path]:
    for folder in map(Path, _SHARED):
        if folder.is_dir():
            yield from folder.iterdir()
