"""Landlock as the kernel at hand applies it, in fresh processes; and the choice of a version, which needs no kernel."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mlmaster.sandbox import landlock
from mlmaster.sandbox.inside.plan import Landlock

ABI = landlock.abi()
SOURCES = str(Path(landlock.__file__).parents[2])


def needs(abi: int) -> pytest.MarkDecorator:
    return pytest.mark.skipif(abi > ABI, reason=f"needs version {abi} of Landlock, this kernel has {ABI}")


START = """
import ctypes, errno, fcntl, json, os, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from mlmaster.sandbox.inside.landlock import restrict
from mlmaster.sandbox.inside.plan import Landlock

rules, given, user = Landlock(**json.loads(sys.argv[2])), json.loads(sys.argv[3]), json.loads(sys.argv[4])

def attempt(make, *arguments):
    try:
        result = make(*arguments)
        if isinstance(result, int) and make is os.open:
            os.close(result)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def read(path):
    with open(path) as file:
        return file.read()

def write(path):
    with open(path, "r+") as file:
        file.write("x")

def create(path):
    with open(path, "x"):
        pass

assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0
if rules.abi:
    restrict(rules)
if user is not None:
    os.setresuid(user, user, user)
print(json.dumps(CODE))
"""


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    folder = tmp_path / "inside"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_text("mine")
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text("secret")
    return folder


@pytest.fixture
def outcome(inside: Path) -> Callable[..., Any]:
    """Return what an expression yields under rules that grant the system's files to read and `inside` to write."""

    def run(code: str, given: object = None, **changed: Any) -> Any:
        rules = Landlock(
            abi=changed.pop("abi", ABI),
            readable=[
                sys.base_prefix,
                "/usr",
                "/lib",
                "/proc",
                "/nowhere",
                "/usr/bin/env/nothing",
                *changed.pop("readable", ()),
            ],
            writable=[str(inside)],
            devices=["/dev/null", "/dev/zero"],
            with_network=changed.pop("with_network", False),
        )
        arguments = (SOURCES, json.dumps(asdict(rules)), json.dumps(given), json.dumps(changed.pop("user", None)))
        command = [sys.executable, "-I", "-S", "-c", START.replace("CODE", code), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=inside)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


@needs(1)
@pytest.mark.parametrize("abi", [pytest.param(abi, marks=needs(abi)) for abi in range(1, 8)])
def test_files_outside_are_neither_read_nor_changed(
    outcome: Callable[..., Any], inside: Path, outside: Path, abi: int
) -> None:
    refused = outcome(
        """[attempt(read, given + "/file"), attempt(write, given + "/file"), attempt(create, given + "/new"),
        attempt(os.mkdir, given + "/new"), attempt(os.remove, given + "/file"), attempt(os.listdir, given),
        attempt(os.symlink, "file", given + "/new"), attempt(os.mkfifo, given + "/new"), attempt(os.rmdir, given),
        attempt(read, "/etc/passwd"), attempt(os.listdir, "/"), attempt(create, "/usr/new"), attempt(create, "/dev/new"),
        attempt(os.symlink, given + "/file", "link"), attempt(read, "link")]""",
        str(outside),
        abi=abi,
    )
    assert refused == ["EACCES"] * 13 + ["done", "EACCES"]
    assert (outside / "file").read_text() == "secret"
    allowed = outcome(
        """[attempt(read, "file"), attempt(write, "file"), attempt(os.listdir, "."), attempt(os.truncate, "file", 1),
        attempt(create, "new"), attempt(os.rename, "new", "newer"), attempt(os.mkdir, "folder"), attempt(os.rmdir, "folder"),
        attempt(os.mkfifo, "pipe"), attempt(os.remove, "pipe"), attempt(os.chmod, "file", 0o755)]""",
        abi=abi,
    )
    assert set(allowed) == {"done"}


@needs(1)
def test_reading_and_executing_where_only_reading_is_granted(outcome: Callable[..., Any], outside: Path) -> None:
    tool = outside / "tool"
    tool.write_text("#!/bin/sh\nexit 0\n")
    tool.chmod(0o755)
    code = """[attempt(read, given + "/file"), attempt(os.listdir, given), os.spawnv(os.P_WAIT, given + "/tool", ["tool"]),
    attempt(write, given + "/file"), attempt(create, given + "/new"), attempt(os.remove, given + "/file")]"""
    found = outcome(code, str(outside), readable=[str(outside)])
    assert found == ["done", "done", 0, "EACCES", "EACCES", "EACCES"]
    assert outcome('os.spawnv(os.P_WAIT, given + "/tool", ["tool"])', str(outside)) == 127


@needs(1)
def test_a_single_file_is_granted_and_not_its_folder(outcome: Callable[..., Any], outside: Path) -> None:
    (outside / "other").touch()
    code = '[attempt(read, given + "/file"), attempt(read, given + "/other"), attempt(os.listdir, given)]'
    assert outcome(code, str(outside), readable=[str(outside / "file")]) == ["done", "EACCES", "EACCES"]


@needs(1)
def test_devices_are_used_but_not_replaced(outcome: Callable[..., Any]) -> None:
    code = """[attempt(os.open, "/dev/null", os.O_RDWR | os.O_TRUNC), attempt(os.open, "/dev/zero", os.O_RDONLY),
    attempt(os.open, "/dev/full", os.O_RDONLY), attempt(os.remove, "/dev/null"), attempt(os.mknod, "node", 0o20600, 0x103)]"""
    assert outcome(code) == ["done", "done", "EACCES", "EACCES", "EACCES"]


@needs(5)
def test_devices_that_are_only_read_take_no_commands(outcome: Callable[..., Any]) -> None:
    code = """[attempt(fcntl.ioctl, os.open(path, os.O_RDONLY), 0x5421_0000) for path in ("/dev/null", "/dev/full")]"""
    assert outcome(code, readable=["/dev/full"]) == ["ENOTTY", "EACCES"]
    assert outcome(code, readable=["/dev/full"], abi=4) == ["ENOTTY", "ENOTTY"]


@needs(2)
def test_files_move_between_own_folders_and_not_across_the_wall(outcome: Callable[..., Any], outside: Path) -> None:
    code = """[attempt(os.rename, "file", "sub/file"), attempt(os.link, "sub/file", "file"),
    attempt(os.rename, "file", given + "/new"), attempt(os.link, "file", given + "/new"),
    attempt(os.rename, given + "/file", "new"), attempt(os.link, given + "/file", "new")]"""
    moved, linked, *refused = outcome(code, str(outside))
    assert (moved, linked) == ("done", "done")
    assert set(refused) <= {"EACCES", "EXDEV"}
    assert sorted(path.name for path in outside.iterdir()) == ["file"]


@needs(3)
def test_files_outside_are_not_emptied(outcome: Callable[..., Any], outside: Path) -> None:
    assert outcome("attempt(os.truncate, given, 0)", str(outside / "file")) == "EACCES"
    assert outcome("attempt(os.truncate, given, 0)", str(outside / "file"), readable=[str(outside)]) == "EACCES"
    assert (outside / "file").read_text() == "secret"


@needs(1)
def test_truncation_is_what_versions_below_three_do_not_stop(outcome: Callable[..., Any], outside: Path) -> None:
    assert outcome("attempt(os.truncate, given, 0)", str(outside / "file"), abi=min(ABI, 2)) == "done"


@needs(4)
def test_tcp_is_refused_unless_it_is_granted(outcome: Callable[..., Any]) -> None:
    code = (
        """[attempt(socket.socket().connect, ("127.0.0.1", given)), attempt(socket.socket().bind, ("127.0.0.1", 0))]"""
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert outcome(code, port) == ["EACCES", "EACCES"]
        assert outcome(code, port, with_network=True) == ["done", "done"]
        assert outcome(code, port, abi=3) == ["done", "done"]


@needs(6)
def test_abstract_sockets_of_others_are_out_of_reach(outcome: Callable[..., Any]) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # the kernel draws an abstract name
        listener.listen()
        code = 'attempt(socket.socket(socket.AF_UNIX).connect, "\\0" + given)'
        name = listener.getsockname()[1:].decode()
        assert outcome(code, name) == "EPERM"
        assert outcome(code, name, abi=5) == "done"


USER = 65534 if os.getuid() == 0 else None
"""Who looks into a neighbour, and who that is: rights of root's, which no script has, look into everything."""


@pytest.fixture
def neighbour() -> Iterator["subprocess.Popen[bytes]"]:
    """A process outside the rules, which lives until its input ends."""
    environment = {**os.environ, "SECRET": "key"}
    with subprocess.Popen(
        ["/bin/sh", "-c", "echo here; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        user=USER,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        yield process


@needs(6)
def test_processes_outside_get_no_signal(outcome: Callable[..., Any], neighbour: "subprocess.Popen[bytes]") -> None:
    code = """[attempt(os.kill, given, 0), attempt(os.kill, given, signal.SIGTERM), attempt(os.kill, os.getpid(), 0),
    attempt(signal.pidfd_send_signal, os.pidfd_open(given), signal.SIGTERM)]"""
    assert outcome(code, neighbour.pid) == ["EPERM", "EPERM", "done", "EPERM"]
    assert neighbour.poll() is None
    assert outcome("attempt(os.kill, given, 0)", neighbour.pid, abi=5) == "done"


@needs(1)
def test_processes_outside_are_not_looked_into(
    outcome: Callable[..., Any], neighbour: "subprocess.Popen[bytes]"
) -> None:
    code = """[attempt(os.readlink, f"/proc/{given}/fd/0"),
    *(attempt(os.open, f"/proc/{given}/{name}", os.O_RDONLY) for name in ("environ", "maps", "auxv"))]"""
    assert outcome(code, neighbour.pid, user=USER, abi=0) == ["done"] * 4
    assert set(outcome(code, neighbour.pid, user=USER)) <= {"EACCES", "EPERM"}
    assert outcome('attempt(os.open, "/proc/self/environ", os.O_RDONLY)') == "done"


@needs(1)
def test_what_is_started_under_the_rules_stays_under_them(outcome: Callable[..., Any], outside: Path) -> None:
    code = 'os.spawnv(os.P_WAIT, "/usr/bin/env", ["env", "grep", "-sq", "m", given])'
    assert outcome(code, "file") == 0
    assert outcome(code, str(outside / "file")) == 2


@needs(1)
def test_permissions_and_names_are_what_no_version_guards(outcome: Callable[..., Any], outside: Path) -> None:
    assert outcome("[attempt(os.chmod, given, 0o444), attempt(os.stat, given)]", str(outside / "file")) == [
        "done",
        "done",
    ]
    assert [text for text in landlock.weaknesses(ABI) if "permissions" in text]
    assert [text for text in landlock.weaknesses(ABI) if "names" in text]


def refusal(code: str) -> str:
    command = [sys.executable, "-I", "-S", "-c", code, SOURCES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


REFUSED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from mlmaster.sandbox.inside.landlock import restrict
from mlmaster.sandbox.inside.plan import Landlock
"""


@needs(1)
def test_refusals_say_what_is_wrong(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    # a right of root's makes no_new_privs needless
    change = "os.setgroups([])\nos.setresuid(65534, 65534, 65534)\n" if os.getuid() == 0 else ""
    usual = "restrict(Landlock(1, ['/usr'], [], [], False))"
    assert "Landlock cannot be applied: no_new_privs is not set" in refusal(REFUSED + change + usual)
    assert "no Landlock" in refusal(REFUSED + "restrict(Landlock(0, ['/usr'], [], [], False))")
    assert "Landlock cannot name" in refusal(REFUSED + f"restrict(Landlock(1, [], ['{loop}'], [], False))")


@needs(1)
def test_no_descriptor_is_left_open(outcome: Callable[..., Any]) -> None:
    assert outcome("[name for name in os.listdir('/proc/self/fd') if int(name) > 2]") == ["3"]  # the list's own


def test_the_version_in_use_is_one_that_the_kernel_grants() -> None:
    assert landlock.highest(0, lambda version: True) == 0
    assert landlock.highest(7, lambda version: True) == 7
    assert landlock.highest(6, lambda version: version < 6) == 5
    assert landlock.highest(3, lambda version: False) == 0


def test_later_versions_have_fewer_weaknesses() -> None:
    assert landlock.weaknesses(0) == (
        "this kernel has no Landlock (Linux 5.13 or newer, with landlock among its security modules)",
    )
    for abi in range(1, 9):
        assert set(landlock.weaknesses(abi + 1)) <= set(landlock.weaknesses(abi))
    assert len(landlock.weaknesses(1)) - len(landlock.weaknesses(6)) == 6
    assert landlock.weaknesses(6) == landlock.weaknesses(9)
    assert any("empty files" in text for text in landlock.weaknesses(2))
    assert not any("empty files" in text for text in landlock.weaknesses(3))
