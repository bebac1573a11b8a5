"""Groups of cgroup v2, the one tree of today's kernels.

A group of v2 that has processes of its own cannot hand resources down to groups below it. So the harness's group must
either do that already, or hold nothing but the harness, which then moves itself into a leaf below.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import psutil

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups import tree
from mlmaster.sandbox.cgroups.contract import Cgroup
from mlmaster.sandbox.cgroups.files import Files, KernelFiles, numbers, own_group_advice, refused
from mlmaster.sandbox.cgroups.places import own_group

_PROC = Path("/proc/self")
_NEEDED = ("memory", "pids")
_SUBTREE = "cgroup.subtree_control"
_LEAF = "harness"
_ROUNDS = 100


class CgroupsV2:
    """Groups below that of a process, as a rule the harness; see `Cgroups`.

    Args:
        proc: Where `cgroup` and `mountinfo` of that process are read.
        pid: Its number; by default the harness's.
        files: The mounted tree.

    Raises:
        InfrastructureError: Groups cannot be made here; the message says why.
    """

    name = "cgroup v2"

    def __init__(self, proc: Path = _PROC, pid: int | None = None, files: Files | None = None) -> None:
        self._files = files or KernelFiles()
        self._pid = os.getpid() if pid is None else pid
        self._count = itertools.count(1)
        self._parent = own_group("", proc, self._files)
        self._top = self._parent / tree.new_name()
        self._enabled: list[str] = []
        self._let_go: Callable[[], None] = _nothing
        self._require_controllers(proc)
        tree.remove_left(self._files, self._parent)
        try:
            self._build()
        except BaseException:
            with contextlib.suppress(InfrastructureError):
                self.close()
            raise

    def open(self, memory_bytes: int, processes: int) -> Cgroup:
        """Make a group; see `Cgroups.open`."""
        folder = self._top / str(next(self._count))
        try:
            with refused("no group can be made for an evaluation"):
                self._make(folder)
                self._files.write(folder / "memory.max", str(memory_bytes))
                for name in ("memory.swap.max", "memory.oom.group"):
                    with contextlib.suppress(FileNotFoundError):  # no swap is counted; Linux before 4.19
                        self._files.write(folder / name, "0")
                self._files.write(folder / "pids.max", str(tree.tasks_for(processes)))
        except InfrastructureError:
            with contextlib.suppress(InfrastructureError):
                tree.remove_emptied(self._files, [folder])
            raise
        return _Group(folder, self._files)

    def close(self) -> None:
        """Remove everything, and leave the group above as it was; see `Cgroups.close`."""
        with refused(f"{self._top} cannot be removed"):
            groups = [group for group in self._groups() if group.name != _LEAF]
        for group in groups:
            _kill(self._files, group)
        tree.remove_emptied(self._files, groups)
        with refused(f"{self._parent} cannot be left as it was"):
            self._step_back()
        tree.remove_emptied(self._files, [self._top])
        self._let_go()
        self._let_go = _nothing

    def _require_controllers(self, proc: Path) -> None:
        offered = self._words(self._parent / "cgroup.controllers")
        missing = [controller for controller in _NEEDED if controller not in offered]
        if not missing:
            return
        advice = "have the group above hand them down (systemd: Delegate=yes)"
        with contextlib.suppress(InfrastructureError):
            own_group(missing[0], proc, self._files)
            advice = "cgroup v1 has it on this machine"
        raise InfrastructureError(f"{self._parent} has no control over {' and '.join(missing)}; {advice}")

    def _build(self) -> None:
        with refused(f"no group can be made in {self._parent}", own_group_advice()):
            self._make_top()
        with refused(f"{self._parent} cannot hand memory and pids down", own_group_advice()):
            try:
                self._hand_down(self._parent)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                self._step_aside()
                self._hand_down(self._parent)
            self._hand_down(self._top)

    def _make(self, folder: Path) -> None:
        try:
            self._files.make(folder)
        except FileNotFoundError:  # something took the empty top for left behind
            with contextlib.suppress(FileExistsError):
                self._make_top()
            self._hand_down(self._top)
            self._files.make(folder)

    def _make_top(self) -> None:
        self._files.make(self._top)
        self._let_go()
        self._let_go = self._files.claim(self._top)

    def _hand_down(self, group: Path) -> None:
        lacking = [name for name in _NEEDED if name not in self._words(group / _SUBTREE)]
        if lacking:
            self._files.write(group / _SUBTREE, " ".join(f"+{name}" for name in lacking))
            if group == self._parent:
                self._enabled = lacking

    def _step_aside(self) -> None:
        """Move the process, its threads and its children out of their group, where nobody else is in it."""
        leaf = self._top / _LEAF
        self._files.make(leaf)
        for _ in range(_ROUNDS):  # what is forked meanwhile is born where its parent was
            there = self._processes(self._parent)
            if not there:
                return
            strangers = there - self._own_processes()
            if strangers:
                raise InfrastructureError(
                    f"{self._parent} cannot hand memory and pids down, as it holds other processes too: "
                    f"{', '.join(map(str, sorted(strangers)[:5]))}; {own_group_advice()}"
                )
            self._move(there, leaf)
        raise InfrastructureError(f"{self._parent} does not become empty: processes are started in it all the time")

    def _step_back(self) -> None:
        """Undo `_step_aside` and what was handed down."""
        leaf = self._top / _LEAF
        moved = self._processes(leaf)
        if self._enabled:
            withdrawn = " ".join(f"-{name}" for name in self._enabled)
            try:
                with contextlib.suppress(FileNotFoundError):
                    self._files.write(self._top / _SUBTREE, withdrawn)
                self._files.write(self._parent / _SUBTREE, withdrawn)
                self._enabled = []
            except OSError as error:
                # another harness hands them down further by now: without processes of our own in the way they may stay
                if error.errno != errno.EBUSY or moved:
                    raise
        self._move(moved, self._parent)

    def _move(self, pids: set[int], group: Path) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                self._files.write(group / "cgroup.procs", str(pid))

    def _own_processes(self) -> set[int]:
        with contextlib.suppress(psutil.Error):
            return {self._pid, *(child.pid for child in psutil.Process(self._pid).children(recursive=True))}
        return {self._pid}

    def _processes(self, group: Path) -> set[int]:
        try:
            return set(map(int, self._files.read(group / "cgroup.procs").split()))
        except FileNotFoundError:
            return set()

    def _groups(self) -> list[Path]:
        try:
            return self._files.groups(self._top)
        except FileNotFoundError:
            return []

    def _words(self, path: Path) -> set[str]:
        with refused("a group cannot be read"):
            return set(self._files.read(path).split())


class _Group:
    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files
        self._peak_bytes = 0

    @property
    def joins(self) -> tuple[Path, ...]:
        return (self._folder / "cgroup.procs",)

    def used_bytes(self) -> int:
        stat = self._numbers("memory.stat")
        used = stat["anon"] + stat["shmem"]
        self._peak_bytes = max(self._peak_bytes, used)
        return used

    def peak_bytes(self) -> int:
        if self.was_out_of_memory():
            with refused("a group cannot be read"), contextlib.suppress(FileNotFoundError):  # since Linux 5.19
                self._peak_bytes = max(self._peak_bytes, int(self._files.read(self._folder / "memory.peak")))
        return self._peak_bytes

    def was_out_of_memory(self) -> bool:
        return self._numbers("memory.events").get("oom_kill", 0) > 0

    def cpu_s(self) -> float | None:
        return self._numbers("cpu.stat")["usage_usec"] / 1e6

    def kill(self) -> None:
        _kill(self._files, self._folder)

    def close(self) -> None:
        tree.remove_emptied(self._files, [self._folder])

    def _numbers(self, name: str) -> dict[str, int]:
        with refused("a group cannot be read"):
            return numbers(self._files.read(self._folder / name))


def _nothing() -> None:
    """Let go of nothing."""


def _kill(files: Files, group: Path) -> None:
    with contextlib.suppress(OSError):  # nothing forks while it is ended; without, it takes more rounds
        files.write(group / "pids.max", "0")

    def strike(pids: set[int]) -> None:
        try:
            files.write(group / "cgroup.kill", "1")
        except FileNotFoundError:  # Linux before 5.14
            tree.kill_each(pids)

    tree.empty(files, [group], strike)
