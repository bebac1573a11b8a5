import signal

import pytest

from mlmaster.core.execution import Fault, Limits
from mlmaster.sandbox.verdict import Verdict, judge
from mlmaster.sandbox.watchdog import Breach

LIMITS = Limits(wall_s=1, memory_bytes=1000, disk_bytes=1000)
TRACEBACK = "Traceback (most recent call last):\n  File ...\n"


def verdict(wait_status: int | None, log: str = "", peak: int = 0, kernel: bool = False) -> Verdict:
    return judge(wait_status, None, log, peak, LIMITS, kernel)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ValueError: bad", Fault.ERROR),
        ("MemoryError", Fault.OUT_OF_MEMORY),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8 EiB", Fault.OUT_OF_MEMORY),
        ("torch.OutOfMemoryError: CUDA out of memory.", Fault.OUT_OF_MEMORY),
        ("lightgbm.basic.LightGBMError: bad allocation", Fault.OUT_OF_MEMORY),
        ("OSError: [Errno 12] Cannot allocate memory", Fault.OUT_OF_MEMORY),
        ("OSError: [Errno 28] No space left on device: 'x'", Fault.DISK),
        ("OSError: [Errno 27] File too large", Fault.DISK),
    ],
)
def test_exceptions(line: str, fault: Fault) -> None:
    assert verdict(1 << 8, TRACEBACK + line + "\n") == Verdict(1, None, fault, line)


def test_an_exception_that_was_survived_does_not_count() -> None:
    assert verdict(1 << 8, TRACEBACK + "MemoryError\n" + TRACEBACK + "KeyError: 1\n").fault is Fault.ERROR
    assert verdict(0, TRACEBACK + "MemoryError\n") == Verdict(0, None, None, "")


@pytest.mark.parametrize(
    ("number", "log", "peak", "kernel", "fault"),
    [
        (signal.SIGKILL, "", 100, False, Fault.ERROR),
        (signal.SIGKILL, "", 900, False, Fault.OUT_OF_MEMORY),
        (signal.SIGKILL, "", 100, True, Fault.OUT_OF_MEMORY),
        (signal.SIGSEGV, "", 900, True, Fault.ERROR),
        (signal.SIGXFSZ, "", 100, False, Fault.DISK),
        (signal.SIGABRT, "terminate called after throwing 'std::bad_alloc'\n", 100, False, Fault.OUT_OF_MEMORY),
        (signal.SIGABRT, "assertion failed\n", 100, False, Fault.ERROR),
    ],
)
def test_signals(number: signal.Signals, log: str, peak: int, kernel: bool, fault: Fault) -> None:
    found = verdict(number, log, peak, kernel)
    assert (found.exit_code, found.signal, found.fault) == (None, number, fault)
    assert number.name in found.detail


def test_a_breach_outweighs_the_exit_status() -> None:
    breach = Breach(Fault.TIMEOUT, "ran longer than 1 s")
    assert judge(signal.SIGKILL, breach, "", 0, LIMITS, False) == Verdict(None, 9, Fault.TIMEOUT, breach.detail)
    assert judge(None, breach, "", 0, LIMITS, False) == Verdict(None, 9, Fault.TIMEOUT, breach.detail)
    assert judge(0, breach, "", 0, LIMITS, False) == Verdict(0, None, Fault.TIMEOUT, breach.detail)


def test_no_word_from_the_supervisor_is_the_scripts_fault() -> None:
    assert verdict(None).fault is Fault.POLICY
