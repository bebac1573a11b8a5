"""Everything the harness decides about one script before it starts; passed on as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Mounts:
    """What a script sees in a root of its own; everything else is not there.

    Attributes:
        root: An empty folder of this evaluation on which the new root is built.
        readable: Files and folders shown read-only under their own names; links on the way are made again.
        writable: Folders shown writable under their own names.
        view: The view, shown read-only as `input`; None where `input` is a copy already.
        input: Where the view is shown.
        devices: Files under /dev that are shown.
        memory_bytes: What /tmp and /dev/shm may hold, each.
        files: Small text files made in the new root, by absolute name (`/etc/passwd`).
        links: Symbolic links made in the new root: absolute name to goal.
    """

    root: str
    readable: list[str]
    writable: list[str]
    view: str | None
    input: str
    devices: list[str]
    memory_bytes: int
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Namespaces:
    """Namespaces of a script's own: mount, pid, ipc, and network unless it may reach one.

    Attributes:
        mounts: What it sees.
        with_user: True where only a user namespace gives the right to make the others (an ordinary user).
        with_network: True when the machine's network stays reachable.
    """

    mounts: Mounts
    with_user: bool
    with_network: bool


@dataclass(frozen=True)
class Landlock:
    """Rules of the kernel's Landlock (Linux 5.13), for a process and all it starts.

    Attributes:
        abi: The kernel's version of Landlock, which bounds what can be asked for.
        readable: Files and folders that can be read and executed.
        writable: Folders in which everything can be read, made, changed and removed.
        devices: Files that can be read and written, but not replaced (`/dev/null`).
        with_network: True when TCP stays allowed.
    """

    abi: int
    readable: list[str]
    writable: list[str]
    devices: list[str]
    with_network: bool


@dataclass(frozen=True)
class Plan:
    """One script's start.

    Attributes:
        command: What is executed, by its absolute path; None: `solution.py` is played by the process that is forked.
        directory: The working directory.
        environment: The whole environment.
        cores: The cores the script is pinned to; none for no pinning.
        threads: How many threads the numerical libraries use.
        file_bytes: The size that no single file may exceed.
        open_files: How many descriptors each process may have.
        processes: How many processes and threads there may be, where the kernel counts the script's apart from others: where
            its user or its user namespace is its own.
        user: Number of the user and group that the script runs as; None to stay who one is.
        groups: Further groups of that user, for device files that are lent.
        reads_closed_folders: Keep the one right to read what file permissions would forbid: where Landlock, and not they,
            says what is read.
        cgroup: Files to which a process writes its number to be counted and limited.
        program: Instructions of the seccomp filter, in base64; empty for none.
        namespaces, landlock: How the script is walled in.
    """

    command: list[str] | None
    directory: str
    environment: dict[str, str]
    cores: list[int]
    threads: int
    file_bytes: int
    open_files: int
    processes: int
    user: int | None = None
    groups: list[int] = field(default_factory=list)
    reads_closed_folders: bool = False
    cgroup: list[str] = field(default_factory=list)
    program: str = ""
    namespaces: Namespaces | None = None
    landlock: Landlock | None = None

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan."""
        data: dict[str, Any] = json.loads(text)
        namespaces, landlock = data.pop("namespaces"), data.pop("landlock")
        if namespaces is not None:
            namespaces = Namespaces(mounts=Mounts(**namespaces.pop("mounts")), **namespaces)
        return cls(namespaces=namespaces, landlock=None if landlock is None else Landlock(**landlock), **data)
