"""Hostile scripts without isolation: what the limits stop, they stop; what is only noticed, is noticed.

Scripts aim at themselves, their own supervisor and a listener that the test opened. Bombs stop by themselves.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import pytest

from mlmaster.core.execution import Fault
from mlmaster.errors import InfrastructureError
from mlmaster.ports import Sandbox
from mlmaster.sandbox.adapters import NoIsolation
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.testing.sandbox_limits import GRAB, HOLD, LIMITS, MEGABYTE, make_view, run, was_held_and_is_free
from mlmaster.testing.sandboxes import open_sandbox, own_interpreter

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a reaper of orphans")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "evaluations"


@pytest.fixture
def sandbox(root: Path) -> Iterator[Sandbox]:
    adapter = open_sandbox(root, "none")
    yield adapter
    adapter.close()


@LINUX
def test_killing_the_supervisor_frees_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    code = HOLD + "kept = hold('main')\nspawn(daemon)\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)"
    execution = run(sandbox, tmp_path, code)
    assert execution.fault is Fault.POLICY
    assert "supervises" in execution.detail
    assert was_held_and_is_free(execution.directory, "main")
    assert was_held_and_is_free(execution.directory, "daemon")


@LINUX
def test_stopping_the_supervisor_does_not_stop_the_clock(sandbox: Sandbox, tmp_path: Path) -> None:
    code = HOLD + "kept = hold('main')\nspawn(daemon)\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(600)"
    execution = run(sandbox, tmp_path, code, wall_s=3)
    assert execution.fault is Fault.TIMEOUT
    assert was_held_and_is_free(execution.directory, "main")
    assert was_held_and_is_free(execution.directory, "daemon")


def test_signalling_the_own_group_reaches_nobody_else(sandbox: Sandbox, tmp_path: Path) -> None:
    execution = run(sandbox, tmp_path, "import os, signal\nos.killpg(0, signal.SIGKILL)")
    assert (execution.fault, execution.signal) == (Fault.ERROR, signal.SIGKILL)


def test_fork_bomb(sandbox: Sandbox, tmp_path: Path) -> None:
    code = HOLD + (
        "import os, time\n"
        "for number in range(40):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(600)\n"
        "kept = hold('main')\n"
        "time.sleep(20)\nopen('late', 'w')"
    )
    execution = run(sandbox, tmp_path, code, processes=20)
    assert execution.fault is Fault.ERROR
    assert "20 are allowed" in execution.detail
    assert not (execution.directory / "late").exists()


@LINUX
def test_daemon_that_wipes_its_traces_dies(sandbox: Sandbox, tmp_path: Path) -> None:
    code = HOLD + (
        "def ghost(ready):\n"
        "    os.setsid()\n"
        "    if os.fork():\n"
        "        os._exit(0)\n"
        "    kept = hold('ghost')\n"
        "    os.set_inheritable(kept.fileno(), True)\n"
        "    ready()\n"
        "    os.execve('/bin/sleep', ['sleep', '600'], {})\n"
        "spawn(ghost)"
    )
    execution = run(sandbox, tmp_path, code)
    assert execution.fault is None, execution.log
    assert was_held_and_is_free(execution.directory, "ghost")


def test_many_empty_files_fill_the_disk_too(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "for number in range(3000):\n    open(f'working/{number}', 'w').close()"
    assert run(sandbox, tmp_path, code, disk_bytes=8 * MEGABYTE).fault is Fault.DISK


def test_files_in_the_home_and_temporary_folder_count(sandbox: Sandbox, tmp_path: Path) -> None:
    code = (
        "import os, pathlib, tempfile\n"
        "for number in range(3):\n"
        "    (pathlib.Path.home() / str(number)).write_bytes(bytes(b'x' * (4 << 20)))\n"
        "    pathlib.Path(tempfile.gettempdir(), str(number)).write_bytes(b'x' * (4 << 20))"
    )
    assert run(sandbox, tmp_path, code, disk_bytes=16 * MEGABYTE).fault is Fault.DISK


def test_endless_output_does_not_hold_up_the_watchdog(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import os\nwhile True:\n    os.write(2, b'x' * 65536)"
    execution = run(sandbox, tmp_path, code, wall_s=1)
    assert execution.fault is Fault.TIMEOUT
    assert len(execution.log) <= LIMITS.log_bytes


def test_a_kill_near_the_memory_limit_is_want_of_memory(sandbox: Sandbox, tmp_path: Path) -> None:
    code = GRAB + "import os, signal\nkept = grab(112)\nos.kill(os.getpid(), signal.SIGKILL)"
    assert run(sandbox, tmp_path, code, memory_bytes=128 * MEGABYTE).fault is Fault.OUT_OF_MEMORY
    execution = run(sandbox, tmp_path, code, memory_bytes=2048 * MEGABYTE)
    assert (execution.fault, execution.signal) == (Fault.ERROR, signal.SIGKILL)


@LINUX
def test_script_is_the_first_to_go_when_memory_is_short(sandbox: Sandbox, tmp_path: Path) -> None:
    code = (
        "import os, resource\n"
        "print(open('/proc/self/oom_score_adj').read().strip(), resource.getrlimit(resource.RLIMIT_CORE))\n"
        "print(len(os.sched_getaffinity(0)))"
    )
    assert run(sandbox, tmp_path, code).log == "1000 (0, 0)\n1\n"


@pytest.mark.parametrize(
    "attack",
    [
        "open('input/train.csv', 'a').write('3,1\\n')",
        "s = os.stat('input/train.csv')\n"
        "open('input/train.csv', 'r+').write('ID')\n"
        "os.utime('input/train.csv', ns=(s.st_atime_ns, s.st_mtime_ns))",
        "open('input/planted', 'w').close()",
        "os.remove('input/train.csv')",
        "shutil.rmtree(os.path.realpath('input'))",
    ],
)
def test_a_linked_view_that_was_changed_is_noticed(root: Path, tmp_path: Path, attack: str) -> None:
    sandbox = open_sandbox(root, "none", copy_up_to_bytes=100)
    untouched = run(sandbox, tmp_path, "import os\nprint(os.path.islink('input'), os.listdir('input/images'))")
    assert (untouched.fault, untouched.log) == (None, "True ['1.bin']\n")
    execution = run(sandbox, tmp_path, "import os, shutil\n" + attack)
    assert execution.fault is Fault.POLICY
    assert "view" in execution.detail
    with pytest.raises(InfrastructureError, match="view"):
        sandbox.run("", tmp_path / "view", LIMITS, Flag())


def test_a_linked_view_survives_the_end_of_the_directory(root: Path, tmp_path: Path) -> None:
    sandbox = open_sandbox(root, "none", copy_up_to_files=1)
    execution = run(sandbox, tmp_path, "")
    assert execution.fault is None
    assert list(execution.directory.iterdir()) == [execution.directory / "solution.py", execution.directory / "working"]
    assert (make_view(tmp_path) / "train.csv").exists()


def test_nothing_is_left_behind(sandbox: Sandbox, root: Path, tmp_path: Path) -> None:
    run(sandbox, tmp_path, "")
    descriptors = len(list(Path("/dev/fd").iterdir()))
    directories = {run(sandbox, tmp_path, HOLD + "spawn(daemon)").directory for _ in range(3)}
    assert len(list(Path("/dev/fd").iterdir())) == descriptors
    assert directories < set(root.iterdir())
    assert len(list(root.iterdir())) == 4


def test_an_interpreter_that_is_not_there_is_ours_to_blame(root: Path, tmp_path: Path) -> None:
    interpreter = replace(own_interpreter(), python=tmp_path / "no-python")
    sandbox = LocalSandbox(root, interpreter, NoIsolation(), preload=None)
    with pytest.raises(InfrastructureError, match="no-python"):
        run(sandbox, tmp_path, "")
    assert list(root.iterdir()) == []


def test_scripts_end_with_a_harness_that_is_killed(root: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        code = (
            "import os, signal, socket, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            f"connection = socket.create_connection({listener.getsockname()!r})\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "connection.sendall(b'x')\n"
            "time.sleep(600)"
        )
        harness = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys, threading\n"
                "from pathlib import Path\n"
                "from mlmaster.core.execution import Limits\n"
                "from mlmaster.testing.sandboxes import open_sandbox\n"
                "limits = Limits(60, 1 << 28, 1 << 26)\n"
                "open_sandbox(Path(sys.argv[1]), 'none').run(sys.argv[2], Path(sys.argv[3]), limits, threading.Event())",
                str(root),
                code,
                str(make_view(tmp_path)),
            ],
            env={**os.environ, "TMPDIR": str(tmp_path)},  # a harness killed like this cannot tidy up
        )
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(60)
            received = b""
            while len(received) < 2:
                received += connection.recv(2)
            harness.kill()
            harness.wait()
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""  # the script and its child are gone, both held the connection
