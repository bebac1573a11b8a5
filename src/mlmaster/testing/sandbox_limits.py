"""The half of the sandbox conformance suite that is about limits: each is broken, and the tree must be gone after.

Every greedy script stops by itself at a size that does no harm, so that a sandbox that fails the suite fails it safely.
A process is shown to be gone by the lock that it held on a file, which works across process namespaces too.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import fcntl
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from threading import Timer
from typing import Any

from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.ports import Sandbox

MEGABYTE = 2**20
LIMITS = Limits(wall_s=60, memory_bytes=256 * MEGABYTE, disk_bytes=64 * MEGABYTE, log_bytes=16 * 1024)

HOLD = """
import fcntl, os, signal, sys, time

def hold(name):
    handle = open("working/" + name, "w")
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle

def spawn(child):
    "Fork a process that runs child(ready), and go on once it has called ready."
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        child(lambda: os.write(writer, b"1"))
        os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)

def sleeper(ready):
    kept = hold("child")
    ready()
    time.sleep(600)

def daemon(ready):
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    kept = hold("daemon")
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    ready()
    time.sleep(600)
"""

GRAB = """
import time
def grab(megabytes):
    kept = []
    for _ in range(megabytes // 16):
        kept.append(bytearray(b"x") * (16 << 20))
    return kept
"""


def was_held_and_is_free(directory: Path, name: str) -> bool:
    """Return True when a script's process took the lock `name` and lives no more."""
    with (directory / "working" / name).open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def run(
    sandbox: Sandbox, tmp_path: Path, code: str, limits: Limits = LIMITS, cancel: Flag | None = None, **changes: Any
) -> Execution:
    """Run `code` on a small view, with some limits changed."""
    return sandbox.run(code, make_view(tmp_path), replace(limits, **changes), cancel or Flag())


def make_view(tmp_path: Path) -> Path:
    """Return the small view of this test, made on first use."""
    view = tmp_path / "view"
    if not view.exists():
        (view / "images").mkdir(parents=True)
        (view / "train.csv").write_text("id,target\n1,0\n2,1\n")
        (view / "images" / "1.bin").write_bytes(bytes(range(256)))
    return view


class LimitConformance:
    """Limits, cancelling and closing."""

    def test_time_limit_ends_a_script_that_ignores_signals(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = HOLD + (
            "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "kept = hold('main')\n"
            "time.sleep(600)\n"
        )
        execution = run(sandbox, tmp_path, code, wall_s=3)
        assert execution.fault is Fault.TIMEOUT
        assert "3 s" in execution.detail
        assert execution.exit_code is None
        assert execution.wall_s >= 3
        assert was_held_and_is_free(execution.directory, "main")

    def test_time_limit_ends_children_and_daemons(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = HOLD + "spawn(lambda ready: (spawn(sleeper), ready(), time.sleep(600)))\nspawn(daemon)\ntime.sleep(600)"
        execution = run(sandbox, tmp_path, code, wall_s=3)
        assert execution.fault is Fault.TIMEOUT
        assert was_held_and_is_free(execution.directory, "child")
        assert was_held_and_is_free(execution.directory, "daemon")

    def test_nothing_outlives_a_script_that_ends_well(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, HOLD + "spawn(sleeper)\nspawn(daemon)\nprint('done')")
        assert execution.fault is None
        assert execution.log == "done\n"
        assert was_held_and_is_free(execution.directory, "child")
        assert was_held_and_is_free(execution.directory, "daemon")

    def test_memory_limit(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = GRAB + "kept = grab(320)\ntime.sleep(20)\nopen('late', 'w')"
        execution = run(sandbox, tmp_path, code, memory_bytes=128 * MEGABYTE)
        assert execution.fault is Fault.OUT_OF_MEMORY
        assert execution.peak_bytes > 100 * MEGABYTE
        assert not (execution.directory / "late").exists()

    def test_memory_limit_holds_for_the_sum_over_children(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = GRAB + "import os\nfor _ in range(3):\n    os.fork()\nkept = grab(48)\ntime.sleep(20)\nopen('late', 'w')"
        execution = run(sandbox, tmp_path, code, memory_bytes=128 * MEGABYTE)
        assert execution.fault is Fault.OUT_OF_MEMORY
        assert not (execution.directory / "late").exists()

    def test_memory_limit_holds_for_a_child_alone(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = GRAB + (
            "import os\nif os.fork() == 0:\n    kept = grab(320)\n    time.sleep(20)\n    os._exit(0)\n"
            "os.wait()\ntime.sleep(20)\nopen('late', 'w')"
        )
        execution = run(sandbox, tmp_path, code, memory_bytes=128 * MEGABYTE)
        assert execution.fault is Fault.OUT_OF_MEMORY
        assert not (execution.directory / "late").exists()

    def test_memory_shared_by_a_fork_is_counted_once(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = GRAB + "import os\nkept = grab(96)\nfor _ in range(2):\n    os.fork()\ntime.sleep(1)"
        execution = run(sandbox, tmp_path, code, memory_bytes=256 * MEGABYTE)
        assert execution.fault is None

    def test_a_refused_allocation_is_out_of_memory_not_an_error(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "kept = bytearray(1 << 60)")
        assert execution.fault is Fault.OUT_OF_MEMORY
        assert execution.detail.startswith("MemoryError")

    def test_disk_limit_over_many_files(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import time\n"
            "for number in range(8):\n"
            "    open(f'working/{number}', 'wb').write(b'x' * (4 << 20))\n"
            "time.sleep(20)\nopen('late', 'w')"
        )
        execution = run(sandbox, tmp_path, code, disk_bytes=16 * MEGABYTE)
        assert execution.fault is Fault.DISK
        assert not (execution.directory / "late").exists()

    def test_disk_limit_is_judged_after_a_quick_end_too(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = "for n in range(8):\n    open(f'working/{n}', 'wb').write(b'x' * (4 << 20))"
        assert run(sandbox, tmp_path, code, disk_bytes=16 * MEGABYTE).fault is Fault.DISK

    def test_disk_limit_over_one_file(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "open('big', 'wb').write(b'x' * (32 << 20))", disk_bytes=16 * MEGABYTE)
        assert execution.fault is Fault.DISK

    def test_a_flood_of_output_neither_blocks_nor_fills(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import os\nprint('first', flush=True)\nfor _ in range(400):\n    os.write(1, b'x' * 65536)\nprint('last')"
        )
        execution = run(sandbox, tmp_path, code, log_bytes=8192)
        assert execution.fault is None
        assert execution.log.startswith("first\n")
        assert execution.log.endswith("last\n")
        assert len(execution.log.encode()) <= 8192

    def test_cancel_while_running(self, sandbox: Sandbox, tmp_path: Path) -> None:
        cancel = Flag()
        timer = Timer(0.5, cancel.set)
        timer.start()
        execution = run(sandbox, tmp_path, "import time\ntime.sleep(600)", cancel=cancel)
        timer.join()
        assert execution.fault is Fault.CANCELLED

    def test_cancel_before_the_start(self, sandbox: Sandbox, tmp_path: Path) -> None:
        cancel = Flag()
        cancel.set()
        execution = run(sandbox, tmp_path, "import time\ntime.sleep(600)", cancel=cancel)
        assert execution.fault is Fault.CANCELLED
