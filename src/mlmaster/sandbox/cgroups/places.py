"""Where the group of a process lies, found from its `/proc` files; bind mounts and namespaces of groups included."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups.files import Files, refused


def own_group(controller: str, proc: Path, files: Files) -> Path:
    """Return the folder of a process's group.

    Args:
        controller: "memory", "pids" and so on for cgroup v1; empty for cgroup v2, which has one tree for all.
        proc: The process's folder under /proc; `cgroup` and `mountinfo` are read.
        files: The mounted tree.

    Raises:
        InfrastructureError: There is none, or it is not visible here.
    """
    what = f"cgroup v1 ({controller})" if controller else "cgroup v2"
    with refused("this system has no control groups"):
        groups = (proc / "cgroup").read_text()
        mounts = (proc / "mountinfo").read_text()
    own = _path_of(controller, groups)
    if own is None:
        raise InfrastructureError(f"the kernel offers no {what} here")
    places = [point / own.relative_to(root) for root, point in _mounts(controller, mounts) if own.is_relative_to(root)]
    for place in places:
        if _is_group(place, files):
            return place
    raise InfrastructureError(
        f"the own group {own} of {what} is visible under no mount; mount it, or start the container with its own (--cgroupns)"
    )


def _path_of(controller: str, groups: str) -> PurePosixPath | None:
    for line in groups.splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):  # an empty list of names is v2's
            return PurePosixPath(path)
    return None


def _mounts(controller: str, mounts: str) -> list[tuple[PurePosixPath, Path]]:
    """Return (which group is mounted, where) for every mount of a hierarchy; see proc(5) for the fields."""
    found = []
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        root, point = (_unescape(word) for word in left.split()[3:5])
        kind, *_, options = right.split()
        if kind == ("cgroup" if controller else "cgroup2") and (not controller or controller in options.split(",")):
            found.append((PurePosixPath(root), Path(point)))
    return found


def _unescape(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _is_group(place: Path, files: Files) -> bool:
    try:
        files.read(place / "cgroup.procs")
    except OSError:
        return False
    return True
