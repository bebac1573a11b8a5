"""Calls of the Linux kernel that Python's library does not offer."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 28, 36, 38, 47
SECBIT_NO_SETUID_FIXUP = 4
PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL = 2, 4
SECCOMP_MODE_FILTER = 2
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
CAP_DAC_READ_SEARCH = 2

_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION = 0x20080522

libc: Any = ctypes.CDLL(None, use_errno=True)
is_linux = sys.platform == "linux"


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def demand(result: int, what: str) -> None:
    """Raise OSError when a call has failed."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, first: int = 0, second: int = 0) -> None:
    """Change something about this process."""
    arguments = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
    demand(libc.prctl(option, *arguments), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    demand(libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount something; `target` must be there."""
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    demand(libc.mount(*words[:3], ctypes.c_ulong(flags), words[3]), f"mount {source} on {target}")


def set_mount_flags(target: str, flags: int, *, recursively: bool) -> None:
    """Add flags (MS_RDONLY, MS_NOSUID, …) to a mount, and to those below it (Linux 5.12)."""
    # struct mount_attr: what to set, what to clear, propagation, user namespace; its first bits are those of MS_*
    wanted = (ctypes.c_uint64 * 4)(flags, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    depth = _AT_RECURSIVE if recursively else 0
    path = os.fsencode(target)
    demand(libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path, depth, ctypes.byref(wanted), size), f"mount flags of {target}")


def change_root(root: str) -> None:
    """Make `root`, a mount, the root of this mount namespace; nothing of the old one stays."""
    os.chdir(root)
    demand(libc.pivot_root(b".", b"."), f"pivot_root to {root}")
    demand(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def drop_bounds(kept: int | None) -> None:
    """See to it that nothing executed later gains a capability, but one; needs rights that a change of user takes."""
    for number in range(_LAST_CAPABILITY + 1):
        if number != kept:  # fails beyond the last one there is, and where we have no such right, nor anything to lose
            libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0)


def drop_capabilities(kept: int | None) -> None:
    """Give up every capability but one, which what is executed later keeps too."""
    libc.prctl(PR_CAP_AMBIENT, ctypes.c_ulong(PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)
    bits = 0 if kept is None else 1 << kept
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0)
    demand(libc.capset(ctypes.byref(header), ctypes.byref(sets)), "capset")
    if kept is not None:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept)


def filter_calls(program: bytes) -> None:
    """Apply a seccomp filter to this process and all that it starts; `no_new_privs` must be set."""
    argument = _Program(len(program) // 8, program)
    demand(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(argument), 0, 0), "seccomp")
