"""A run that is some way in, made by the real engine, and what comes after it: the world the needed facts are of.

Scripts are those of `mlmaster.testing.toy_run` with a few lines more, which say what they print and note, and what whoever
wrote them believed of the world (`BELIEVES`). A script that believes something else than what is so ends as the mistake does
that follows from it: it fails, runs too long, scores badly.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import Decided, Deferred, NodeFinished, Record, Refused
from mlmaster.core.node import ROOT, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import ColumnKind, ColumnProfile, Profile
from mlmaster.core.tree import Tree
from mlmaster.engine.run import Run
from mlmaster.ports import Engineer
from mlmaster.sandbox.interpreter import Interpreter
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing import toy_run
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer

DESCRIPTION = (
    "A ruler was read twice. The readings x are right up to the constant offset of 0.125; y is what was measured.\n"
)
INTERPRETER = Interpreter(
    python=Path("/usr/bin/python3"),
    version=(3, 11, 9),
    prefixes=(),
    site_packages=(),
    packages={"numpy": "2.3.4", "pandas": "2.3.3", "scikit-learn": "1.7.2", "lightgbm": "4.6.0"},
    modules={"numpy": ("numpy",), "pandas": ("pandas",), "sklearn": ("scikit-learn",), "lightgbm": ("lightgbm",)},
)
FOLDS, SCRIPT_LIMIT_S = 2, 720.0


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the story; what its script prints and notes is in no line of the script itself."""

    operator: Operator
    parents: tuple[int, ...]
    edit: str
    plan: str
    error: float
    detail: str = ""
    log: str = ""
    notes: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return write_script(self.error, self.edit, "error" if self.detail else "", **self.more)


def write_script(error: float, tag: str, fault: str = "", **more: object) -> str:
    lines = "".join(f"{name} = {value!r}\n" for name, value in more.items())
    return toy_run.script(error, tag=tag, fault=fault) + lines


def _traceback(message: str) -> str:
    return (
        "the log of x has 17 steps\nTraceback (most recent call last):\n"
        f'  File "/work/solution.py", line 2, in run\n{message}\n'
    )


_D, _I, _B = Operator.DRAFT, Operator.IMPROVE, Operator.DEBUG
_ROOT, _LOG, _SQUARE = (f"KeyError: 'x_{name}'" for name in ("root", "log", "square"))
STORY = (
    Step(_D, (ROOT,), "ridge", "A ridge regression on the reading of the ruler.", 3.0),
    Step(_D, (ROOT,), "trees", "Boosted trees on bins of the reading.", 2.5),
    Step(
        _D, (ROOT,), "network", "A small network that reads the root of x as a column.", 0.5, _ROOT, _traceback(_ROOT)
    ),
    Step(
        _I,
        (1,),
        "scale_x",
        "Scale the reading of the ruler before the ridge regression.",
        1.2,
        log="the slope is 0.9975\n",
        notes={"scale_of_x": 3.75},
        more={"SCALE": 3.5},
    ),
    Step(_I, (4,), "clip_low", "Clip the low readings of the ruler, which look like noise.", 2.2),
    Step(_I, (4,), "log_x", "Add the log of x as a column beside the scaled one.", 0.5, _LOG, _traceback(_LOG)),
    Step(_B, (3,), "make_column_first", "Make the column before it is read: the KeyError came from its order.", 2.4),
    Step(_I, (2,), "finer_bins", "Finer bins of the reading, with an offset for the ruler.", 1.5, more={"BINS": 48}),
    Step(_I, (1,), "drop_far", "Drop the readings that are far from the others.", 4.0),
    Step(_B, (6,), "guess_the_name", "Read the column by another name.", 0.5, _LOG, _traceback(_LOG)),
    Step(_I, (8,), "square_x", "Square the reading of the ruler in bins.", 0.5, _SQUARE, _traceback(_SQUARE)),
)
"""What happened, by node from 1."""

BY_TAG = {step.edit: step for step in STORY}
NEXT = len(STORY) + 1
TIME_LEFT_S, NODES_LEFT = 1000.0, 7
PARENTS: Mapping[Operator, tuple[int, ...]] = {
    Operator.DRAFT: (ROOT,),
    Operator.IMPROVE: (4,),
    Operator.EVOLVE: (4,),
    Operator.DEBUG: (6,),
    Operator.MERGE: (4, 8),
}
"""What each operator is asked of after the story."""


def tell(out: Path) -> None:
    """Make a run directory in which the story has happened."""
    RunDirectory.reserve(out)
    task = toy_run.write_task(out.parent / f"{out.name}-data")
    (task.directory / "description.md").write_text(DESCRIPTION)
    task = task.model_copy(update={"description": "description.md", "goal": "Say what the ruler measured"})
    columns = (
        ColumnProfile(
            name="x", kind=ColumnKind.NUMBER, missing=0.0625, distinct=90, mean=5, minimum=1.0025, maximum=8.975
        ),
        ColumnProfile(name="y", kind=ColumnKind.NUMBER, missing=0, distinct=90, is_target=True, is_in_test=False),
    )
    profile = Profile(train_rows=toy_run.ROWS, test_rows=toy_run.TEST_ROWS, columns=columns)
    settings = toy_run.make_settings(
        search__policy="greedy",
        search__drafts=1,
        engine__slots=1,
        engine__folds=FOLDS,
        engine__racing_se=0.0,
        engine__script_timeout_s=SCRIPT_LIMIT_S,
        engine__memory_gb=2.0,
    )
    # what is not set is left out, since the file is read again in each of hundreds of cases
    RunDirectory.create(out, settings.model_dump(mode="json", exclude_unset=True), task, profile).close()
    for number, step in enumerate(STORY, start=1):
        answer = Proposal(plan=step.plan, code=step.code, edit=step.edit)
        if number > 1:
            decide(out, step.operator, step.parents, BudgetLimits(nodes=number))
        go_on(out, ScriptedEngineer(_always(answer)), play, BudgetLimits(nodes=number))


def _always(answer: Proposal) -> Callable[[Context], Proposal]:
    return lambda context: answer


def decide(out: Path, operator: Operator, parents: tuple[int, ...], limits: BudgetLimits) -> None:
    """Write a decision into the journal of a run that stands still, as a process does that is killed right after it."""
    store = RunDirectory.open_for_writing(out)
    records = store.read()
    node = 1 + sum(isinstance(record.event, Decided) for record in records)
    budget = Budget(limits=limits, elapsed_s=store.elapsed_s, nodes=node)
    event = Decided(node=node, operator=operator, parents=parents, chain="none", reason="told", budget=budget)
    store.append([event], store.elapsed_s)
    store.close()


def go_on(
    out: Path, engineer: Engineer, behave: Callable[[str, Path], Outcome], limits: BudgetLimits
) -> tuple[Tree, list[Record]]:
    """Let a run go on until the node in flight has its outcome; return the tree then, and what was recorded."""
    recorded: list[Record] = []
    clock = FakeClock()
    run: Run = toy_run.make_run(
        out, engineer=engineer, behave=behave, limits=limits, clock=clock, interpreter=INTERPRETER
    )

    def watch(record: Record, tree: Tree) -> None:
        recorded.append(record)
        if isinstance(record.event, NodeFinished | Refused | Deferred):
            run.abort()

    run.observers.append(watch)
    run.execute()
    return run.tree, recorded


def play(code: str, view: Path) -> Outcome:
    """Do what a script's text says; lines that are no script have been looked with."""
    said = lines_of(code)
    if "TAG" not in said:
        return Outcome(log="90 rows\n")
    step, found = BY_TAG.get(said["TAG"]), toy_run.play(code, view)
    if step is None:
        return found
    files = dict(found.files)
    if step.notes:
        files["notes.json"] = json.dumps(step.notes)
    detail = step.detail if found.fault else ""
    return replace(found, files=files, detail=detail or found.detail, log=step.log or found.log)


def lines_of(code: str) -> dict[str, Any]:
    """Return what a script assigns."""
    return {
        line.targets[0].id: ast.literal_eval(line.value)
        for line in ast.parse(code).body
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
    }
