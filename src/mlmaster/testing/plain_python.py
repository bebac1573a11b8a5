"""The yardstick of likeness: a script run by plain `python solution.py`, and how a sandboxed run is compared with it.

Both start in a folder laid out alike, with the same environment, cores and limits, their output in one pipe. What names
the folder is written `HERE`, and every address `0x`, so that the two can be equal to the letter.
"""

from __future__ import annotations

import functools
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import ClassVar

import pytest

from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.ports import Sandbox
from mlmaster.sandbox import environment
from mlmaster.testing.sandbox_limits import make_view

LIMITS = Limits(wall_s=60, memory_bytes=2 << 30, disk_bytes=64 << 20, threads=2)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run shows to the outside.

    Attributes:
        exit_code, signal: As in `Execution`.
        lines: What was printed, as the module says.
        files: The text of every file it left beside `solution.py` and below `working/`, by name.
    """

    exit_code: int | None
    signal: int | None
    lines: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


@functools.cache
def play_plainly(code: str, python: Path, threads: int) -> Seen:
    """Return what plain Python shows of a script, which is run once for all adapters."""
    with tempfile.TemporaryDirectory(prefix="plain-") as folder:
        home, temporary, here = (Path(folder, name) for name in ("h", "t", "e"))
        for path in (home, temporary, here / "working"):
            path.mkdir(parents=True)
        make_view(Path(folder)).rename(here / "input")
        (here / "solution.py").write_bytes(code.encode("utf-8", "surrogatepass"))
        cores = sorted(os.sched_getaffinity(0))[:threads] if sys.platform == "linux" else []

        def limit() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a suite that runs in the background was told to ignore
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_NOFILE, (LIMITS.open_files, LIMITS.open_files))
            if sys.platform == "linux":
                os.sched_setaffinity(0, cores)

        done = subprocess.run(
            [str(python), "solution.py"],
            cwd=here,
            env=environment.build(os.environ, home, temporary, threads, "0" * 32),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
            start_new_session=True,
            timeout=LIMITS.wall_s,
            check=False,
        )
        code_or_none = None if done.returncode < 0 else done.returncode
        signal_or_none = -done.returncode if done.returncode < 0 else None
        return _see(code_or_none, signal_or_none, done.stdout.decode("utf-8", "replace"), here)


def play_sandboxed(sandbox: Sandbox, tmp_path: Path, code: str, threads: int) -> tuple[Execution, Seen]:
    """Return what the sandbox's run of a script is, and what it shows."""
    limits = Limits(LIMITS.wall_s, LIMITS.memory_bytes, LIMITS.disk_bytes, threads=threads)
    execution = sandbox.run(code, make_view(tmp_path), limits, Flag())
    return execution, _see(execution.exit_code, execution.signal, execution.log, execution.directory)


def _see(exit_code: int | None, signal: int | None, log: str, here: Path) -> Seen:
    for name in (str(here), str(here.resolve())):
        log = log.replace(name, "HERE")
    log = re.sub(r"\b0x[0-9a-f]{8,}", "0x", log)
    files = {
        str(path.relative_to(here)): path.read_text("utf-8", "replace")
        for folder in (here, here / "working")
        for path in sorted(folder.glob("*"))
        if path.is_file() and path.name != "solution.py"
    }
    return Seen(exit_code, signal, tuple(log.splitlines()), tuple(files.items()))


class Compared:
    """What the tests of likeness are built on.

    Attributes:
        python: The interpreter that the sandbox runs scripts in.
        unlike: What the adapter cannot show as plain Python does: behaviour to reason. A test that meets one is reported
            with the reason; it fails when the behaviour turns out to be alike.
    """

    python: ClassVar[Path] = Path(sys.executable)
    unlike: ClassVar[Mapping[str, str]] = {}

    def compare(
        self, sandbox: Sandbox, tmp_path: Path, code: str, *, threads: int = 2, behaviour: str | None = None
    ) -> Seen:
        """Run a script both ways, require that they show the same, and return it.

        Args:
            sandbox: The adapter under test.
            tmp_path: Holds the view.
            code: The script; must show the same at every run.
            threads: The slot's share.
            behaviour: The name under which an adapter may declare a difference.
        """
        plain = self.plain(code, threads)
        execution, seen = play_sandboxed(sandbox, tmp_path, code, threads)
        if behaviour is not None and behaviour in self.unlike:
            assert seen != plain, f"{behaviour} is declared unlike plain Python and is alike: strike it from `unlike`"
            pytest.xfail(f"{behaviour}: {self.unlike[behaviour]}")
        assert execution.fault in (None, Fault.ERROR), execution.detail
        assert seen == plain
        return plain

    def plain(self, code: str, threads: int) -> Seen:
        """Return what plain Python shows of a script."""
        return play_plainly(code, self.python, threads)
