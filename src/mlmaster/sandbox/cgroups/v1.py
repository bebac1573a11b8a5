"""Groups of cgroup v1, which has a tree for each resource: memory, and processes and processor time where they can be had."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups import tree
from mlmaster.sandbox.cgroups.contract import Cgroup
from mlmaster.sandbox.cgroups.files import Files, KernelFiles, numbers, refused
from mlmaster.sandbox.cgroups.places import own_group

_PROC = Path("/proc/self")
_ADVICE = "run ML-Master as root, or in a container whose control groups are writable"


class CgroupsV1:
    """Groups below the harness's own; see `Cgroups`.

    Args:
        proc: Where `cgroup` and `mountinfo` of the harness are read.
        files: The mounted trees.

    Raises:
        InfrastructureError: Groups cannot be made here; the message says why.
    """

    name = "cgroup v1"

    def __init__(self, proc: Path = _PROC, files: Files | None = None) -> None:
        self._files = files or KernelFiles()
        self._count = itertools.count(1)
        self._name = tree.new_name()
        parents = {"memory": own_group("memory", proc, self._files)}
        for controller in ("pids", "cpuacct"):
            with contextlib.suppress(InfrastructureError):
                parents[controller] = own_group(controller, proc, self._files)
        self._tops: dict[str, Path] = {}
        self._claims: dict[Path, Callable[[], None]] = {}
        for controller, parent in parents.items():
            tree.remove_left(self._files, parent)
            try:
                with refused(f"no group can be made in {parent}", _ADVICE):
                    self._make_top(parent)
            except InfrastructureError:
                if controller == "memory":
                    raise
            else:
                self._tops[controller] = parent / self._name

    def open(self, memory_bytes: int, processes: int) -> Cgroup:
        """Make a group; see `Cgroups.open`."""
        name = str(next(self._count))
        folders = {controller: top / name for controller, top in self._tops.items()}
        try:
            with refused("no group can be made for an evaluation"):
                for folder in dict.fromkeys(folders.values()):  # one where resources share a tree
                    self._make(folder)
                self._limit(folders, memory_bytes, processes)
        except InfrastructureError:
            with contextlib.suppress(InfrastructureError):
                tree.remove_emptied(self._files, folders.values())
            raise
        return _Group(folders, memory_bytes, self._files)

    def close(self) -> None:
        """Remove everything; see `Cgroups.close`."""
        tops = list(self._tops.values())
        tree.empty(self._files, tops, tree.kill_each)
        tree.remove_emptied(self._files, tops)
        while self._claims:
            self._claims.popitem()[1]()

    def _make(self, folder: Path) -> None:
        try:
            self._files.make(folder)
        except FileNotFoundError:  # something took the empty top for left behind
            self._make_top(folder.parent.parent)
            self._files.make(folder)

    def _make_top(self, parent: Path) -> None:
        top = parent / self._name
        with contextlib.suppress(FileExistsError):
            self._files.make(top)
            self._claims.pop(top, lambda: None)()
            self._claims[top] = self._files.claim(top)
        with contextlib.suppress(OSError):  # new kernels count what is below in any case
            self._files.write(top / "memory.use_hierarchy", "1")

    def _limit(self, folders: Mapping[str, Path], memory_bytes: int, processes: int) -> None:
        memory = folders["memory"]
        self._files.write(memory / "memory.limit_in_bytes", str(memory_bytes))
        with contextlib.suppress(FileNotFoundError):  # the kernel counts no swap; the trial tells whether that matters
            self._files.write(memory / "memory.memsw.limit_in_bytes", str(memory_bytes))
        self._files.write(memory / "memory.oom_control", "0")  # kill, whatever the group above says
        if "pids" in folders:
            self._files.write(folders["pids"] / "pids.max", str(tree.tasks_for(processes)))


class _Group:
    def __init__(self, folders: Mapping[str, Path], memory_bytes: int, files: Files) -> None:
        self._folders = dict(folders)
        self._all = tuple(dict.fromkeys(folders.values()))
        self._memory_bytes = memory_bytes
        self._files = files
        self._peak_bytes = 0

    @property
    def joins(self) -> tuple[Path, ...]:
        return tuple(folder / "cgroup.procs" for folder in self._all)

    def used_bytes(self) -> int:
        stat = numbers(self._read("memory", "memory.stat"))
        used = stat["total_rss"] + stat["total_shmem"] + stat.get("total_swap", 0)
        self._peak_bytes = max(self._peak_bytes, used)
        return used

    def peak_bytes(self) -> int:
        if self.was_out_of_memory():
            self._peak_bytes = max(self._peak_bytes, int(self._read("memory", "memory.max_usage_in_bytes")))
        return self._peak_bytes

    def was_out_of_memory(self) -> bool:
        # counted since Linux 4.13; an older kernel fails the trial
        return numbers(self._read("memory", "memory.oom_control")).get("oom_kill", 0) > 0

    def cpu_s(self) -> float | None:
        if "cpuacct" not in self._folders:
            return None
        return int(self._read("cpuacct", "cpuacct.usage")) / 1e9

    def kill(self) -> None:
        if "pids" in self._folders:
            with contextlib.suppress(OSError):  # nothing forks while it is ended; without, it takes more rounds
                self._files.write(self._folders["pids"] / "pids.max", "0")
        tree.empty(self._files, self._all, tree.kill_each)

    def close(self) -> None:
        tree.remove_emptied(self._files, self._all)

    def _read(self, controller: str, name: str) -> str:
        with refused("a group cannot be read"):
            return self._files.read(self._folders[controller] / name)
