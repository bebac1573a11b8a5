"""Landlock, applied to the calling process: which files it and all it starts may touch, and whom they may reach.

It only takes rights away, and for good. The system calls are made by number: the C library has no names for them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

from mlmaster.sandbox.inside.plan import Landlock

KNOWN_ABI = 7
"""The newest version that is asked for anything; what later ones can deny stays allowed."""

# the same numbers on all architectures
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK = 1 << 6, 1 << 7, 1 << 8, 1 << 9
_MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = 1 << 10, 1 << 11, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_UNIX_SOCKET, _SIGNAL = 1 << 0, 1 << 1

_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READABLE = _EXECUTE | _READ_FILE | _READ_DIR
_WRITABLE = (
    _READABLE
    | _WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_REG
    | _MAKE_SOCK
    | _MAKE_FIFO
    | _MAKE_SYM
    | _REFER
    | _TRUNCATE
)
_DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV


def version() -> int:
    """Return the version of Landlock that the kernel names, 0 when it has none."""
    try:
        return _call(_CREATE_RULESET, None, 0, _VERSION)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):  # not built in; built in, but not switched on
            return 0
        raise


def is_granted(abi: int) -> bool:
    """Tell whether the kernel denies all that version `abi` can deny: some name a version of which they have only parts."""
    try:
        os.close(_create(abi, with_network=False))
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def restrict(rules: Landlock) -> None:
    """Deny this thread, and all it starts, every file and process that the rules do not name.

    The caller has set no_new_privs. Paths that do not exist are passed over.

    Raises:
        OSError: The kernel refuses, or a path cannot be opened; nothing is restricted then.
    """
    if rules.abi < 1:
        raise OSError(errno.EOPNOTSUPP, "this kernel has no Landlock; run scripts in namespaces, or without walls")
    try:
        ruleset = _create(rules.abi, rules.with_network)
    except OSError as error:
        raise OSError(error.errno, f"Landlock refuses rules of version {rules.abi}: {error.strerror}") from error
    try:
        handled = _files(rules.abi)
        for paths, allowed in ((rules.readable, _READABLE), (rules.writable, _WRITABLE), (rules.devices, _DEVICE)):
            for path in paths:
                _add(ruleset, path, allowed & handled)
        try:
            _call(_RESTRICT_SELF, ruleset, 0)
        except OSError as error:
            cause = "no_new_privs is not set" if error.errno == errno.EPERM else error.strerror
            raise OSError(error.errno, f"Landlock cannot be applied: {cause}") from error
    finally:
        os.close(ruleset)


def _create(abi: int, with_network: bool) -> int:
    """Return the descriptor of a ruleset that denies all that a version can, but TCP when that is to stay."""
    network = _BIND_TCP | _CONNECT_TCP if abi >= 4 and not with_network else 0
    scoped = _ABSTRACT_UNIX_SOCKET | _SIGNAL if abi >= 6 else 0
    # a kernel takes more fields than it knows as long as they are zero
    attributes = struct.pack("=QQQ", _files(abi), network, scoped)
    return _call(_CREATE_RULESET, attributes, len(attributes), 0)


def _files(abi: int) -> int:
    """Return the rights on files that a version can deny."""
    newer = (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_IOCTL_DEV if abi >= 5 else 0)
    return (_REFER - 1) | newer


def _add(ruleset: int, path: str, allowed: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise OSError(error.errno, f"Landlock cannot name {path}: {error.strerror}") from error
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            allowed &= _OF_FILES
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, parent), 0)
    except OSError as error:
        raise OSError(error.errno, f"Landlock refuses a rule for {path}: {error.strerror}") from error
    finally:
        os.close(parent)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call and return its result, which is never negative."""
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    words = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in (number, *arguments)]
    result = int(function(*words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
