"""The sandbox of one machine: scripts forked from a warm interpreter or started in a fresh one, walled in, within limits.

What it stops depends on the isolation (`adapters.py`, `SECURITY.md`); what holds with every one of them: a script that
runs too long, takes too much memory, processor time, disk or processes, prints without end, ignores signals, or leaves
processes behind, daemons included, is ended with all it started, and so it is when the harness is killed. Nothing of
the harness's environment and no descriptor reaches it.

Read next: `supervised.py` (one script), `watchdog.py` (its limits), `verdict.py` (its end), `inside/` (what runs beside
it).
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Condition
from threading import Event as Flag

from mlmaster.core.clock import SystemClock
from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.errors import InfrastructureError
from mlmaster.ports import Clock
from mlmaster.sandbox import environment, gpus
from mlmaster.sandbox.adapters import Isolation, Place
from mlmaster.sandbox.cgroups.contract import Cgroup, Cgroups
from mlmaster.sandbox.cores import CoreLease
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.gpu import Gpu
from mlmaster.sandbox.gpus import GpuLease
from mlmaster.sandbox.inside.plan import Plan
from mlmaster.sandbox.interpreter import Interpreter, libraries
from mlmaster.sandbox.log import Log
from mlmaster.sandbox.start import FreshStart, Start
from mlmaster.sandbox.supervised import Supervised
from mlmaster.sandbox.verdict import judge, kernel_kills
from mlmaster.sandbox.views import Views
from mlmaster.sandbox.warm import Loaded, Zygote
from mlmaster.sandbox.watchdog import TASKS_PER_PROCESS, Breach, Watchdog

_READ_WHEN_LOADED = r"[\"'](?:\w+_NUM_THREADS|\w+_MAX_THREADS|PYTHONHASHSEED|(?:KMP|GOMP|OMP|MKL)_\w+)[\"']"
_NEEDS_FRESH = re.compile(
    rf"environ\s*\[\s*{_READ_WHEN_LOADED}\s*\]\s*=(?!=)|(?:putenv|setdefault|update)\s*\([^)]*?{_READ_WHEN_LOADED}|"
    rf"for\s+\w+\s+in\s*[\[(][^)\]]*{_READ_WHEN_LOADED}"
)
"""Variables that libraries read when they are loaded: a script that sets one needs an interpreter without libraries."""


class LocalSandbox:
    """Runs scripts on this machine.

    Args:
        root: Where the evaluations' directories are made; made when absent.
        interpreter: What scripts run in.
        isolation: What keeps them from the rest of the machine; see `isolation.choose`.
        preload: Modules that a warm interpreter loads, which scripts are forked from; None: a fresh one for each script.
        memory: Control groups in which the kernel counts memory; None: it is watched from here.
        gpu_lease: Lends GPUs.
        clock: Measures wall time.
        copy_up_to_bytes: A view with more bytes is linked where it would be copied, and checked for changes afterwards.
        copy_up_to_files: The same for its number of files.
        is_intact: Tells whether files that a view shares with others are as they were built, see `sandbox.views`.
        readable: Files and folders that every script may read; by default what the interpreter needs.
        with_network: Scripts may use the network.

    Attributes:
        zygote: The warm interpreter, or None.
    """

    def __init__(
        self,
        root: Path,
        interpreter: Interpreter,
        isolation: Isolation,
        *,
        preload: tuple[str, ...] | None = (),
        memory: Cgroups | None = None,
        gpu_lease: GpuLease | None = None,
        clock: Clock | None = None,
        copy_up_to_bytes: int = 512 * 2**20,
        copy_up_to_files: int = 500,
        is_intact: Callable[[Path], bool] | None = None,
        readable: tuple[Path, ...] | None = None,
        with_network: bool = False,
    ) -> None:
        self._root = root.absolute()
        self._interpreter = interpreter
        self._isolation = isolation
        self._memory = memory
        self._gpus = gpu_lease or GpuLease(())
        self._clock = clock or SystemClock()
        self._views = Views(copy_up_to_bytes, copy_up_to_files, is_intact)
        self._readable = (*interpreter.prefixes, *libraries(os.environ)) if readable is None else readable
        self._with_network = with_network
        self._cores = CoreLease.of_this_process()
        python = str(interpreter.python)
        base = environment.build(os.environ, Path("/nonexistent"), Path("/tmp"), 1, "") | dict(isolation.environment)
        self._fresh = FreshStart(python, base)
        is_warm = preload is not None and sys.platform == "linux"
        self.zygote = Zygote(python, base, preload or ()) if is_warm else None
        self._release = weakref.finalize(self, _release, self.zygote, memory, self._views)
        self._is_closing = Flag()
        self._running = 0
        self._change = Condition()

    @property
    def name(self) -> str:
        """Return how scripts are run, in words: `namespaces, warm, cgroup v1`. Waits until the warm interpreter is ready."""
        network = ["network"] if self._with_network else []
        loaded = self._loaded
        start = "warm" if self._is_warm else "cold"
        if self.zygote is not None and not self._is_warm:
            why = (
                f"{loaded.restless} starts threads" if loaded is not None and loaded.restless else "it did not come up"
            )
            start = f"cold (no warm interpreter: {why})"
        memory = "memory watched" if self._memory is None else self._memory.name
        return ", ".join([self._isolation.name, *network, start, memory])

    @property
    def gpus(self) -> tuple[str, ...]:
        """Return the names of the GPUs that scripts are lent."""
        return self._gpus.names

    @property
    def missing(self) -> Mapping[str, str]:
        """Return modules that were to be preloaded and could not be, and why. Waits as `name` does."""
        loaded = self._loaded
        return {} if loaded is None else loaded.missing

    @property
    def _is_warm(self) -> bool:
        """Return True where scripts can be forked."""
        loaded = self._loaded
        return loaded is not None and loaded.threads == 1

    @property
    def _loaded(self) -> Loaded | None:
        """Return what the warm interpreter has loaded, None where there is none; scripts run all the same."""
        try:
            return None if self.zygote is None else self.zygote.wait()
        except InfrastructureError:
            return None

    def run(self, code: str, view: Path, limits: Limits, cancel: Flag) -> Execution:
        """Run one script; see `mlmaster.ports.Sandbox.run`."""
        with self._counted():
            user = self._isolation.new_user()
            try:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                if user is not None:
                    self._root.chmod(0o711)  # a script's user passes through to its own folder, which only it knows
                directory = EvaluationDirectory.lay_out(
                    self._root, code, view, self._views, self._isolation.showing, user
                )
            except OSError as error:
                raise InfrastructureError(f"no evaluation directory can be made in {self._root}: {error}") from error
            try:
                execution = self._run_in(directory, code, view, limits, user, cancel)
                directory.settle()
            except BaseException as error:
                directory.remove()
                if isinstance(error, OSError):
                    raise InfrastructureError(f"a script in {directory.path} could not be run: {error}") from error
                raise
            finally:
                self._isolation.clean(user)
            return execution

    def close(self) -> None:
        """End running scripts, which yield CANCELLED, and wait for that; later calls of `run` are refused."""
        self._is_closing.set()
        with self._change:
            self._change.wait_for(lambda: self._running == 0)
        self._release()

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

    def _run_in(
        self, directory: EvaluationDirectory, code: str, view: Path, limits: Limits, user: int | None, cancel: Flag
    ) -> Execution:
        token = secrets.token_hex(16)
        log = Log(limits.log_bytes)
        kills = kernel_kills()
        start = self._start_for(code)
        with ExitStack() as held:
            cores = held.enter_context(self._cores.borrow(limits.threads))
            gpu = held.enter_context(self._gpus.borrow())
            group = held.enter_context(self._group(limits))

            def begin(start: Start) -> Supervised:
                plan = self._plan(directory, limits, user, cores, gpu, group, token, is_played=start.is_warm)
                return Supervised(start, plan, token, log)

            try:
                script = begin(start)
            except (OSError, InfrastructureError):
                # the warm interpreter may have been killed; or scripts of our user hold so many descriptors in flight that
                # the kernel lets us hand on no more
                if not start.is_warm:
                    raise
                script = begin(self._fresh)
            watchdog = Watchdog(
                limits,
                self._clock,
                lambda: cancel.is_set() or self._is_closing.is_set(),
                script,
                directory,
                group,
                partial(self._isolation.files_in_memory_bytes, user),
            )
            try:
                breach = watchdog.look()
                while breach is None and script.listen(watchdog.pause_s):
                    breach = watchdog.look()
                wall_s = watchdog.wall_s
            finally:
                script.end()
            breach = breach or watchdog.look_at_kills()
            peak_bytes = max(watchdog.peak_bytes, script.report.peak_bytes, 0 if group is None else group.peak_bytes())
        report = script.report
        if report.failure is not None:
            raise InfrastructureError(f"the script could not be started: {report.failure}")
        if report.wait_status is None and not report.has_started and breach is None:
            raise InfrastructureError("the process that was to start the script has gone without a word")
        directory.open_up()
        breach = breach or watchdog.look_at_disk()
        fingerprint = directory.view.fingerprint
        if fingerprint is not None and not self._views.is_unchanged(view, fingerprint):
            breach = Breach(Fault.POLICY, "the files of the view were changed while the script ran")
        text = log.text()
        is_killed = group is None and kernel_kills() > kills
        verdict = judge(report.wait_status, breach, text, peak_bytes, limits, is_killed)
        return Execution(
            exit_code=verdict.exit_code,
            signal=verdict.signal,
            fault=verdict.fault,
            detail=verdict.detail,
            wall_s=wall_s,
            cpu_s=max(report.cpu_s or 0.0, watchdog.cpu_s),
            peak_bytes=peak_bytes,
            log=text,
            directory=directory.path,
        )

    def _start_for(self, code: str) -> Start:
        if self.zygote is not None and not _NEEDS_FRESH.search(code) and self._is_warm:
            return self.zygote
        return self._fresh

    def _plan(
        self,
        directory: EvaluationDirectory,
        limits: Limits,
        user: int | None,
        cores: Collection[int],
        gpu: Gpu | None,
        group: Cgroup | None,
        token: str,
        *,
        is_played: bool,
    ) -> Plan:
        """Return a script's whole start; `is_played` where a fork plays it, and it is not executed."""
        place = Place(
            directory=directory,
            view=directory.view,
            readable=self._readable,
            devices=tuple(gpus.devices(gpu)),
            memory_bytes=limits.memory_bytes,
            counts_memory=group is not None,
            with_network=self._with_network,
        )
        surroundings = environment.build(os.environ, directory.home, directory.temporary, limits.threads, token, gpu)
        plan = Plan(
            command=None if is_played else [str(self._interpreter.python), "solution.py"],
            directory=str(directory.path),
            environment={**surroundings, **self._isolation.environment},
            cores=sorted(cores),
            threads=limits.threads,
            file_bytes=limits.disk_bytes,
            open_files=limits.open_files,
            processes=TASKS_PER_PROCESS * limits.processes,
            user=user,
            groups=sorted({Path(device).stat().st_gid for device in place.devices if Path(device).exists()} - {0}),
            cgroup=[] if group is None else list(map(str, group.joins)),
        )
        return self._isolation.wall_in(plan, place)

    @contextmanager
    def _group(self, limits: Limits) -> Iterator[Cgroup | None]:
        if self._memory is None:
            yield None
            return
        group = self._memory.open(limits.memory_bytes, limits.processes)
        try:
            yield group
        finally:
            group.kill()
            group.close()


def _release(zygote: Zygote | None, memory: Cgroups | None, views: Views) -> None:
    """End what outlives a script; also when a sandbox is forgotten without having been closed."""
    views.close()
    if zygote is not None:
        zygote.close()
    if memory is not None:
        memory.close()
