"""Folders that every process of a machine may write, and whether scripts can be given their own instead.

The covering itself is done by `supervisor.py`, in a mount namespace that ends with the script.
"""

from __future__ import annotations

import subprocess
import sys

MEMORY = "/dev/shm"
SHARED = ("/tmp", "/var/tmp", MEMORY)

_TRY = """
import ctypes, sys
libc = ctypes.CDLL(None)
sys.exit((libc.unshare(0x20000) and libc.unshare(0x10020000)) or libc.mount(b"none", b"/", None, 0x44000, None))
"""


def are_granted() -> bool:
    """Return True where this machine lets a script have a mount namespace, and so shared folders of its own.

    As a rule it does for root, and for users unless a container or AppArmor denies it.
    """
    if sys.platform != "linux":
        return False
    tried = subprocess.run([sys.executable, "-I", "-S", "-c", _TRY], check=False, capture_output=True)
    return tried.returncode == 0
