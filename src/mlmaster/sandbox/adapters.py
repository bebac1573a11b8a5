"""What keeps a script from the rest of the machine: three adapters, each of which adds its walls to a script's plan.

`namespaces`: a root of the script's own, in which nothing else exists. `landlock`: the machine's root, in which the
kernel refuses what is not granted. `none`: nothing. The first two stand on a seccomp filter as well and, for root, on a
user of the script's own. What a machine grants is found out in `isolation.py`; the walls are built in `inside/`.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psutil

from mlmaster.sandbox import seccomp
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.folders import delete, owned_bytes
from mlmaster.sandbox.inside.plan import Landlock, Mounts, Namespaces, Plan
from mlmaster.sandbox.tree import removed_bytes
from mlmaster.sandbox.views import Showing, Shown

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/sys/devices/system")
"""What every script reads."""
_SETTINGS = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "alternatives", "mime.types"),
    *("fonts", "ca-certificates", "OpenCL"),
    # what is trusted, and never the machine's own keys, which lie beside it
    *("ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "pki/ca-trust"),
    *("pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf"),
)
_NETWORK_SETTINGS = ("resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "services", "protocols")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_PROCESSORS = tuple(f"/sys/fs/cgroup/{name}" for name in ("cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
"""From which joblib, and with it LightGBM, reads how many there are; it fails where they are there and cannot be read."""
_MEMORY = "/dev/shm"
_FIRST_USER, _USERS = 0x60000000, 0x10000000
"""Numbers that no distribution gives to anybody; drawn at random, so that two scripts hardly ever share one."""
_NAME = "solver"
_CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SYS_ADMIN": 21}
_OVER_USERS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""What it takes to give files to other users, to become one, and to end and clear up after them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one script runs, and what it may see there.

    Attributes:
        directory: Its folders.
        view: How its view is shown.
        readable: Files and folders that it may read beside the system's: the interpreter's, declared caches.
        devices: Device files of the GPU it is lent.
        memory_bytes: What files in memory may take.
        counts_memory: True where the kernel counts all its memory, that of files nobody maps included.
        with_network: True when it may reach the network.
    """

    directory: EvaluationDirectory
    view: Shown
    readable: tuple[Path, ...]
    devices: tuple[str, ...]
    memory_bytes: int
    counts_memory: bool
    with_network: bool


class Isolation(Protocol):
    """An adapter."""

    name: str

    @property
    def showing(self) -> Showing:
        """Return how views are shown to its scripts."""
        ...

    def new_user(self) -> int | None:
        """Return the number of a user for one script, or None when it runs as the harness's."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Return variables that tell libraries what they must do without."""
        ...

    def wall_in(self, plan: Plan, place: Place) -> Plan:
        """Return the plan with this adapter's walls."""
        ...

    def files_in_memory_bytes(self, user: int | None, processes: Sequence[psutil.Process]) -> int:
        """Return what a script's user and processes hold in folders in memory that are not the script's alone."""
        ...

    def clean(self, user: int | None) -> None:
        """Take away what a script, ended now, left outside its directory."""
        ...


class NamespaceIsolation:
    """A mount, process, network and IPC namespace of the script's own; for an ordinary user in a user namespace.

    Args:
        is_root: True when the harness may make namespaces by itself, and change users.
    """

    name = "namespaces"

    def __init__(self, *, is_root: bool) -> None:
        self._is_root = is_root

    @property
    def showing(self) -> Showing:
        """Return MOUNT: read-only, whoever owns the files."""
        return Showing.MOUNT

    def new_user(self) -> int | None:
        """Return a random number for root."""
        return _random_user() if self._is_root else None

    @property
    def environment(self) -> Mapping[str, str]:
        """Return nothing."""
        return {}

    def wall_in(self, plan: Plan, place: Place) -> Plan:
        """See `Isolation.wall_in`."""
        directory = place.directory
        user = os.getuid() if plan.user is None else plan.user
        gpu = ("/sys",) if place.devices else ()
        system, links = _split_links(SYSTEM)
        mounts = Mounts(
            root=str(directory.stock),
            readable=_outermost([*system, *_settings(place), *gpu, *map(str, (*place.readable, *place.view.targets))]),
            writable=list(map(str, (directory.path, directory.home, directory.temporary))),
            view=None if place.view.mounted is None else str(place.view.mounted),
            input=str(directory.path / "input"),
            devices=[*_DEVICES, *place.devices],
            memory_bytes=place.memory_bytes,
            files={
                "/etc/passwd": f"root:x:0:0:root:/:/bin/false\n{_NAME}:x:{user}:{user}::{directory.home}:/bin/sh\n",
                "/etc/group": f"root:x:0:\n{_NAME}:x:{user}:\n",
                **({} if place.with_network else {"/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n"}),
            },
            links=links,
        )
        program = seccomp.program(
            with_network=place.with_network,
            # names of sockets that are no files belong to the network namespace, which is the machine's own then
            with_unix_sockets=not place.with_network,
            with_memory_files=place.counts_memory,
        )
        namespaces = Namespaces(mounts, with_user=not self._is_root, with_network=place.with_network)
        return replace(
            plan,
            namespaces=namespaces,
            # all there is in that root is meant to be read
            reads_closed_folders=self._is_root and not all(map(_is_open, place.readable)),
            program=base64.b64encode(program).decode(),
        )

    def files_in_memory_bytes(self, user: int | None, processes: Sequence[psutil.Process]) -> int:  # noqa: ARG002
        """There are none."""
        return 0

    def clean(self, user: int | None) -> None:
        """Nothing is left: all of it ended with the namespaces."""


class LandlockIsolation:
    """Rules of the kernel's Landlock over the machine's own files.

    Landlock governs neither `chmod` nor `utime`, nor who is who: for an ordinary user views are copied, and POSIX
    semaphores and shared memory, which need the machine's own `/dev/shm`, are refused.

    Args:
        abi: The kernel's version of Landlock.
        is_root: True when every script gets a user of its own.
    """

    name = "landlock"

    def __init__(self, abi: int, *, is_root: bool) -> None:
        self._abi = abi
        self._is_root = is_root

    @property
    def showing(self) -> Showing:
        """Return LINK for root, whose scripts own none of a view's files, and COPY for others."""
        return Showing.LINK if self._is_root else Showing.COPY

    def new_user(self) -> int | None:
        """Return a random number for root."""
        return _random_user() if self._is_root else None

    @property
    def environment(self) -> Mapping[str, str]:
        """Tell joblib to work serially where there are no semaphores; it looks once, and before there are walls."""
        return {} if self._is_root else {"JOBLIB_MULTIPROCESSING": "0"}

    def wall_in(self, plan: Plan, place: Place) -> Plan:
        """See `Isolation.wall_in`."""
        directory = place.directory
        view = () if place.view.linked is None else (place.view.linked,)
        shown = (directory.path, directory.private, *view, *place.view.targets)
        system = [*SYSTEM, *_PROCESSORS, *_settings(place), "/proc"]
        readable = [*system, *map(str, (*place.readable, *view, *place.view.targets))]
        shared = [_MEMORY] if self._is_root else []
        rules = Landlock(
            abi=self._abi,
            readable=_outermost([*readable, *(["/sys"] if place.devices else [])]),
            writable=[*map(str, (directory.path, directory.home, directory.temporary)), *shared],
            devices=[*_DEVICES, *place.devices],
            with_network=place.with_network,
        )
        program = seccomp.program(with_network=place.with_network, with_unix_sockets=False, with_memory_files=False)
        return replace(
            plan,
            landlock=rules,
            # that right reaches other evaluations' shared memory too: it is kept only where nothing runs without it
            reads_closed_folders=self._is_root
            and not (all(map(_is_open, place.readable)) and all(map(_is_reachable, [*shown, *place.readable]))),
            program=base64.b64encode(program).decode(),
        )

    def files_in_memory_bytes(self, user: int | None, processes: Sequence[psutil.Process]) -> int:
        """Count the files of the script's own user, those without a name included; without one it may make none."""
        if user is None or not Path(_MEMORY).is_dir():
            return 0
        return owned_bytes(Path(_MEMORY), user) + removed_bytes(processes, frozenset({Path(_MEMORY).stat().st_dev}))

    def clean(self, user: int | None) -> None:
        """Remove the script's files in shared memory, which nobody else owns."""
        if user is None:
            return
        with contextlib.suppress(OSError), os.scandir(_MEMORY) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid == user:
                        delete(Path(entry.path))


class NoIsolation:
    """No wall at all: a script may do whatever the harness's user may."""

    name = "none"

    @property
    def showing(self) -> Showing:
        """Return COPY_OR_LINK: a big view is linked and checked for changes afterwards."""
        return Showing.COPY_OR_LINK

    def new_user(self) -> int | None:
        """Return None: scripts run as the harness's user."""
        return None

    @property
    def environment(self) -> Mapping[str, str]:
        """Return nothing."""
        return {}

    def wall_in(self, plan: Plan, place: Place) -> Plan:  # noqa: ARG002
        """Return the plan as it is."""
        return plan

    def files_in_memory_bytes(self, user: int | None, processes: Sequence[psutil.Process]) -> int:  # noqa: ARG002
        """They cannot be told from what others hold."""
        return 0

    def clean(self, user: int | None) -> None:
        """What was left outside cannot be told from what others left."""


def can_change_users(proc: Path = Path("/proc/self")) -> bool:
    """Return True for a root who may run scripts as other users.

    It needs the rights for it, of which hardened containers take some away (`--cap-drop`), and numbers that belong to it,
    which they do not in rootless ones.
    """
    if os.geteuid() != 0 or not has_rights(_OVER_USERS, proc):
        return False
    with contextlib.suppress(OSError, ValueError):
        for line in (proc / "uid_map").read_text().splitlines():
            first, _, count = map(int, line.split())
            if first <= _FIRST_USER and first + count >= _FIRST_USER + _USERS:
                return True
    return False


def makes_own_namespaces(proc: Path = Path("/proc/self")) -> bool:
    """Return True for a root who makes namespaces by itself and runs scripts in them as other users."""
    return can_change_users(proc) and has_rights(("SYS_ADMIN",), proc)


def has_rights(names: Iterable[str], proc: Path = Path("/proc/self")) -> bool:
    """Return True when this process holds all these capabilities; their numbers are those of linux/capability.h."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        held = int((proc / "status").read_text().partition("CapEff:")[2].split()[0], 16)
        return all(held >> _CAPABILITIES[name] & 1 for name in names)
    return False


def _random_user() -> int:
    return _FIRST_USER + secrets.randbelow(_USERS)


def _is_open(path: Path) -> bool:
    """Return True when every user may read a file or folder; false for an installation made under a strict umask."""
    return not path.exists() or path.stat().st_mode & 0o004 != 0


def _is_reachable(path: Path) -> bool:
    """Return True when every user may come to a path, through the folders above it."""
    return all(folder.stat().st_mode & 0o001 for folder in path.parents if folder.exists())


def _settings(place: Place) -> list[str]:
    names = (*_SETTINGS, *_NETWORK_SETTINGS) if place.with_network else _SETTINGS
    return [f"/etc/{name}" for name in names]


def _split_links(paths: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return what is there, and the links among it (`/bin` is one to `usr/bin` on most systems) with their goals."""
    there, links = [], {}
    for path in paths:
        if Path(path).is_symlink():
            links[path] = str(Path(path).readlink())
        elif Path(path).exists():
            there.append(path)
    return there, links


def _outermost(paths: Sequence[str]) -> list[str]:
    """Return the paths that exist and lie in no other of them."""
    kept: list[str] = []
    for path in sorted({path for path in paths if Path(path).exists()}):
        if not any(path == outer or path.startswith(outer.rstrip("/") + "/") for outer in kept):
            kept.append(path)
    return kept
