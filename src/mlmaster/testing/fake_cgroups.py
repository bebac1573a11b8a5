"""A tree of cgroup v2 that needs no kernel: it keeps the rules that decide what a harness may do, and limits nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_HANDED = {"memory": ("memory.max", "memory.swap.max", "memory.oom.group"), "pids": ("pids.max",)}
_COUNTED = {
    "memory.stat": "anon 0\nfile 0\nshmem 0\n",
    "memory.events": "oom 0\noom_kill 0\n",
    "memory.peak": "0\n",
}


@dataclass(slots=True)
class FakeGroup:
    """A group of the fake tree.

    Attributes:
        processes: Numbers of the processes in it.
        handed_down: What `cgroup.subtree_control` holds.
        values: Other files by name.
        is_closed: True when nothing may be written or made here, as for another user's group.
    """

    processes: set[int] = field(default_factory=set)
    handed_down: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    is_closed: bool = False


class FakeCgroupFiles:
    """A double of `mlmaster.sandbox.cgroups.files.Files`.

    Args:
        root: Where the tree is said to be mounted.
        controllers: What the root can hand down.
        with_kill: False for a kernel without `cgroup.kill`.

    Attributes:
        groups_by_path: Every group.
        claimed: Those in use.
    """

    def __init__(self, root: Path, controllers: frozenset[str] = frozenset(_HANDED), with_kill: bool = True) -> None:
        self.root = root
        self.groups_by_path: dict[Path, FakeGroup] = {root: FakeGroup()}
        self.claimed: set[Path] = set()
        self._controllers = controllers
        self._with_kill = with_kill

    def add(self, path: Path, *processes: int) -> FakeGroup:
        """Make a group to start with, and all above it, which hand down what they can."""
        for above in (*reversed(path.parents), path):
            if above != self.root and above.is_relative_to(self.root) and above not in self.groups_by_path:
                self.groups_by_path[above.parent].handed_down |= self._offered(above.parent)
                self.make(above)
        self.groups_by_path[path].processes |= set(processes)
        return self.groups_by_path[path]

    def read(self, path: Path) -> str:  # noqa: D102
        group = self._group(path.parent)
        if path.name == "cgroup.procs":
            return "".join(f"{pid}\n" for pid in sorted(group.processes))
        if path.name == "cgroup.controllers":
            return " ".join(sorted(self._offered(path.parent))) + "\n"
        if path.name == "cgroup.subtree_control":
            return " ".join(sorted(group.handed_down)) + "\n"
        if path.name not in group.values:
            raise _error(errno.ENOENT, path)
        return group.values[path.name]

    def write(self, path: Path, text: str) -> None:  # noqa: D102
        group = self._group(path.parent)
        if group.is_closed:
            raise _error(errno.EACCES, path)
        if path.name == "cgroup.procs":
            if group.handed_down and path.parent != self.root:
                raise _error(errno.EBUSY, path)
            for other in self.groups_by_path.values():
                other.processes.discard(int(text))
            group.processes.add(int(text))
        elif path.name == "cgroup.subtree_control":
            for word in text.split():
                self._hand_down(path, word[0] == "+", word[1:])
        elif path.name == "cgroup.kill" and self._with_kill:
            for place, below in self.groups_by_path.items():
                if place.is_relative_to(path.parent):
                    below.processes.clear()
        elif path.name in group.values:
            group.values[path.name] = text
        else:
            raise _error(errno.ENOENT, path)

    def make(self, path: Path) -> None:  # noqa: D102
        above = self._group(path.parent)
        if above.is_closed:
            raise _error(errno.EACCES, path)
        if path in self.groups_by_path:
            raise _error(errno.EEXIST, path)
        self.groups_by_path[path] = FakeGroup(values={"cpu.stat": "usage_usec 0\n"})
        for name in above.handed_down:
            self._equip(path, name)

    def remove(self, path: Path) -> None:  # noqa: D102
        if self._group(path).processes or self.groups(path):
            raise _error(errno.EBUSY, path)
        del self.groups_by_path[path]

    def groups(self, path: Path) -> list[Path]:  # noqa: D102
        self._group(path)
        return [place for place in self.groups_by_path if place.parent == path]

    def claim(self, path: Path) -> Callable[[], None]:  # noqa: D102
        self._group(path)
        self.claimed.add(path)
        return lambda: self.claimed.discard(path)

    def is_claimed(self, path: Path) -> bool:  # noqa: D102
        return path in self.claimed

    def _group(self, path: Path) -> FakeGroup:
        if path not in self.groups_by_path:
            raise _error(errno.ENOENT, path)
        return self.groups_by_path[path]

    def _offered(self, path: Path) -> frozenset[str]:
        return self._controllers if path == self.root else frozenset(self.groups_by_path[path.parent].handed_down)

    def _hand_down(self, path: Path, is_on: bool, controller: str) -> None:
        group = self.groups_by_path[path.parent]
        below = self.groups(path.parent)
        if not is_on:
            if any(controller in self.groups_by_path[place].handed_down for place in below):
                raise _error(errno.EBUSY, path)
            group.handed_down.discard(controller)
            return
        if controller not in self._offered(path.parent):
            raise _error(errno.ENOENT, path)
        if group.processes and path.parent != self.root:  # "no internal processes"
            raise _error(errno.EBUSY, path)
        group.handed_down.add(controller)
        for place in below:
            self._equip(place, controller)

    def _equip(self, path: Path, controller: str) -> None:
        values = self.groups_by_path[path].values
        values.update(dict.fromkeys(_HANDED.get(controller, ()), "max\n"))
        if controller == "memory":
            values.update(_COUNTED)


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
