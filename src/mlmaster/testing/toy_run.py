"""A toy run in which nothing real happens: y = x, scripts are numbers, and a fake sandbox plays them.

A script's text says how far off it is (`ERROR = 0.3`), how it fails and how long it takes; so whole searches run in
milliseconds and the same seed gives the same tree.
"""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Callable
from pathlib import Path

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.events import Record
from mlmaster.core.execution import Fault
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Profile, Task, TaskKind
from mlmaster.core.tree import Tree
from mlmaster.engine.pools import InlinePool, Pool
from mlmaster.engine.run import Run
from mlmaster.ports import Clock, Engineer, Expenses
from mlmaster.sandbox.interpreter import Interpreter
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.fake_sandbox import FakeSandbox, Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.wiring import Employed, assemble

ROWS, TEST_ROWS = 90, 20


def write_task(folder: Path, rows: int = ROWS) -> Task:
    """Write the toy task's tables and return the task."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(5)
    train = [(i, round(rng.uniform(1, 9), 4)) for i in range(rows)]
    test = [(100_000 + i, round(rng.uniform(1, 9), 4)) for i in range(TEST_ROWS)]
    (folder / "train.csv").write_text("id,x,y\n" + "".join(f"{i},{x},{x}\n" for i, x in train))
    (folder / "test.csv").write_text("id,x\n" + "".join(f"{i},{x}\n" for i, x in test))
    (folder / "sample_submission.csv").write_text("id,y\n" + "".join(f"{i},0\n" for i, _ in test))
    return Task(
        name="toy",
        directory=folder,
        train="train.csv",
        test="test.csv",
        sample="sample_submission.csv",
        id_column="id",
        echo_columns=("id",),
        submission_columns=("id", "y"),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.REGRESSION,
        prediction_kind=PredictionKind.NUMBER,
        metric="rmse",
        direction=Direction.MINIMIZE,
    )


def script(error: float, *, tag: str, fault: str = "", seconds: float = 1.0) -> str:
    """Return a 'script' for the fake sandbox."""
    return f'ERROR = {error!r}\nTAG = {tag!r}\nFAULT = {fault!r}\nSECONDS = {seconds!r}\nOUT = "submission.csv"\n'


def play(code: str, view: Path) -> Outcome:
    """Do what a script's text says: predict x plus noise of the stated size, or fail."""
    said = dict(re.findall(r"(\w+) = (.+)", code))
    seconds, fault = float(said["SECONDS"]), said["FAULT"].strip("'")
    if fault:
        return Outcome(fault=Fault(fault), detail=f"told to: {fault}", wall_s=seconds, log="Traceback: told to")
    with (view / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "y"])
    for row in rows:
        noise = random.Random(f"{said['TAG']}:{row['x']}").gauss(0, float(said["ERROR"]))
        writer.writerow([row["id"], float(row["x"]) + noise])
    return Outcome(files={"submission.csv": out.getvalue()}, wall_s=seconds)


def tinker(context: Context) -> Proposal:
    """Propose a script a little better or worse than its parent; one in five fails."""
    rng = random.Random(context.seed)
    before = 1.0
    if context.parent_code:
        before = float(dict(re.findall(r"(\w+) = (.+)", context.parent_code))["ERROR"])
    error = max(0.05, before * rng.uniform(0.8, 1.15))
    fault = rng.choice(["", "", "", "", "error"])
    code = script(error, tag=str(context.seed), fault=fault, seconds=rng.choice([0.5, 1.0, 2.0]))
    return Proposal(plan=f"{context.operator} to {error:.3f}", code=code, edit=f"e{context.seed % 7}")


def make_run(
    out: Path,
    *,
    engineer: Engineer | None = None,
    pool: Pool | None = None,
    clock: Clock | None = None,
    behave: Callable[[str, Path], Outcome] = play,
    observer: Callable[[Record, Tree], None] | None = None,
    rows: int = ROWS,
    limits: BudgetLimits | None = None,
    interpreter: Interpreter | None = None,
    expenses: Expenses | None = None,
    **changes: object,
) -> Run:
    """Return a run in `out`, new or resumed; `changes` are settings by dotted key with `__` for the dot.

    Args:
        out: The run directory.
        engineer: Who proposes.
        pool: Where jobs run.
        clock: Its time.
        behave: What scripts do.
        observer: Told of every event.
        rows: Train rows of a new run's task.
        limits: What it may spend, in place of what the settings say.
        interpreter: What its scripts are said to run in.
        expenses: What the engineer's calls cost.
        changes: Settings of a new run.
    """
    clock = clock or FakeClock()
    if (out / "journal.db").exists():
        store = RunDirectory.open_for_writing(out)
        settings = Settings.model_validate(store.settings())
    else:
        settings = make_settings(**changes)
        RunDirectory.reserve(out)
        task = write_task(out.parent / f"{out.name}-data", rows)
        profile = Profile(train_rows=rows, test_rows=TEST_ROWS, columns=())
        store = RunDirectory.create(out, settings.dump(), task, profile)
    run = assemble(
        store,
        settings,
        limits,
        engineer=Employed(engineer or ScriptedEngineer(tinker), expenses),
        sandbox=FakeSandbox(out / "work", behave, clock if isinstance(clock, FakeClock) else None),
        interpreter=interpreter,
        pool=pool or InlinePool(),
        clock=clock,
    )
    if observer:
        run.observers.append(observer)
    return run


def make_settings(**changes: object) -> Settings:
    """Return settings for two slots, three folds, a judge and a node budget, with changes."""
    nested: dict[str, dict[str, object]] = {
        "engine": {"slots": 2, "threads": 1, "folds": 3, "judge": True},
        "budget": {"time": None, "nodes": 20},
    }
    plain: dict[str, object] = {}
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            nested.setdefault(section, {})[name] = value
        else:
            plain[key] = value
    return Settings.model_validate({**nested, **plain})
