"""A root of a script's own, built from read-only views of what it may see. Runs as the first process of its namespaces."""

from __future__ import annotations

import os

from mlmaster.sandbox.inside import kernel
from mlmaster.sandbox.inside.plan import Mounts

_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV
_STANDARD_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_ROOT_BYTES = 4 << 20
_MOST_FILES = 200_000
"""Inodes of each of /tmp and /dev/shm."""


def enter(mounts: Mounts) -> list[int]:
    """Build the new root and move into it.

    Returns:
        Descriptors of the folders that are held in memory, by which the harness measures them.

    Raises:
        OSError: The kernel refuses some mount; says which.
    """
    root = mounts.root
    os.umask(0o022)  # whatever the user's own: a script's user passes through the folders made here
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", root, "tmpfs", _QUIET, f"size={_ROOT_BYTES},mode=755")
    for name in ("/tmp", "/dev/shm"):
        os.makedirs(root + name)
        data = f"size={mounts.memory_bytes},mode=1777,nr_inodes={_MOST_FILES}"
        kernel.mount("tmpfs", root + name, "tmpfs", _QUIET, data)
    os.makedirs(root + "/proc")
    # read-only: a script could take back there that it is the first to go when memory is short
    kernel.mount("proc", root + "/proc", "proc", _QUIET | kernel.MS_NOEXEC | kernel.MS_RDONLY)
    for path in sorted({*mounts.readable, *mounts.writable}):  # a folder before what lies in it
        _show(path, root + path, is_writable=path in mounts.writable)
    if mounts.view is not None:
        _show(mounts.view, root + mounts.input, is_writable=False)
    for device in mounts.devices:
        _show(device, root + device, is_writable=True, is_device=True)
    links = {**mounts.links, **{f"/dev/{name}": goal for name, goal in _STANDARD_LINKS.items()}, "/var/tmp": "/tmp"}
    for name, goal in links.items():
        os.makedirs(os.path.dirname(root + name), exist_ok=True)
        if not os.path.lexists(root + name):
            os.symlink(goal, root + name)
    for name, text in mounts.files.items():
        os.makedirs(os.path.dirname(root + name), exist_ok=True)
        with open(root + name, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(root + name, 0o644)
    kernel.change_root(root)
    kernel.set_mount_flags("/", kernel.MS_RDONLY, recursively=False)
    return [os.open(name, os.O_PATH | os.O_DIRECTORY) for name in ("/tmp", "/dev/shm")]


def _show(source: str, target: str, *, is_writable: bool, is_device: bool = False) -> None:
    """Show a file or folder under another name. Parents that are not there are made, open to everyone."""
    if os.path.isdir(source):
        os.makedirs(target, mode=0o755, exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        if not os.path.exists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    else:
        return
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)
    flags = kernel.MS_NOSUID | (0 if is_device else kernel.MS_NODEV) | (0 if is_writable else kernel.MS_RDONLY)
    kernel.set_mount_flags(target, flags, recursively=True)
