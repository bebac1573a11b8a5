"""What scripts may read, and what a machine's share of memory is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mlmaster.errors import SandboxError
from mlmaster.sandbox.adapters import LandlockIsolation, NoIsolation
from mlmaster.sandbox.cgroups.share import memory_bytes
from mlmaster.sandbox.making import make_sandbox, readable
from mlmaster.sandbox.settings import SandboxSettings
from mlmaster.testing.sandboxes import own_interpreter

WALLS = LandlockIsolation(1, is_root=False)


def test_a_project_that_holds_the_task_is_left_out(tmp_path: Path) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    found = replace(own_interpreter(), prefixes=(project, other))
    assert readable(found, (), [project / "data"], WALLS) == (other,)
    assert readable(found, (), [tmp_path / "elsewhere"], WALLS) == (project, other)
    assert readable(found, (), [project / "data"], NoIsolation()) == (project, other)


def test_an_installation_that_holds_the_task_cannot_be_left_out(tmp_path: Path) -> None:
    found = replace(own_interpreter(), python=tmp_path / "bin" / "python", prefixes=(tmp_path,))
    with pytest.raises(SandboxError, match=rf"{tmp_path} .*holds {tmp_path}/data: keep the two apart"):
        readable(found, (), [tmp_path / "data"], WALLS)


def test_a_cache_that_holds_the_task_is_refused(tmp_path: Path) -> None:
    found = replace(own_interpreter(), prefixes=())
    with pytest.raises(SandboxError, match=r"sandbox\.caches names it"):
        readable(found, (tmp_path,), [tmp_path / "data"], WALLS)


def test_what_lies_among_the_systems_programs_is_refused() -> None:
    found = replace(own_interpreter(), prefixes=())
    with pytest.raises(SandboxError, match=r"/usr \(it is the system's\), which holds /usr/src/app/data"):
        readable(found, (), [Path("/usr/src/app/data")], WALLS)


def test_folders_of_libraries_that_hold_the_task_or_a_home_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = replace(own_interpreter(), prefixes=())
    for name in ("home/lib", "project/data", "cuda"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folders = [tmp_path / "home", tmp_path / "home/lib", tmp_path / "project", tmp_path / "cuda", tmp_path / "absent"]
    monkeypatch.setenv("LD_LIBRARY_PATH", ":".join(["", "lib", *map(str, folders)]))
    assert readable(found, (), [tmp_path / "project" / "data"], WALLS) == (tmp_path / "home/lib", tmp_path / "cuda")


def test_a_cache_that_is_not_there(tmp_path: Path) -> None:
    settings = SandboxSettings(isolation="none", caches=(str(tmp_path / "models"),))
    with pytest.raises(SandboxError, match="models, which is not there"):
        make_sandbox(settings, tmp_path, own_interpreter())


@pytest.mark.parametrize(
    ("groups", "mounts", "file", "text", "limit"),
    [
        ("0::/a/b", "cgroup2", "a/b/memory.max", "1000\n", 1000),
        ("0::/a/b", "cgroup2", "a/memory.max", "2000\n", 2000),
        ("4:memory:/a", "cgroup", "a/memory.stat", "rss 5\nhierarchical_memory_limit 3000\n", 3000),
        ("0::/a/b", "cgroup2", "a/b/memory.max", "max\n", None),
        ("4:memory:/a", "cgroup", "a/memory.stat", "hierarchical_memory_limit 9223372036854771712\n", None),
    ],
)
def test_a_containers_limit_counts(
    tmp_path: Path, groups: str, mounts: str, file: str, text: str, limit: int | None
) -> None:
    tree = tmp_path / "tree"
    (tree / file).parent.mkdir(parents=True)
    (tree / "a" / "b").mkdir(exist_ok=True)
    for name in ("a/b", "a", ""):
        (tree / name / "cgroup.procs").write_text("1\n")
        if name and mounts == "cgroup2":
            (tree / name / "memory.max").write_text("max\n")
    (tree / file).write_text(text)
    (tmp_path / "cgroup").write_text(groups + "\n")
    options = "rw,memory" if mounts == "cgroup" else "rw"
    (tmp_path / "mountinfo").write_text(f"30 20 0:26 / {tree} rw - {mounts} {mounts} {options}\n")
    assert memory_bytes(tmp_path) == (psutil.virtual_memory().total if limit is None else limit)
