"""Groups of cgroup v2 and those systemd lends, on a tree that keeps the kernel's rules but bounds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups import tree
from mlmaster.sandbox.cgroups.files import KernelFiles
from mlmaster.sandbox.cgroups.systemd import SystemdCgroups
from mlmaster.sandbox.cgroups.v2 import CgroupsV2
from mlmaster.testing.fake_cgroups import FakeCgroupFiles, FakeGroup

ROOT = Path("/cg")
HERE = ROOT / "service"
ME = os.getpid()
BOTH = {"memory", "pids"}
MOUNT = "31 23 0:28 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def proc(folder: Path, group: str = "/service", mounts: str = MOUNT, more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup").write_text(f"{more}0::{group}\n")
    (folder / "mountinfo").write_text("22 27 0:21 / /proc rw,relatime - proc proc rw\n" + mounts)
    return folder


@pytest.fixture
def files() -> FakeCgroupFiles:
    files = FakeCgroupFiles(ROOT)
    files.add(HERE, ME)
    files.groups_by_path[ROOT].handed_down |= BOTH
    return files


@pytest.fixture
def child() -> Iterator[int]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process.pid


def snapshot(files: FakeCgroupFiles) -> dict[Path, tuple[frozenset[int], frozenset[str]]]:
    return {
        path: (frozenset(group.processes), frozenset(group.handed_down)) for path, group in files.groups_by_path.items()
    }


def top(files: FakeCgroupFiles, above: Path = HERE) -> Path:
    (found,) = (path for path in files.groups(above) if path.name.startswith("mlmaster-"))
    return found


def test_a_group_has_its_limits_and_nothing_else_is_touched(files: FakeCgroupFiles, tmp_path: Path) -> None:
    before = snapshot(files)
    cgroups = CgroupsV2(proc(tmp_path), files=files)
    group = cgroups.open(5_000_000, 8)
    (join,) = group.joins
    assert join == top(files) / "1" / "cgroup.procs"
    values = files.groups_by_path[join.parent].values
    limits = {name: values[name] for name in values if name.endswith((".max", ".group"))}
    assert limits == {
        "memory.max": "5000000",
        "memory.swap.max": "0",
        "memory.oom.group": "0",
        "pids.max": str(4 * 8 + 64),
    }
    group.kill()
    group.close()
    group.close()
    cgroups.close()
    assert snapshot(files) == before


def test_the_harness_steps_aside_with_its_children_and_comes_back(
    files: FakeCgroupFiles, tmp_path: Path, child: int
) -> None:
    files.groups_by_path[HERE].processes.add(child)
    before = snapshot(files)
    cgroups = CgroupsV2(proc(tmp_path), files=files)
    assert files.groups_by_path[HERE].processes == set()
    assert files.groups_by_path[HERE].handed_down == BOTH
    assert files.groups_by_path[top(files)].handed_down == BOTH
    assert files.groups_by_path[top(files) / "harness"].processes == {ME, child}
    cgroups.close()
    assert snapshot(files) == before


def test_the_harness_stays_where_it_is_when_strangers_are_there_too(files: FakeCgroupFiles, tmp_path: Path) -> None:
    files.groups_by_path[HERE].processes.add(os.getppid())
    before = snapshot(files)
    with pytest.raises(InfrastructureError, match=rf"holds other processes too: {os.getppid()}; .*start ML-Master"):
        CgroupsV2(proc(tmp_path), files=files)
    assert snapshot(files) == before


def test_the_root_of_all_groups_may_hold_processes(tmp_path: Path) -> None:
    files = FakeCgroupFiles(ROOT)
    files.groups_by_path[ROOT].processes |= {1, ME}
    before = snapshot(files)
    cgroups = CgroupsV2(proc(tmp_path, "/"), files=files)
    assert files.groups_by_path[ROOT].processes == {1, ME}
    cgroups.open(1 << 26, 8).close()
    cgroups.close()
    assert snapshot(files) == before


def test_what_was_handed_down_already_stays_so(tmp_path: Path) -> None:
    files = FakeCgroupFiles(ROOT)
    files.groups_by_path[ROOT].handed_down |= {"memory"}
    cgroups = CgroupsV2(proc(tmp_path, "/"), files=files)
    assert files.groups_by_path[ROOT].handed_down == BOTH
    cgroups.close()
    assert files.groups_by_path[ROOT].handed_down == {"memory"}


def test_two_harnesses_do_not_take_from_each_other(tmp_path: Path) -> None:
    files = FakeCgroupFiles(ROOT)
    first, second = (CgroupsV2(proc(tmp_path, "/"), files=files) for _ in range(2))
    first.close()
    assert second.open(1 << 26, 8).used_bytes() == 0
    second.close()
    assert files.groups(ROOT) == []


@pytest.mark.parametrize("offered", [frozenset[str](), frozenset({"memory"})])
def test_a_tree_without_the_controllers_is_of_no_use(tmp_path: Path, offered: frozenset[str]) -> None:
    files = FakeCgroupFiles(ROOT, offered)
    missing = " and ".join(sorted(BOTH - offered))
    with pytest.raises(InfrastructureError, match=f"no control over {missing}; have the group above hand them down"):
        CgroupsV2(proc(tmp_path, "/"), files=files)
    assert files.groups(ROOT) == []


def test_controllers_that_v1_has_are_said_to_be_there(tmp_path: Path) -> None:
    files = FakeCgroupFiles(ROOT, frozenset())
    files.add(ROOT / "memory")
    mounts = MOUNT + "32 23 0:29 / /cg/memory rw - cgroup cgroup rw,memory\n"
    with pytest.raises(InfrastructureError, match="cgroup v1 has it on this machine"):
        CgroupsV2(proc(tmp_path, "/", mounts, "4:memory:/\n"), files=files)


def test_another_users_group_is_left_alone(files: FakeCgroupFiles, tmp_path: Path) -> None:
    files.groups_by_path[HERE].is_closed = True
    before = snapshot(files)
    with pytest.raises(
        InfrastructureError, match=r"no group can be made in /cg/service: Permission denied.*start ML-Master"
    ):
        CgroupsV2(proc(tmp_path), files=files)
    assert snapshot(files) == before


def test_counts_are_read(files: FakeCgroupFiles, tmp_path: Path) -> None:
    group = CgroupsV2(proc(tmp_path), files=files).open(1 << 26, 8)
    values = files.groups_by_path[group.joins[0].parent].values
    assert (group.used_bytes(), group.peak_bytes(), group.was_out_of_memory(), group.cpu_s()) == (0, 0, False, 0.0)
    values["memory.stat"] = "anon 300\nfile 7000\nshmem 44\n"
    values["memory.peak"] = "9000\n"
    values["memory.events"] = "low 0\nmax 7\noom 1\noom_kill 0\n"
    values["cpu.stat"] = "usage_usec 1500000\nuser_usec 1\n"
    assert (group.used_bytes(), group.peak_bytes(), group.was_out_of_memory(), group.cpu_s()) == (344, 344, False, 1.5)
    values["memory.stat"] = "anon 0\nfile 0\nshmem 0\n"
    assert (group.used_bytes(), group.peak_bytes()) == (0, 344)
    values["memory.events"] = "max 8\noom 1\noom_kill 1\n"
    assert (group.peak_bytes(), group.was_out_of_memory()) == (9000, True)
    del values["memory.peak"]
    assert group.peak_bytes() == 9000


def test_files_that_older_kernels_lack_are_done_without(files: FakeCgroupFiles, tmp_path: Path) -> None:
    class Old(FakeCgroupFiles):
        def write(self, path: Path, text: str) -> None:
            if path.name in ("memory.swap.max", "memory.oom.group"):
                raise FileNotFoundError(2, "No such file or directory", str(path))
            super().write(path, text)

    old = Old(ROOT)
    cgroups = CgroupsV2(proc(tmp_path, "/"), files=old)
    group = cgroups.open(1 << 26, 8)
    values = old.groups_by_path[group.joins[0].parent].values
    assert values["memory.max"] == str(1 << 26)
    del values["memory.peak"]
    values["memory.events"] = "oom_kill 1\n"
    assert group.peak_bytes() == 0


def test_kill_empties_the_group_and_those_below(tmp_path: Path) -> None:
    files = FakeCgroupFiles(ROOT)
    group = CgroupsV2(proc(tmp_path, "/"), files=files).open(1 << 26, 8)
    below = group.joins[0].parent / "own"
    files.make(below)
    files.write(below / "cgroup.procs", "4000000")
    with pytest.raises(InfrastructureError, match="processes are in it"):
        group.close()
    group.kill()
    group.close()
    assert files.groups(top(files, ROOT)) == []


def test_kill_strikes_each_process_where_the_kernel_cannot_kill_groups(tmp_path: Path) -> None:
    class Collecting(FakeCgroupFiles):
        """Forgets a process once it is dead, as the kernel does."""

        def read(self, path: Path) -> str:
            if path.name == "cgroup.procs" and process.poll() is not None:
                self.groups_by_path[path.parent].processes.discard(process.pid)
            return super().read(path)

    files = Collecting(ROOT, with_kill=False)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        group = CgroupsV2(proc(tmp_path, "/"), files=files).open(1 << 26, 8)
        files.write(group.joins[0], str(process.pid))
        group.kill()
        assert process.returncode == -signal.SIGKILL
    group.close()


def test_closing_ends_what_still_runs(files: FakeCgroupFiles, tmp_path: Path) -> None:
    before = snapshot(files)
    cgroups = CgroupsV2(proc(tmp_path), files=files)
    files.write(cgroups.open(1 << 26, 8).joins[0], "4000000")
    cgroups.close()
    assert snapshot(files) == before


def test_a_group_that_cannot_be_limited_is_not_left_behind(files: FakeCgroupFiles, tmp_path: Path) -> None:
    class Refusing(FakeCgroupFiles):
        def write(self, path: Path, text: str) -> None:
            if path.name == "memory.max":
                raise OSError(22, "Invalid argument", str(path))
            super().write(path, text)

    refusing = Refusing(ROOT)
    cgroups = CgroupsV2(proc(tmp_path, "/"), files=refusing)
    with pytest.raises(InfrastructureError, match=r"Invalid argument \(.*memory\.max\)"):
        cgroups.open(1 << 26, 8)
    assert refusing.groups(top(refusing, ROOT)) == []


def test_a_top_that_was_taken_for_left_is_made_again(tmp_path: Path) -> None:
    files = FakeCgroupFiles(ROOT)
    cgroups = CgroupsV2(proc(tmp_path, "/"), files=files)
    files.remove(top(files, ROOT))
    assert cgroups.open(1 << 26, 8).used_bytes() == 0


def test_what_a_killed_harness_left_is_removed(files: FakeCgroupFiles, tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    files.groups_by_path[HERE].processes.clear()
    left, used, alive = (
        HERE / f"mlmaster-{pid}-{end}" for pid, end in ((process.pid, "aa"), (process.pid, "bb"), (os.getppid(), "aa"))
    )
    for path in (left / "harness", left / "7", used / "7", alive / "7"):
        files.add(path)
    files.groups_by_path[used / "7"].processes.add(4000000)
    CgroupsV2(proc(tmp_path), files=files).close()
    assert set(files.groups(HERE)) == {used, alive}


# --- where the group lies ---


def one_place(tmp_path: Path, group: str, mounts: str, *places: str) -> Path:
    files = FakeCgroupFiles(Path("/"))
    for place in places:
        files.add(Path(place))
    files.groups_by_path[Path("/")].handed_down |= BOTH
    for path, made in files.groups_by_path.items():
        if str(path) not in places:
            made.handed_down |= BOTH
    cgroups = CgroupsV2(proc(tmp_path, group, mounts), files=files)
    return cgroups.open(1 << 26, 8).joins[0].parents[2]


@pytest.mark.parametrize(
    ("group", "mounts", "place"),
    [
        ("/service", MOUNT, "/cg/service"),
        ("/", MOUNT.replace("/cg", "/sys/fs/cgroup"), "/sys/fs/cgroup"),
        ("/docker/f00", MOUNT.replace(" / /cg", " /docker/f00 /cg"), "/cg"),
        ("/docker/f00/a b", MOUNT.replace(" / /cg", " /docker /c\\040g"), "/c g/f00/a b"),
        ("/lxc/a", MOUNT.replace(" / /cg", " /other /bound") + MOUNT, "/cg/lxc/a"),
        ("/a", MOUNT.replace("/cg", "/hidden") + MOUNT, "/cg/a"),
        ("/a", MOUNT.replace("rw,nosuid -", "rw shared:4 master:1 -"), "/cg/a"),
    ],
)
def test_the_own_group_is_found(tmp_path: Path, group: str, mounts: str, place: str) -> None:
    assert one_place(tmp_path, group, mounts, place) == Path(place)


@pytest.mark.parametrize(
    ("group", "mounts"),
    [
        ("/service", ""),
        ("/../other", MOUNT),
        ("/", MOUNT.replace(" / /cg", " /../.. /cg")),
        ("/service (deleted)", MOUNT),
        ("/service", MOUNT.replace("cgroup2 cgroup2", "cgroup cgroup")),
    ],
)
def test_a_group_that_is_not_visible_is_said_to_be_so(tmp_path: Path, group: str, mounts: str) -> None:
    with pytest.raises(InfrastructureError, match=r"the own group .* of cgroup v2 is visible under no mount"):
        one_place(tmp_path, group, mounts, "/cg/service")


def test_a_system_without_groups_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="this system has no control groups"):
        CgroupsV2(tmp_path / "missing", files=FakeCgroupFiles(ROOT))
    (proc(tmp_path) / "cgroup").write_text("4:memory:/\n")
    with pytest.raises(InfrastructureError, match="the kernel offers no cgroup v2 here"):
        CgroupsV2(tmp_path, files=FakeCgroupFiles(ROOT))


# --- systemd ---


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Write a stand-in for `systemd-run`: its scope is /scope, and it notes how it was asked."""
    proc(tmp_path / "any", "/scope")
    path = tmp_path / "systemd-run"
    path.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncp -r {tmp_path}/any {tmp_path}/$$\n'
        'while [ "$1" != -- ]; do shift; done; shift; exec "$@"\n'
    )
    path.chmod(0o755)
    return path


def scope(files: FakeCgroupFiles) -> FakeGroup:
    return files.add(ROOT / "scope")


def test_systemd_lends_a_scope_that_is_held_until_the_end(tmp_path: Path, program: Path) -> None:
    files = FakeCgroupFiles(ROOT)
    scope(files)
    before = snapshot(files)
    cgroups = SystemdCgroups(str(program), tmp_path, files)
    group = cgroups.open(1 << 26, 8)
    assert group.joins[0].parents[2] == ROOT / "scope"
    asked = (tmp_path / "asked").read_text().split()
    assert ("--user" in asked) == (os.geteuid() != 0)
    assert {"--scope", "--quiet", "--collect", "--property=Delegate=yes"} <= set(asked)
    (holder,) = (int(path.name) for path in tmp_path.iterdir() if path.name.isdigit())
    os.kill(holder, 0)
    group.close()
    cgroups.close()
    with pytest.raises(ProcessLookupError):
        os.kill(holder, 0)
    assert snapshot(files) == before


def test_a_scope_that_cannot_be_divided_is_given_back(tmp_path: Path, program: Path) -> None:
    files = FakeCgroupFiles(ROOT)
    scope(files).processes.add(1)
    with pytest.raises(InfrastructureError, match="holds other processes too: 1;"):
        SystemdCgroups(str(program), tmp_path, files)
    (holder,) = (int(path.name) for path in tmp_path.iterdir() if path.name.isdigit())
    with pytest.raises(ProcessLookupError):
        os.kill(holder, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo Failed to connect to bus: No medium found >&2; exit 1", "lends no scope: Failed to connect to bus"),
        ("exit 1", "lends no scope: it ended without a word"),
    ],
)
def test_systemd_that_refuses_is_quoted(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "systemd-run"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    with pytest.raises(InfrastructureError, match=reason):
        SystemdCgroups(str(path), tmp_path)


def test_a_machine_without_systemd_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="cannot be started: No such file"):
        SystemdCgroups(str(tmp_path / "systemd-run"))


def test_what_a_harness_out_of_sight_has_claimed_is_left_alone(tmp_path: Path) -> None:
    # numbers that no process has: of another process namespace, for all that can be told
    alive, dead = (tmp_path / f"mlmaster-999999{number}-00c0ffee" for number in (1, 2))
    for group in (alive, dead):
        (group / "1").mkdir(parents=True)
    files = KernelFiles()
    let_go = files.claim(alive)
    tree.remove_left(files, tmp_path)
    assert (alive / "1").exists()
    assert not dead.exists()
    let_go()
    tree.remove_left(files, tmp_path)
    assert not alive.exists()


def test_the_groups_of_a_harness_are_claimed_while_they_are_there(files: FakeCgroupFiles, tmp_path: Path) -> None:
    cgroups = CgroupsV2(proc(tmp_path), files=files)
    assert files.claimed == {top(files)}
    cgroups.close()
    cgroups.close()
    assert not files.claimed
