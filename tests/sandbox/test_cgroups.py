"""Real groups, of the kind this machine lends: what they count, what they stop, and that nothing is left of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.cgroups import Cgroup, Cgroups, find
from mlmaster.sandbox.cgroups.files import KernelFiles
from mlmaster.sandbox.cgroups.trial import prove
from mlmaster.sandbox.cgroups.v1 import CgroupsV1

MEGABYTE = 2**20
LIMIT = 64 * MEGABYTE
CEILING = 192 * MEGABYTE
JOIN = """
import os, sys, time
joins, words = sys.argv[1].split(":"), sys.argv[2:]
for join in filter(None, joins):
    open(join, "w").write("0")
def say(*what):
    print(*what, flush=True)
def wait():
    sys.stdin.read()
"""
GROW = f"held = [b'1' * {MEGABYTE} for _ in range({CEILING // MEGABYTE})]"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def cgroups() -> Iterator[Cgroups]:
    found = find()
    if found.cgroups is None:
        pytest.skip("; ".join(found.reasons))
    yield found.cgroups
    found.cgroups.close()


@pytest.fixture
def group(cgroups: Cgroups) -> Iterator[Cgroup]:
    group = cgroups.open(LIMIT, 8)
    yield group
    group.kill()
    group.close()


@pytest.fixture
def start() -> Iterator[Start]:
    with contextlib.ExitStack() as stack:

        def start(group: Cgroup | None, code: str, *words: str) -> subprocess.Popen[str]:
            joins = ":".join(map(str, group.joins if group else ()))
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", JOIN + code, joins, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_process_that_grows_past_the_limit_is_killed_and_the_group_says_why(group: Cgroup, start: Start) -> None:
    assert not group.was_out_of_memory()
    assert start(group, GROW).wait() == -signal.SIGKILL
    assert group.was_out_of_memory()
    assert 0.9 * LIMIT <= group.peak_bytes() <= 1.01 * LIMIT


def test_a_process_within_the_limit_is_left_alone(group: Cgroup, start: Start) -> None:
    process = start(group, f"held = b'1' * (32 * {MEGABYTE}); say('up'); wait()")
    assert told(process) == "up"
    used = group.used_bytes()
    assert 32 * MEGABYTE <= used < LIMIT
    process.communicate()
    assert process.returncode == 0
    assert not group.was_out_of_memory()
    assert group.used_bytes() < 16 * MEGABYTE
    assert group.peak_bytes() >= used


def test_a_process_that_merely_dies_of_the_same_signal_was_not_out_of_memory(group: Cgroup, start: Start) -> None:
    assert start(group, "os.kill(os.getpid(), 9)").wait() == -signal.SIGKILL
    process = start(group, "say('up'); wait()")
    assert told(process) == "up"
    group.kill()
    assert process.wait() == -signal.SIGKILL
    assert not group.was_out_of_memory()


def test_what_runs_out_of_memory_in_one_group_is_not_told_of_another(
    cgroups: Cgroups, group: Cgroup, start: Start
) -> None:
    other = cgroups.open(LIMIT, 8)
    start(other, GROW).wait()
    assert (other.was_out_of_memory(), group.was_out_of_memory()) == (True, False)
    other.close()


FAMILY = f"""
for _ in range(3):
    if os.fork() == 0:
        if os.fork() == 0:
            held = b"1" * (int(words[0]) * {MEGABYTE})
            say("up")
            wait()
        os.wait()
        os._exit(0)
os.wait()
say("ended")
wait()
"""


def test_grandchildren_are_counted_together(cgroups: Cgroups, start: Start) -> None:
    group = cgroups.open(2 * CEILING, 8)
    process = start(group, FAMILY, "24")
    assert [told(process) for _ in range(3)] == ["up"] * 3
    assert 3 * 24 * MEGABYTE <= group.used_bytes() < CEILING
    group.kill()
    group.close()


def test_grandchildren_are_bounded_together(group: Cgroup, start: Start) -> None:
    process = start(group, FAMILY, "40")  # each of the three has room, two have not
    lines = [told(process)]
    while "ended" not in lines and len(lines) < 3:
        lines.append(told(process))
    assert "ended" in lines
    assert group.was_out_of_memory()


def test_files_held_in_memory_are_counted(group: Cgroup, start: Start) -> None:
    name = f"/dev/shm/mlmaster-test-{os.getpid()}"
    write = f"file = open(words[0], 'wb'); [file.write(b'1' * {MEGABYTE}) for _ in range(32)]; file.flush()"
    process = start(group, f"{write}; os.unlink(words[0]); say('up'); wait()", name)
    assert told(process) == "up"
    assert group.used_bytes() >= 32 * MEGABYTE


def test_files_held_in_memory_are_bounded(group: Cgroup, start: Start) -> None:
    name = f"/dev/shm/mlmaster-test-{os.getpid()}"
    write = f"file = open(words[0], 'wb'); os.unlink(words[0]); [file.write(b'1' * {MEGABYTE}) for _ in range(192)]"
    assert start(group, write, name).wait() == -signal.SIGKILL
    assert group.was_out_of_memory()


def test_page_cache_is_not_counted(group: Cgroup, start: Start, tmp_path: Path) -> None:
    if subprocess.check_output(["stat", "--file-system", "--format=%T", str(tmp_path)]) == b"tmpfs\n":
        pytest.skip("temporary files are held in memory here")
    write = f"open(words[0], 'wb').write(b'1' * {32 * MEGABYTE})"
    process = start(group, f"{write}; say('up'); wait()", str(tmp_path / "written"))
    assert told(process) == "up"
    assert group.used_bytes() < 16 * MEGABYTE  # what the interpreter holds


FORK = """
count = 0
try:
    while count < 200:
        if os.fork() == 0:
            wait()
            os._exit(0)
        count += 1
except BlockingIOError:
    pass
say(count)
wait()
"""


def test_a_fork_loop_is_stopped(cgroups: Cgroups, start: Start) -> None:
    group = cgroups.open(8 * LIMIT, 8)  # room for all it would fork
    count = int(told(start(group, FORK)))
    is_counted = cgroups.name != "cgroup v1" or any("pids" in str(join) for join in group.joins)
    group.kill()
    group.close()
    if not is_counted:
        pytest.skip("processes are not counted here")
    assert 8 <= count <= 4 * 8 + 64


def test_kill_ends_a_tree_that_let_go_of_its_parents(group: Cgroup, start: Start) -> None:
    process = start(
        group,
        """
if os.fork() == 0:
    os.setsid()
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            say(os.getpid())
            while True:
                time.sleep(1000)
    os._exit(0)
""",
    )
    pids = [int(told(process)) for _ in range(3)]
    assert process.wait() == 0
    assert all(map(is_running, pids))
    group.kill()
    assert not any(map(is_running, pids))
    assert [join.read_text() for join in group.joins] == [""] * len(group.joins)


def test_kill_ends_what_forks_all_the_time(group: Cgroup, start: Start) -> None:
    process = start(
        group,
        """
def fork():
    while True:
        try:
            return os.fork()
        except BlockingIOError:  # those that are up already leave no room for a moment
            pass

for _ in range(8):
    if fork() == 0:
        say("up")
        until = time.monotonic() + 30
        while time.monotonic() < until:  # a ceiling of its own
            try:
                if os.fork():
                    os._exit(0)
            except BlockingIOError:
                pass
        os._exit(0)
os._exit(0)
""",
    )
    assert [told(process) for _ in range(8)] == ["up"] * 8
    group.kill()
    assert [join.read_text() for join in group.joins] == [""] * len(group.joins)


def test_kill_also_ends_what_a_script_put_into_groups_of_its_own(group: Cgroup, start: Start) -> None:
    folders = [join.parent for join in group.joins]
    process = start(
        group,
        """
for folder in words:
    os.mkdir(folder + "/own")
    open(folder + "/own/cgroup.procs", "w").write("0")
say("up")
wait()
""",
        *map(str, folders),
    )
    assert told(process) == "up"
    group.kill()
    assert [(folder / "own/cgroup.procs").read_text() for folder in folders] == [""] * len(folders)
    group.close()
    assert not any(folder.exists() for folder in folders)


def test_processor_time_is_counted_of_ended_processes_too(group: Cgroup, start: Start) -> None:
    code = "\nif os.fork() == 0:\n while time.process_time() < 0.2: pass\n os._exit(0)\nos.wait()"
    assert start(group, code).wait() == 0
    cpu_s = group.cpu_s()
    assert cpu_s is None or cpu_s >= 0.2


def test_nothing_is_left_of_a_group(cgroups: Cgroups, start: Start) -> None:
    group = cgroups.open(LIMIT, 8)
    folders = [join.parent for join in group.joins]
    assert all(folder.is_dir() for folder in folders)
    assert start(group, "pass").wait() == 0
    group.kill()
    group.close()
    assert not any(folder.exists() for folder in folders)
    group.close()


def test_a_group_in_use_cannot_be_removed(group: Cgroup, start: Start) -> None:
    process = start(group, "say('up'); wait()")
    assert told(process) == "up"
    with pytest.raises(InfrastructureError, match="processes are in it"):
        group.close()
    process.kill()
    process.wait()
    group.close()
    with pytest.raises(InfrastructureError, match=r"cannot be read: No such file .*memory\.stat"):
        group.used_bytes()


def test_many_groups_one_after_the_other_and_at_once(cgroups: Cgroups, start: Start) -> None:
    def use(_: int) -> tuple[Path, ...]:
        group = cgroups.open(LIMIT, 8)
        try:
            assert group.used_bytes() == 0
            return group.joins
        finally:
            group.kill()
            group.close()

    seen = [use(number) for number in range(50)]
    with ThreadPoolExecutor(4) as pool:
        seen += pool.map(use, range(50))
    assert len(set(seen)) == 100
    assert not any(join.parent.exists() for joins in seen for join in joins)


def test_processes_run_in_many_groups_at_once(cgroups: Cgroups, start: Start) -> None:
    def use(number: int) -> tuple[int, bool]:
        group = cgroups.open(LIMIT, 8)
        try:
            return start(group, GROW if number % 2 else "pass").wait(), group.was_out_of_memory()
        finally:
            group.kill()
            group.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(8))) == [(0, False), (-signal.SIGKILL, True)] * 4


# --- what is left of a harness ---


@pytest.fixture
def v1() -> Iterator[CgroupsV1]:
    try:
        cgroups = CgroupsV1()
    except InfrastructureError as error:
        pytest.skip(str(error))
    yield cgroups
    cgroups.close()


def tops(cgroups: Cgroups) -> list[Path]:
    group = cgroups.open(LIMIT, 8)
    group.close()
    return [join.parents[1] for join in group.joins]


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    process.wait()
    return process.pid


def test_nothing_is_left_of_a_harness_even_when_scripts_still_run(start: Start) -> None:
    try:
        cgroups = CgroupsV1()
    except InfrastructureError as error:
        pytest.skip(str(error))
    folders = tops(cgroups)
    process = start(cgroups.open(LIMIT, 8), "say('up'); wait()")
    assert told(process) == "up"
    cgroups.close()
    assert process.wait() == -signal.SIGKILL
    assert not any(folder.exists() for folder in folders)


def test_a_killed_harness_is_tidied_up_after(start: Start, v1: CgroupsV1) -> None:
    code = """
sys.path[:0] = words
from mlmaster.sandbox.cgroups.v1 import CgroupsV1
groups = CgroupsV1()
say(*(join.parents[1] for join in groups.open(1 << 26, 8).joins))
wait()
"""
    process = start(None, code, *filter(None, sys.path))
    left = [Path(word) for word in told(process).split()]
    assert left
    CgroupsV1().close()
    assert all(folder.is_dir() for folder in left)  # it lives
    process.kill()
    process.wait()
    CgroupsV1().close()
    assert not any(folder.exists() for folder in left)
    assert all(folder.is_dir() for folder in tops(v1))


def test_only_what_is_empty_and_of_a_dead_process_is_removed(v1: CgroupsV1, start: Start) -> None:
    parent = tops(v1)[0].parent
    dead = ended_process()
    holding, empty = f"mlmaster-{dead}-00c0ffee", f"mlmaster-{dead}-0badcafe"
    spared = {holding, f"mlmaster-{os.getppid()}-00c0ffee", f"mlmaster-{dead}-mine", f"other-{dead}"}
    names = [*spared, empty]
    for name in names:
        (parent / name / "1").mkdir(parents=True)
    process = start(None, "open(words[0], 'w').write('0'); say('up'); wait()", str(parent / holding / "1/cgroup.procs"))
    try:
        assert told(process) == "up"
        CgroupsV1().close()
        assert {name for name in names if (parent / name).exists()} == spared
    finally:
        process.kill()
        process.wait()
        for folder in (parent / name for name in names if (parent / name).exists()):
            (folder / "1").rmdir()
            folder.rmdir()


def test_groups_are_made_again_below_a_top_that_was_removed(v1: CgroupsV1) -> None:
    files = KernelFiles()
    assert all(map(files.is_claimed, tops(v1)))
    for top in tops(v1):
        top.rmdir()
    group = v1.open(LIMIT, 8)
    assert all(map(files.is_claimed, tops(v1)))
    assert all(join.exists() for join in group.joins)
    group.close()


# --- finding ---


def test_a_user_without_rights_is_told_why_and_what_to_do() -> None:
    if os.geteuid():
        pytest.skip("only root can become another user")
    code = """
import os
from mlmaster.sandbox.cgroups import find
os.setgroups([]); os.setgid(65534); os.setuid(65534)
found = find()
assert found.cgroups is None
print(*found.reasons, sep="\\n")
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    lines = ended.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["cgroup v2", "cgroup v1", "systemd-run"]
    assert all(len(line) > 30 for line in lines)
    assert not ended.stderr


class Doubtful:
    """Groups that do not do what they should."""

    name = "doubtful"

    def __init__(self, joins: tuple[Path, ...] = (), real: Cgroups | None = None) -> None:
        self.joins = joins
        self.is_closed = False
        self._real = real

    def open(self, memory_bytes: int, processes: int) -> Cgroup:
        if self._real:
            self.joins = self._real.open(memory_bytes, processes).joins
        return self

    def used_bytes(self) -> int:
        return 0

    def peak_bytes(self) -> int:
        return 0

    def was_out_of_memory(self) -> bool:
        return False

    def cpu_s(self) -> float | None:
        return None

    def kill(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


def test_the_trial_sees_that_nothing_is_bounded() -> None:
    with pytest.raises(InfrastructureError, match="took 192 MB in a group of 64 MB and was not stopped"):
        prove(Doubtful())


def test_the_trial_sees_that_nobody_can_come_in(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=r"could not be put into its group: .*closed.*start ML-Master"):
        prove(Doubtful((tmp_path / "closed" / "cgroup.procs",)))


def test_the_trial_sees_that_a_group_does_not_tell(v1: CgroupsV1) -> None:
    with pytest.raises(InfrastructureError, match="its group does not tell why"):
        prove(Doubtful(real=v1))


def test_the_trial_sees_what_is_left(tmp_path: Path) -> None:
    class Telling(Doubtful):
        def was_out_of_memory(self) -> bool:
            return True

    killer = tmp_path / "python"
    killer.write_text("#!/bin/sh\nkill -9 $$\n")
    killer.chmod(0o755)
    with pytest.raises(InfrastructureError, match="left groups behind"):
        prove(Telling((tmp_path / "cgroup.procs",)), killer)


def test_the_first_kind_that_is_proven_is_taken_and_the_others_say_why_not() -> None:
    made: list[Doubtful] = []

    def make() -> Doubtful:
        made.append(Doubtful())
        return made[-1]

    def refuse() -> Doubtful:
        raise InfrastructureError("is not there; do this")

    def prove_second(cgroups: Cgroups) -> None:
        if cgroups is made[0]:
            raise InfrastructureError("does not hold")

    found = find((("a", refuse), ("b", make), ("c", make), ("d", refuse)), prove_second)
    assert found.cgroups is made[1]
    assert found.reasons == ("a: is not there; do this", "b: does not hold")
    assert [groups.is_closed for groups in made] == [True, False]
