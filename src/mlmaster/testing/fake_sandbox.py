"""A sandbox that runs nothing: a function says what each script would have done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import Lock

from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.errors import InfrastructureError
from mlmaster.testing.clock import FakeClock


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script is said to have done.

    Attributes:
        files: What it wrote, by path relative to its directory.
        fault: None for a script that ends by itself with status 0; INFRASTRUCTURE raises `InfrastructureError`.
        wall_s: Seconds it takes; more than the limit is a TIMEOUT at the limit.
        peak_bytes: Memory it takes; more than the limit is OUT_OF_MEMORY.
    """

    files: Mapping[str, str | bytes] = field(default_factory=dict)
    fault: Fault | None = None
    detail: str = ""
    wall_s: float = 1.0
    peak_bytes: int = 1 << 20
    log: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of `FakeSandbox.run`."""

    code: str
    view: Path
    limits: Limits


class FakeSandbox:
    """A scripted double of `mlmaster.ports.Sandbox`.

    Args:
        root: Where the evaluations' directories are made.
        behave: Maps (code, view) to what running it does. It may block, to hold an evaluation in flight, and may raise.
        clock: Advanced by each evaluation's seconds, when given.

    Attributes:
        calls: Every call of `run`, in order.
        is_closed: True after `close`.
    """

    name = "fake"

    def __init__(self, root: Path, behave: Callable[[str, Path], Outcome], clock: FakeClock | None = None) -> None:
        self.calls: list[Call] = []
        self.is_closed = False
        self._root = root
        self._behave = behave
        self._clock = clock
        self._lock = Lock()

    def run(self, code: str, view: Path, limits: Limits, cancel: Flag) -> Execution:
        """Do what `behave` says, within the limits of time and memory, and advance the clock."""
        if self.is_closed:
            raise InfrastructureError("the sandbox is closed")
        with self._lock:
            self.calls.append(Call(code, view, limits))
        outcome = self._behave(code, view)
        wall_s, fault, detail = outcome.wall_s, outcome.fault, outcome.detail
        if fault is Fault.INFRASTRUCTURE:
            raise InfrastructureError(detail or "the fake sandbox was told to fail")
        if cancel.is_set():
            wall_s, fault, detail = 0.0, Fault.CANCELLED, "cancelled"
        elif outcome.peak_bytes > limits.memory_bytes:
            fault, detail = Fault.OUT_OF_MEMORY, f"more than {limits.memory_bytes} bytes of memory"
        elif wall_s > limits.wall_s:
            wall_s, fault, detail = limits.wall_s, Fault.TIMEOUT, f"ran longer than {limits.wall_s:g} s"
        if self._clock is not None:
            self._clock.advance(wall_s)
        killed = fault not in (None, Fault.ERROR)
        return Execution(
            exit_code=None if killed else int(fault is Fault.ERROR),
            signal=9 if killed else None,
            fault=fault,
            detail=detail,
            wall_s=wall_s,
            cpu_s=wall_s,
            peak_bytes=outcome.peak_bytes,
            log=outcome.log,
            directory=self._lay_out(code, outcome.files),
        )

    def close(self) -> None:
        """Refuse every later call."""
        self.is_closed = True

    def _lay_out(self, code: str, files: Mapping[str, str | bytes]) -> Path:
        self._root.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(dir=self._root))
        (directory / "working").mkdir()
        for name, content in {"solution.py": code, **files}.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return directory
