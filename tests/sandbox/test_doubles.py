"""The public doubles keep the port's word, as far as a script that is not run can."""

from pathlib import Path
from threading import Event as Flag

import pytest

from mlmaster.core.execution import Fault, Limits
from mlmaster.errors import InfrastructureError
from mlmaster.ports import Clock, Sandbox
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.sandbox import Call, FakeSandbox, Outcome

LIMITS = Limits(wall_s=10, memory_bytes=1000, disk_bytes=1000)


def behave(code: str, view: Path) -> Outcome:
    return {
        "good": Outcome(files={"submission.csv": "id\n1\n", "working/model.bin": b"\xff"}, wall_s=3, peak_bytes=10),
        "bad": Outcome(fault=Fault.ERROR, detail="KeyError: 1", peak_bytes=10),
        "slow": Outcome(wall_s=99, peak_bytes=10),
        "large": Outcome(peak_bytes=2000),
        "ours": Outcome(fault=Fault.INFRASTRUCTURE, detail="no disk"),
    }[code]


def test_fake_sandbox_writes_files_and_advances_the_clock(tmp_path: Path) -> None:
    clock = FakeClock()
    begun = clock.monotonic()
    fake = FakeSandbox(tmp_path / "root", behave, clock)
    sandbox: Sandbox = fake
    execution = sandbox.run("good", tmp_path, LIMITS, Flag())
    assert (execution.exit_code, execution.fault) == (0, None)
    assert (execution.directory / "submission.csv").read_text() == "id\n1\n"
    assert (execution.directory / "working" / "model.bin").read_bytes() == b"\xff"
    assert (execution.directory / "solution.py").read_text() == "good"
    assert clock.monotonic() - begun == 3
    assert fake.calls == [Call("good", tmp_path, LIMITS)]


def test_fake_sandbox_keeps_limits(tmp_path: Path) -> None:
    clock = FakeClock()
    begun = clock.time()
    sandbox = FakeSandbox(tmp_path, behave, clock)
    slow = sandbox.run("slow", tmp_path, LIMITS, Flag())
    assert (slow.fault, slow.wall_s, slow.exit_code, slow.signal) == (Fault.TIMEOUT, 10, None, 9)
    assert clock.time() - begun == 10
    assert sandbox.run("large", tmp_path, LIMITS, Flag()).fault is Fault.OUT_OF_MEMORY
    bad = sandbox.run("bad", tmp_path, LIMITS, Flag())
    assert (bad.fault, bad.detail, bad.exit_code) == (Fault.ERROR, "KeyError: 1", 1)


def test_fake_sandbox_cancels_fails_and_closes(tmp_path: Path) -> None:
    sandbox = FakeSandbox(tmp_path, behave)
    cancel = Flag()
    cancel.set()
    assert sandbox.run("good", tmp_path, LIMITS, cancel).fault is Fault.CANCELLED
    with pytest.raises(InfrastructureError, match="no disk"):
        sandbox.run("ours", tmp_path, LIMITS, Flag())
    sandbox.close()
    with pytest.raises(InfrastructureError, match="closed"):
        sandbox.run("good", tmp_path, LIMITS, Flag())


def test_fake_clock_jumps_without_monotonic_time_noticing() -> None:
    fake = FakeClock(monotonic=5, time=100)
    clock: Clock = fake
    fake.jump(-50)
    assert (clock.monotonic(), clock.time()) == (5, 50)
    with pytest.raises(ValueError, match="backwards"):
        fake.advance(-1)
