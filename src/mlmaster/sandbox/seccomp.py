"""The filter of system calls that every walled-in script runs under, assembled here as classic BPF.

Most calls are allowed: scripts are whole programs, and what they may touch is said by namespaces, Landlock and users. The
filter takes away what those walls stand on (mounts, namespaces, other processes, keys, the clock), sockets that leave the
sandbox, kernel objects that outlive a script and are counted nowhere, and the parts of the kernel that are attacked most and
needed least. Numbers that the newest kernel known here does not have answer as on an older kernel: not implemented.

It does not install itself: see `inside/walls.py`. Why no library does this: `docs/decisions/0008`.
"""

from __future__ import annotations

import errno
import platform
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the numbers below, and how the kernel names the architecture (AUDIT_ARCH_*)."""
_X32 = 1 << 30
_NEWEST = 470
"""`listns` of Linux 6.19: whatever is numbered above was not looked at when the lists below were made."""

NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # name: on x86_64, on aarch64; None where the architecture has no such call
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # mounts and roots
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    # namespaces
    "setns": (308, 268),
    "unshare": (272, 97),
    "clone": (56, 220),
    "clone3": (435, 435),
    # files by handle, watches and quotas of whole file systems
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # wide doors into the kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "modify_ldt": (154, None),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    # keys
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # the machine
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "iopl": (172, None),
    "ioperm": (173, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "personality": (135, 92),
    # memory and queues that are no process's
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # allowed for some arguments
    "prlimit64": (302, 261),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "socket": (41, 198),
    "socketpair": (53, 199),
}

_MEMORY_FILES = ("memfd_create", "memfd_secret")
_ABSENT = (
    *("clone3", "shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semctl"),
    *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
)
"""Answered as by a kernel without them: the C library then starts threads by `clone`, whose flags can be read here (those of
`clone3` lie behind a pointer); objects of System V and message queues outlive every process of a script, so that the next
evaluation of the same user would find what they hold, and Landlock does not guard those of the user's other programs."""
_CHECKED = ("unshare", "clone", "personality", "prlimit64", "ioctl", "fcntl", "socket", "socketpair")

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_NOT_IMPLEMENTED = 0x00050000 | errno.ENOSYS

_LOAD, _AND, _IF_EQUAL, _IF_GREATER, _IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in `struct seccomp_data`; an argument has 8 bytes, the lower half first."""

_CLONE_FS, _CLONE_FILES, _CLONE_SYSVSEM = 0x200, 0x400, 0x40000
_CLONE_NEW = 0x7E020000
"""Every namespace that `clone` can make; where its time namespace would be, `clone` has the number of a signal."""
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_STREAM, _DATAGRAM, _SEQUENCE, _TYPE = 1, 2, 5, 0xF
_TCP, _UDP, _NETLINK_ROUTE = 6, 17, 0
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SUBVOLUMES = (0x50009401, 0x5000940E, 0x50009417, 0x50009418, 0x4008941A)
"""Commands of btrfs: snapshots and subvolumes, which can be made such that nobody can change what is in them."""
_F_SETLEASE = 1024
_LOW = 0xFFFFFFFF


@dataclass(frozen=True)
class _Has:
    """True when half an argument, masked, is one of some values.

    The kernel itself reads the arguments compared here as numbers of 32 bits, but those whose upper half is compared too.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = _LOW
    is_upper: bool = False

    def instructions(self, miss: int) -> list[bytes]:
        """Return a test that falls through when it holds, and else jumps over the `miss` instructions behind it."""
        load = [_instruction(_LOAD, _ARGUMENTS + 8 * self.argument + 4 * self.is_upper)]
        if self.mask != _LOW:
            load.append(_instruction(_AND, self.mask))
        *others, last = self.values
        hits = [_instruction(_IF_EQUAL, value, len(others) - at, 0) for at, value in enumerate(others)]
        return [*load, *hits, _instruction(_IF_EQUAL, last, 0, miss)]


_Pattern = tuple[_Has, ...]


def is_supported() -> bool:
    """Tell whether this machine's architecture is one that a filter can be assembled for."""
    is_known = sys.platform == "linux" and platform.machine() in _ARCHITECTURES
    # a 32-bit interpreter on a 64-bit kernel would be killed at its first call
    return is_known and sys.byteorder == "little" and struct.calcsize("P") == 8


def program(
    *, with_network: bool, with_unix_sockets: bool, with_memory_files: bool, machine: str | None = None
) -> bytes:
    """Return the filter: an array of `struct sock_filter`.

    Args:
        with_network: Allow sockets of TCP and UDP, and what name lookup needs.
        with_unix_sockets: Allow unix sockets: only where none leads out of the sandbox, abstract ones included.
        with_memory_files: Allow files in memory alone (memfd): only where what they hold is counted (a cgroup).
        machine: Architecture as in `platform.machine()`; by default this machine's.

    Raises:
        KeyError: The architecture is unknown; see `is_supported`.
    """
    column, architecture = _ARCHITECTURES[machine or platform.machine()]
    absent = _ABSENT if with_memory_files else (*_ABSENT, *_MEMORY_FILES)
    code = [
        *(_instruction(_LOAD, _ARCHITECTURE), _instruction(_IF_EQUAL, architecture, 1, 0)),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NUMBER),
    ]
    if column == 0:
        code += [_instruction(_IF_AT_LEAST, _X32, 0, 1), _instruction(_RETURN, _REFUSE)]
    code += [_instruction(_IF_GREATER, _NEWEST, 0, 1), _instruction(_RETURN, _NOT_IMPLEMENTED)]
    for name, numbers in NUMBERS.items():
        number = numbers[column]
        if number is None or (name in _MEMORY_FILES and with_memory_files):
            continue
        if name in _CHECKED:
            answer = _checks(name, with_network, with_unix_sockets)
        else:
            answer = [_instruction(_RETURN, _NOT_IMPLEMENTED if name in absent else _REFUSE)]
        # every answer ends in returns of its own, so that no jump is longer than one answer (a jump has 8 bits)
        code += [_instruction(_IF_EQUAL, number, 0, len(answer)), *answer]
    return b"".join([*code, _instruction(_RETURN, _ALLOW)])


def _checks(name: str, with_network: bool, with_unix_sockets: bool) -> list[bytes]:
    """Return the answer to a call that is allowed for some arguments."""
    if name == "clone":
        return _allow([(_Has(0, (0,), _CLONE_NEW),)])
    if name == "unshare":
        harmless = _CLONE_FS | _CLONE_FILES | _CLONE_SYSVSEM
        return _allow([(_Has(0, (0,), _LOW & ~harmless), _Has(0, (0,), is_upper=True))])
    if name == "personality":
        return _allow([(_Has(0, (0, _LOW)),)])  # all ones asks what it is
    if name == "prlimit64":
        # its own limits, or reading: Landlock lets a script limit the other processes of its user, the harness among them
        return _allow([(_Has(0, (0,)),), (_Has(2, (0,)), _Has(2, (0,), is_upper=True))])
    if name == "ioctl":
        return _decide([(_Has(1, (_TIOCSTI, _TIOCLINUX, *_SUBVOLUMES)),)], _REFUSE, _ALLOW)
    if name == "fcntl":
        # who holds a lease on a file makes all others wait, for 45 s by default, when they open it
        return _decide([(_Has(1, (_F_SETLEASE,)),)], _REFUSE, _ALLOW)
    if name == "socketpair":
        # a pair of datagram sockets can be reconnected, and sent from, to any unix socket that has a name
        either = () if with_unix_sockets else (_Has(1, (_STREAM, _SEQUENCE), _TYPE),)
        return _allow([(_Has(0, (_AF_UNIX,)), *either)])
    patterns: list[_Pattern] = []
    if with_unix_sockets:
        patterns.append((_Has(0, (_AF_UNIX,)),))
    if with_network:
        usual = (_Has(1, (_STREAM, _DATAGRAM), _TYPE), _Has(2, (0, _TCP, _UDP)))
        patterns.append((_Has(0, (_AF_INET, _AF_INET6)), *usual))
        # name lookup asks which addresses this machine has
        patterns.append((_Has(0, (_AF_NETLINK,)), _Has(2, (_NETLINK_ROUTE,))))
    return _allow(patterns)


def _allow(patterns: Iterable[_Pattern]) -> list[bytes]:
    return _decide(patterns, _ALLOW, _REFUSE)


def _decide(patterns: Iterable[_Pattern], match: int, otherwise: int) -> list[bytes]:
    """Return instructions that answer `match` when all of any one pattern holds."""
    code: list[bytes] = []
    for pattern in patterns:
        tail = [_instruction(_RETURN, match)]
        for has in reversed(pattern):
            tail = [*has.instructions(miss=len(tail)), *tail]
        code += tail
    return [*code, _instruction(_RETURN, otherwise)]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one `struct sock_filter`: jumps are counted from the next instruction."""
    return struct.pack("<HBBI", code, if_true, if_false, value)
