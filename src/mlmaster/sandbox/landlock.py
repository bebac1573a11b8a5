"""What Landlock on this machine can do, and what it cannot; the rules themselves are applied by `inside/landlock.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable

_MISSING = (
    (2, "files cannot be moved or linked from one folder into another, not even in a script's own folders"),
    (3, "a script can empty files that it may not write, where the rights of its user allow it"),
    (4, "TCP is denied by the filter of system calls alone"),
    (5, "a script can send device commands (ioctl) to every device that it may read"),
    (6, "a script can send signals to every process of its user"),
    (6, "unix sockets without a file are denied by the filter of system calls alone"),
)
_ALWAYS = (
    "a script sees names, sizes and times of files everywhere",
    "a script can change permissions and times of its user's files, and slow down its user's other processes",
)


def abi() -> int:
    """Return the version of Landlock to build on, 0 where there is none: the newest that both the kernel and we know."""
    if sys.platform != "linux":
        return 0
    from mlmaster.sandbox.inside import landlock  # ctypes: only where it is needed

    return highest(min(landlock.version(), landlock.KNOWN_ABI), landlock.is_granted)


def highest(named: int, is_granted: Callable[[int], bool]) -> int:
    """Return the newest version, up to the named one, of which the kernel accepts rules.

    Distributions carry parts of later versions back: RHEL 9 names version 6 and refuses to scope signals.
    """
    return next((version for version in range(named, 0, -1) if is_granted(version)), 0)


def weaknesses(abi: int) -> tuple[str, ...]:
    """Return what scripts walled in by this version of Landlock can do all the same, or cannot though they should."""
    if abi < 1:
        return ("this kernel has no Landlock (Linux 5.13 or newer, with landlock among its security modules)",)
    return (*(text for since, text in _MISSING if abi < since), *_ALWAYS)
