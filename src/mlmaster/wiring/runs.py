"""Puts runs together: a new one, an existing one, and what is asked of a finished one."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Flag

from pydantic import ValidationError

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.clock import SystemClock
from mlmaster.core.events import RunStarted
from mlmaster.core.execution import Limits
from mlmaster.core.scheme import Scheme
from mlmaster.core.task import Profile, Task
from mlmaster.engine import reproduce
from mlmaster.engine.evaluation import Evaluator
from mlmaster.engine.finish import Ending, Finisher
from mlmaster.engine.parts import Parts
from mlmaster.engine.pools import Pool, ThreadPool
from mlmaster.engine.result import ResultWriter
from mlmaster.engine.run import Run
from mlmaster.engine.selection import Selector
from mlmaster.engine.self_reported import ReportedMetric, SelfReportedEvaluator, SelfReportedFinisher
from mlmaster.engine.settings import EngineSettings
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import DataError, RunDirectoryError, SandboxError, TaskError
from mlmaster.llm.settings import LLMSettings
from mlmaster.metrics.definition import DefinedMetric
from mlmaster.metrics.proof import prove as prove_metric
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.rules import check as check_metric
from mlmaster.ports import Array, Clock, Engineer, Metric, Sandbox, ViewSource
from mlmaster.sandbox.cgroups.share import memory_bytes
from mlmaster.sandbox.directory import remove_left
from mlmaster.sandbox.interpreter import Interpreter, settle
from mlmaster.sandbox.making import make_sandbox
from mlmaster.sandbox.settings import PRELOADED
from mlmaster.search import make_policy
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.tasks.custom_split import settle_split
from mlmaster.tasks.frozen import freeze
from mlmaster.tasks.load import load
from mlmaster.tasks.loaded import Inference
from mlmaster.tasks.media import is_intact
from mlmaster.tasks.plan import weigh_files
from mlmaster.tasks.pool import discard
from mlmaster.tasks.scheme import Asked, Complain, find_nothing_wrong, lay_out
from mlmaster.tasks.self_reported import profile_without_train
from mlmaster.tasks.table import read_columns
from mlmaster.tasks.truth import read_truth
from mlmaster.tasks.views import Views
from mlmaster.tasks.whole_view import WholeView
from mlmaster.version import __version__
from mlmaster.wiring.engineers import Employed, brief, employ
from mlmaster.wiring.kaggle import fetch, is_kaggle
from mlmaster.wiring.known import with_known

RUNS = Path("runs")
"""Where runs are kept when `--out` names nothing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task understood, before anything runs; `settings` are the user's with what is known of the task."""

    task: Task
    profile: Profile
    inferences: tuple[Inference, ...]
    notes: tuple[str, ...]
    settings: Settings


def prepare(source: str | Path, settings: Settings, workspace: Path) -> Prepared:
    """Load a task and profile its data.

    Args:
        source: A folder, a file, or the name of a built-in task.
        settings: With the user's corrections.
        workspace: Folder for tables converted by us.

    Raises:
        UserError: The source, a table or the task cannot be used.
    """
    from mlmaster.tasks.profile import profile as make_profile

    settings, known = with_known(source, settings)
    loaded = load(source, settings.task, Registry(), workspace)
    profile = make_profile(loaded.task) if loaded.task.train else profile_without_train(loaded.task)
    return Prepared(loaded.task, profile, (*known, *loaded.inferences), loaded.notes, settings)


def new_run(source: str | Path, settings: Settings, out: Path | None = None) -> tuple[Run, Prepared]:
    """Make a run directory for a source and put a run together.

    Raises:
        UserError: As `prepare`; or the directory is in use. A directory made here is then removed again.
    """
    if is_kaggle(source):
        source = fetch(str(source))
    directory = (out or _free_directory(source)).absolute()
    was_there = directory.exists()
    RunDirectory.reserve(directory)
    try:
        prepared = prepare(source, settings, directory / "data")
        store = RunDirectory.create(directory, prepared.settings.dump(), prepared.task, prepared.profile)
        try:
            return assemble(store, prepared.settings), prepared
        except BaseException:
            store.close()
            raise
    except BaseException:  # a Ctrl-C while loading too: a half-made directory is no run
        _empty(directory, keep=was_there)
        raise


def reopen(directory: Path, limits: BudgetLimits | None = None, llm: LLMSettings | None = None) -> Run:
    """Put an existing run together to go on with it, with other limits and language models where given.

    Raises:
        UserError: Not a run, in use, from a newer version, or its data has changed.
    """
    store = RunDirectory.open_for_writing(directory.absolute())
    try:
        with _pointing_at(directory):
            settings = settings_of(store)
            return assemble(store, settings if llm is None else settings.model_copy(update={"llm": llm}), limits)
    except BaseException:
        store.close()
        raise


def settings_of(store: RunDirectory) -> Settings:
    """Return the settings a run began with.

    Raises:
        RunDirectoryError: `run.yaml` was changed since, and holds something else.
    """
    try:
        return Settings.model_validate(store.settings())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        found = f"{'.'.join(map(str, first['loc']))} is {first['input']!r}: {first['msg']}"
        raise RunDirectoryError(f"{store.directory / 'run.yaml'} was changed: {found}; correct it") from error


@contextmanager
def _pointing_at(directory: Path) -> Iterator[None]:
    """Let advice on the sandbox, which speaks of flags, say where an existing run has its choices; and whose it must be."""
    try:
        yield
    except SandboxError as error:
        raise SandboxError(f"{error}; for this run, change it under `sandbox:` in {directory / 'run.yaml'}") from error
    except PermissionError as error:
        advice = "go on as the user the run belongs to, or make it yours (chown -R)"
        raise RunDirectoryError(f"{error.filename or directory}: {error.strerror}; {advice}") from error


def assemble(
    store: RunDirectory,
    settings: Settings,
    limits: BudgetLimits | None = None,
    *,
    engineer: Engineer | Employed | None = None,
    sandbox: Sandbox | None = None,
    interpreter: Interpreter | None = None,
    pool: Pool | None = None,
    clock: Clock | None = None,
) -> Run:
    """Put a run together over an open run directory; what is not given is chosen by the settings.

    Of a sandbox that is given without its interpreter, nothing is known of what scripts can import there.
    """
    task, profile = store.task(), store.profile()
    engine, limits = settings.engine, limits or settings.budget.limits
    _require_same_kind(store, task)
    clock = clock or SystemClock()
    remarks: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    remove_left(store.directory / "work")  # what a killed process left; the writer's lock is ours
    if sandbox is None:
        interpreter = interpreter or settle(settings.sandbox, store.directory)
        sandbox = make_sandbox(
            settings.sandbox,
            store.directory / "work",
            interpreter,
            closed=(task.directory, store.directory),
            is_intact=is_intact,
        )
        gpus = sandbox.gpus
        remarks = tuple(
            f"sandbox.preload: {name} cannot be loaded ({why}); scripts run without it"
            for name, why in sandbox.missing.items()
            if name not in PRELOADED
        )
    per_script = script_limits(settings, limits)
    metric: Metric
    views: ViewSource
    if task.is_self_reported:
        metric, views = ReportedMetric.of(task), WholeView(task, store.directory / "pool")
    else:
        metric, views = _hide(task, store, settings, sandbox, per_script)
    said: SimpleQueue[str] = SimpleQueue()
    if engineer is None:
        engineer = employ(store, settings, limits, interpreter, clock, said.put, views.folds)
    employed = engineer if isinstance(engineer, Employed) else Employed(engineer)
    policy = make_policy(settings.search)
    results = ResultWriter(task, views, store, engine.actual_threads, interpreter)
    values = TellingValues(task, profile)
    evaluating = SelfReportedEvaluator if task.is_self_reported else Evaluator
    evaluator = evaluating(task, metric, views, sandbox, per_script, settings.seed, store.node_directory, values)
    finisher: Ending = SelfReportedFinisher(results)
    if not task.is_self_reported:
        selector = Selector(task, metric, views, results.load, settings.seed, engine.blend_members)
        finisher = Finisher(task, profile, selector, results, evaluator, engine.reserve_s(limits.time_s) / 2)
    start = RunStarted(
        version=__version__,
        task=task.name,
        metric=task.metric,
        direction=task.direction,
        engineer=employed.engineer.name,
        policy=policy.name,
        sandbox=sandbox.name,
        folds=views.folds,
        seed=settings.seed,
        scheme=views.scheme,
        is_self_reported=task.is_self_reported,
        settings=settings.dump(),
    )
    parts = Parts(
        task=task,
        profile=profile,
        values=values,
        views=views,
        evaluator=evaluator,
        engineer=employed.engineer,
        policy=policy,
        sandbox=sandbox,
        store=store,
        results=results,
        finisher=finisher,
        pool=pool or ThreadPool(engine.actual_proposal_workers, engine.actual_slots),
        clock=clock,
        briefing=brief(task, profile, settings, per_script, interpreter, gpus),
        remarks=remarks,
        expenses=employed.expenses,
        said=said,
        release=employed.release,
    )
    return Run(parts, limits, engine, settings.search, settings.seed, start)


def _require_same_kind(store: RunDirectory, task: Task) -> None:
    """Refuse to mix what scripts say of themselves with what the harness has scored, or two ways of hiding rows."""
    start = next((record.event for record in store.read() if isinstance(record.event, RunStarted)), None)
    if start is None:
        return
    if start.is_self_reported != task.is_self_reported:
        began = "self-reported" if start.is_self_reported else "scored on hidden rows"
        raise RunDirectoryError(
            f"{store.directory} began {began}, but its task.json says otherwise, and the two never mix; put the old "
            "task.json back, or start a new run"
        )
    if start.scheme is None:
        raise RunDirectoryError(
            f"{store.directory} was begun by ML-Master {start.version}, which hid other rows; its best/ stays as it is, "
            "start a new run"
        )


def _hide(
    task: Task, store: RunDirectory, settings: Settings, sandbox: Sandbox, limits: Limits
) -> tuple[Metric, Views]:
    """Return the metric and the views that hide rows for it, both proven before anything is scored by them.

    Raises:
        UserError: They do not fit each other or the data, or are not what they were when the run began.
    """
    engine, frozen = settings.engine, store.directory / "frozen"
    if task.metric_file is not None:
        freeze(frozen, task.directory / task.metric_file)
    metric = Registry().for_task(task)
    views = Views(
        task,
        store.directory / "pool",
        settings.seed,
        test_rides_along=engine.test_rides_along,
        asked=_asked(engine),
        complain=_complain(metric, task),
        split=settle_split(task, frozen, sandbox, limits),
    )
    truth = views.truth[views.labelled]
    check_metric(metric, task, truth)
    if task.metric_file is not None:
        prove_metric(metric, task, truth)
    return metric, views


def preview_scheme(task: Task, settings: Settings) -> Scheme | None:
    """Return how a run would hide rows, without a run; None where it is the task's own affair or nothing is hidden.

    Raises:
        UserError: A table cannot be read, what is asked for names nothing, or no folds could be scored.
    """
    if task.is_self_reported or task.split_file is not None:
        return None
    names = list(dict.fromkeys([*task.targets, *(rule.key for rule in task.file_rules)]))
    columns = read_columns(task.directory / task.train, names, task.delimiter)
    truth, labelled = read_truth(task, {name: columns[name] for name in task.targets})
    # A task's own metric.py is not run here: it is proven when a run begins.
    complain = find_nothing_wrong if task.metric_file is not None else _complain(Registry().for_task(task), task)
    media_bytes = weigh_files(task, columns)
    return lay_out(task, truth, labelled, settings.seed, _asked(settings.engine), media_bytes, complain).scheme


def _asked(engine: EngineSettings) -> Asked:
    return Asked(engine.fold_scheme, engine.fold_key, engine.folds, engine.fold_repeats, engine.judge)


def _complain(metric: Metric, task: Task) -> Complain:
    """Return what says why a metric cannot be computed on some hidden rows; a task's own metric is tried out."""
    if isinstance(metric, DefinedMetric):
        return metric.definition.complaint

    def complain(truth: Array) -> str | None:
        try:
            check_metric(metric, task, truth)
        except TaskError as error:
            return str(error)
        return None

    return complain


def script_limits(settings: Settings, limits: BudgetLimits) -> Limits:
    """Return what one evaluation may use on this machine."""
    engine = settings.engine
    shared = memory_bytes() * 3 // 4 // engine.actual_slots
    wall_s = engine.timeout_s(limits.time_s)
    return Limits(
        wall_s=wall_s,
        memory_bytes=int(engine.memory_gb * 2**30) or shared,
        disk_bytes=int(engine.disk_gb * 2**30),
        threads=engine.actual_threads,
        # more than its cores can give in that time; it binds where scripts cannot be pinned to cores
        cpu_s=wall_s * engine.actual_threads * 1.1,
        processes=settings.sandbox.processes,
        open_files=settings.sandbox.open_files,
    )


def predict(directory: Path, table: Path) -> reproduce.Cells:
    """Return predictions for a table of new rows by the members of a finished run, header first; run in the sandbox.

    Raises:
        UserError: No result there yet, or the table lacks columns.
    """
    store = RunDirectory.open_for_reading(directory.absolute())
    settings, task = settings_of(store), store.task()
    store.close()
    if not (store.best / "result.json").exists():
        raise RunDirectoryError(
            f"{directory} has no result yet; go on with `mlmaster resume {shlex.quote(str(directory))}`"
        )
    if task.is_self_reported:
        raise DataError(f"{directory} is self-reported: its scripts answer the whole folder they saw, and no new rows")
    if not table.is_file():
        raise DataError(f"{table}: there is no such file")
    work = tempfile.TemporaryDirectory(prefix="mlmaster-")
    with _pointing_at(directory):
        interpreter = settle(settings.sandbox, directory.absolute())
        sandbox = make_sandbox(settings.sandbox, Path(work.name), interpreter, closed=(task.directory,))
    limits = script_limits(settings, BudgetLimits())

    def run(script: Path, view: Path) -> Path:
        execution = sandbox.run(script.read_text(encoding="utf-8"), view, limits, Flag())
        if execution.fault is not None:
            raise reproduce.ReproductionError(
                f"{script} failed on the new rows ({execution.fault}): {execution.detail}; do they look like the task's?"
            )
        return execution.directory

    try:
        return reproduce.predict_rows(store.best, task.directory, table, run)
    except reproduce.ReproductionError as error:
        raise DataError(str(error)) from error
    finally:
        sandbox.close()
        work.cleanup()


def _free_directory(source: str | Path) -> Path:
    """Return a new folder under `runs/`, named for the source and the time."""
    path = Path(source)
    named = (
        [part for part in path.absolute().parts if part not in ("prepared", "public")] if path.exists() else [path.name]
    )
    stamp = time.strftime("%Y%m%d-%H%M%S")
    first = RUNS / f"{Path(named[-1]).stem}-{stamp}"
    return next(path for i in range(1000) if not (path := first if not i else Path(f"{first}-{i}")).exists())


def _empty(directory: Path, *, keep: bool) -> None:
    """Take away what a failed start left in a directory that was empty or absent before."""
    for entry in directory.iterdir():
        discard(entry)
    if not keep:
        directory.rmdir()
