"""The sandbox every machine has: one fresh interpreter per script, its whole process tree within limits.

What it stops: a script that runs too long, takes too much memory, disk or processes, prints without end, ignores
signals, or leaves processes behind, daemons included; reading the harness's environment or open descriptors; altering
a view (a copy; a linked view is checked afterwards); seeing what another evaluation left or leaves in its directory, home
or temporary folder. Should the harness be killed, its scripts end with it. Where the kernel grants a mount namespace (to
root, and to users unless a container or AppArmor denies it), every script has a `/tmp`, `/var/tmp` and `/dev/shm` of its
own as well, sees no other evaluation's folders, and can write nothing else: nothing it leaves meets its next fold.

What it does **not** stop, because the script runs as the same user on the same filesystem and network: reading any file
that user may (the answers, the journal, keys in the real home); without a mount namespace (`mlmaster doctor` tells) writing
any too, so that a script may leave something for its next fold; using the network; and signalling any of the user's
processes, the harness included, whose number it finds in `/proc`. A script that kills its supervisor and at once replaces a
forked process's environment can outlive the call; one that writes to its supervisor's descriptors can forge its exit
status; one of root's can undo its mounts. Memory in files of `/dev/shm` that no process maps is bounded, not counted; disk
outside its own folders is not counted. Use it for scripts that are careless, not for scripts that are hostile.

Read next: `supervised.py` (one script), `watchdog.py` (its limits), `verdict.py` (its end).
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from threading import Event as Flag
from typing import Any

from mlmaster.core.clock import SystemClock
from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.errors import InfrastructureError
from mlmaster.ports import Clock
from mlmaster.sandbox import covers, environment
from mlmaster.sandbox.cores import CoreLease
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.log import Log
from mlmaster.sandbox.supervised import Supervised
from mlmaster.sandbox.verdict import judge, kernel_kills
from mlmaster.sandbox.views import Views
from mlmaster.sandbox.watchdog import Breach, Watchdog


class ProcessSandbox:
    """Runs scripts as processes of the same user.

    Args:
        root: Where the evaluations' directories are made; made when absent.
        python: The interpreter scripts run in. A link, as virtual environments have, is not resolved.
        clock: Measures wall time.
        processes: How many processes a script may have at once; more is an ERROR.
        copy_up_to_bytes: A view with more bytes is linked, not copied, and checked for changes afterwards.
        copy_up_to_files: The same for its number of files.
        is_intact: Tells whether files that a view shares with others are as they were built, see `sandbox.views`.
    """

    name = "process"

    def __init__(
        self,
        root: Path,
        python: Path | None = None,
        clock: Clock | None = None,
        *,
        processes: int = 256,
        copy_up_to_bytes: int = 512 * 2**20,
        copy_up_to_files: int = 500,
        is_intact: Callable[[Path], bool] | None = None,
    ) -> None:
        self._root = root.absolute()
        self._python = str(Path(python or sys.executable).absolute())
        self._clock = clock or SystemClock()
        self._processes = processes
        self._views = Views(copy_up_to_bytes, copy_up_to_files, is_intact)
        self._cores = CoreLease.of_this_process()
        self._is_closing = Flag()
        self._running = 0
        self._change = Condition()

    def run(self, code: str, view: Path, limits: Limits, cancel: Flag) -> Execution:
        """Run one script; see `mlmaster.ports.Sandbox.run`."""
        with self._counted():
            try:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                directory = EvaluationDirectory.lay_out(self._root, code, view, self._views)
            except OSError as error:
                raise InfrastructureError(f"no evaluation directory can be made in {self._root}: {error}") from error
            try:
                execution = self._run_in(directory, view, limits, cancel)
                directory.settle()
            except BaseException as error:
                directory.remove()
                if isinstance(error, OSError):
                    raise InfrastructureError(f"a script in {directory.path} could not be run: {error}") from error
                raise
            return execution

    def close(self) -> None:
        """End running scripts, which yield CANCELLED, and wait for that; later calls of `run` are refused."""
        self._is_closing.set()
        with self._change:
            self._change.wait_for(lambda: self._running == 0)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._change:
            if self._is_closing.is_set():
                raise InfrastructureError("the sandbox is closed")
            self._running += 1
        try:
            yield
        finally:
            with self._change:
                self._running -= 1
                self._change.notify_all()

    def _covers(self, directory: EvaluationDirectory, view: Path, limits: Limits) -> dict[str, Any]:
        """Return which folders a script gets of its own, and what it must still see there."""
        environments = (Path(self._python).parent.parent, Path(self._python).resolve().parent.parent)
        kept = (*environments, Path(sys.base_prefix))
        # a linked view too: that it was changed is noticed, and is the script's fault
        linked = () if directory.fingerprint is None else (view,)
        writable = (directory.path, directory.private, *linked)
        return {
            "folders": [*covers.SHARED, str(self._root)],
            "memory": covers.MEMORY,
            "memory_bytes": limits.memory_bytes,
            "kept": sorted({os.path.realpath(path) for path in kept}),
            "writable": sorted({os.path.realpath(path) for path in writable}),
            "stock": str(directory.stock),
        }

    def _run_in(self, directory: EvaluationDirectory, view: Path, limits: Limits, cancel: Flag) -> Execution:
        token = secrets.token_hex(16)
        log = Log(limits.log_bytes)
        kills = kernel_kills()
        with self._cores.borrow(limits.threads) as cores:
            script = Supervised(
                command=[self._python, "solution.py"],
                directory=directory.path,
                environment=environment.build(os.environ, directory.home, directory.temporary, limits.threads, token),
                token=token,
                file_bytes=limits.disk_bytes,
                cores=cores,
                covers=self._covers(directory, view, limits),
                log=log,
            )
            try:
                watchdog = Watchdog(
                    limits,
                    self._processes,
                    self._clock,
                    lambda: cancel.is_set() or self._is_closing.is_set(),
                    script.tree,
                    directory,
                )
                breach = watchdog.look()
                while breach is None and script.listen(watchdog.pause_s):
                    breach = watchdog.look()
                wall_s = watchdog.wall_s
            finally:
                script.end()
        report = script.report
        if report.failure is not None:
            raise InfrastructureError(f"the script could not be started: {report.failure}")
        breach = breach or watchdog.look_at_disk()
        if directory.fingerprint is not None and not self._views.is_unchanged(view, directory.fingerprint):
            breach = Breach(Fault.POLICY, "the files of the view were changed while the script ran")
        text = log.text()
        peak_bytes = max(watchdog.peak_bytes, report.peak_bytes)
        verdict = judge(report.wait_status, breach, text, peak_bytes, limits, kernel_kills() > kills)
        return Execution(
            exit_code=verdict.exit_code,
            signal=verdict.signal,
            fault=verdict.fault,
            detail=verdict.detail,
            wall_s=wall_s,
            cpu_s=report.cpu_s or 0.0,
            peak_bytes=peak_bytes,
            log=text,
            directory=directory.path,
        )
