"""A machine that grants nothing: runs a command under a filter that refuses namespaces and Landlock.

`python denied.py COMMAND …`; x86-64 alone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_LANDLOCK_CREATE_RULESET, _UNSHARE, _CLONE3 = 444, 272, 435
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _WITH_FILTER = 22, 38, 2
_REFUSED = {_LANDLOCK_CREATE_RULESET: errno.ENOSYS, _UNSHARE: errno.EPERM, _CLONE3: errno.ENOSYS}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def deny() -> None:
    """Take them from this process and all it starts."""
    steps = [(_LOAD, 0, 0, 0)]
    for number, answer in _REFUSED.items():
        steps += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL_WITH | answer)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p).value)
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if library.prctl(_PR_SET_SECCOMP, _WITH_FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter can be put on")


if __name__ == "__main__":
    deny()
    os.execvp(sys.argv[1], sys.argv[1:])
