"""What a run does with forecasts: scripts that cannot finish are refused, those the run has no time left for are put off."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mlmaster.cli.lines import event_line
from mlmaster.core.budget import BudgetLimits
from mlmaster.core.events import Deferred, Event, FoldScored, NodeFinished, Record, RunEnded, SmokePassed
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.tree import Tree
from mlmaster.engine.run import Run
from mlmaster.report.node import describe
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_run, play, script

LARGE = 15_000
"""Rows of a task with folds of 10,000; 1,000 and 2,000 are on the smoke views."""
Law = Callable[[int], float]


def cheap(rows: int) -> float:
    return 0.1


def small(rows: int) -> float:
    return 1e6


def count_rows(view: Path) -> int:
    with (view / "train.csv").open(encoding="utf-8") as file:
        return sum(1 for _ in file) - 1


@dataclass
class Scene:
    """Scripts by tag, and what was run of them.

    Attributes:
        seconds, bytes: What a script takes on a view with so many rows to learn from, by its tag.
        ran: (tag, view) of every evaluation, in order.
    """

    seconds: dict[str, Law] = field(default_factory=dict)
    bytes: dict[str, Law] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)

    def play(self, code: str, view: Path) -> Outcome:
        tag = dict(re.findall(r"(\w+) = '(.*)'", code))["TAG"]
        self.ran.append((tag, view.parent.name))
        rows = count_rows(view)
        seconds = self.seconds.get(tag, cheap)(rows)
        held = self.bytes.get(tag, small)(rows)
        return replace(play(code, view), wall_s=seconds, peak_bytes=int(held))

    def views(self, tag: str) -> list[str]:
        return [view for each, view in self.ran if each == tag]


def answer(*tags: str, debugs: bool = False) -> ScriptedEngineer:
    """Return an engineer whose drafts have these tags and which does nothing else, but for debugging, which adds `+`."""
    left = list(tags)
    operators = frozenset({Operator.DRAFT, Operator.DEBUG} if debugs else {Operator.DRAFT})

    def propose(context: Context) -> Proposal:
        parent = context.parent_code and dict(re.findall(r"(\w+) = '(.*)'", context.parent_code))["TAG"]
        tag = f"{parent}+" if parent else left.pop(0)
        return Proposal(plan="p", code=script(0.5 + 0.001 * len(tag), tag=tag))

    return ScriptedEngineer(propose, operators)


def one_at_a_time(scene: Scene, out: Path, engineer: ScriptedEngineer, **changes: Any) -> Run:
    """Return a new run with a single slot, without a search that would choose; `changes` are as for `make_run`."""
    settings = {"search__policy": "random", "engine__slots": 1, **changes}
    return make_run(out, engineer=engineer, behave=scene.play, **settings)


def events_of(out: Path) -> list[Event]:
    store = RunDirectory.open_for_reading(out)
    found = [record.event for record in store.read()]
    store.close()
    return found


def ruinous(rows: int) -> float:
    """Take 25 s on 2,000 rows and 328 s on 10,000."""
    return 25.0 * math.pow(rows / 2000, 1.6)


FAULTS = {
    Fault.TIMEOUT: Scene(seconds={"dear": ruinous}),
    Fault.OUT_OF_MEMORY: Scene(bytes={"dear": lambda rows: 0.5e6 * rows}),
}
SAID = {
    Fault.TIMEOUT: "it took 8.2 s on 1,000 rows and 25 s on 2,000 rows: a fold of 10,000 rows would take at least",
    Fault.OUT_OF_MEMORY: "it held 500 MB on 1,000 rows and 1.0 GB on 2,000 rows: a fold of 10,000 rows would need at least",
}


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.OUT_OF_MEMORY])
def test_what_cannot_finish_is_refused_after_smoke_and_the_engineer_is_told_why(tmp_path: Path, fault: Fault) -> None:
    scene = Scene(FAULTS[fault].seconds, FAULTS[fault].bytes)
    engineer = answer("dear", "cheap", debugs=True)
    run = one_at_a_time(
        scene,
        tmp_path / "run",
        engineer,
        rows=LARGE,
        budget__nodes=3,
        search__policy="greedy",
        search__drafts=2,
        engine__script_timeout_s=30,
        engine__memory_gb=2,
    )
    assert run.execute() is not None
    dear, other = run.tree[1], run.tree[2]
    assert scene.views("dear") == ["smoke", "smoke-2"]
    assert (dear.state, dear.fault, dear.reward) == (NodeState.FAILED, fault, -1.0)
    assert SAID[fault] in dear.detail
    assert dear.wall_s == pytest.approx(sum(map(scene.seconds.get("dear", cheap), (1000, 2000))))
    assert other.state is NodeState.SCORED
    assert scene.views("cheap")[:4] == ["smoke", "fold-0", "fold-1", "fold-2"]
    (debug,) = [context for context in engineer.contexts if context.operator is Operator.DEBUG]
    assert debug.parent == dear


def test_a_kill_between_smoke_and_refusal_changes_nothing(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(record: Record, tree: Tree) -> None:
        if isinstance(record.event, SmokePassed):
            raise Killed

    scene = Scene(seconds={"dear": ruinous})
    settings: dict[str, Any] = {"budget__nodes": 1, "engine__script_timeout_s": 30, "engine__slots": 1}
    whole = make_run(tmp_path / "whole", engineer=answer("dear"), behave=scene.play, rows=LARGE, **settings)
    whole.execute()

    out, ran = tmp_path / "cut", len(scene.ran)
    cut = make_run(out, engineer=answer("dear"), behave=scene.play, rows=LARGE, observer=kill, **settings)
    with pytest.raises(Killed):
        cut.execute()
    cut.store.close()
    resumed = make_run(out, engineer=answer(), behave=scene.play)
    resumed.execute()
    assert len(scene.ran) == 2 * ran
    assert resumed.tree.nodes == whole.tree.nodes
    assert resumed.tree[1].fault is Fault.TIMEOUT
    (finished,) = [event for event in events_of(out) if isinstance(event, NodeFinished)]
    assert Tree(events_of(out)).nodes[1].detail == finished.detail == whole.tree[1].detail


def test_what_breaks_a_limit_on_few_rows_says_on_how_many(tmp_path: Path) -> None:
    scene = Scene(seconds={"first": lambda _: 31.0, "second": lambda rows: rows / 60})
    run = one_at_a_time(
        scene,
        tmp_path / "run",
        answer("first", "second"),
        rows=6000,
        budget__nodes=2,
        engine__script_timeout_s=30,
    )
    run.execute()
    assert [run.tree[node].fault for node in (1, 2)] == [Fault.TIMEOUT, Fault.TIMEOUT]
    assert run.tree[1].detail.startswith("on 1,000 rows: ")
    assert run.tree[2].detail.startswith("on 2,000 rows: ")


def test_an_error_that_only_the_second_size_shows_is_no_error(tmp_path: Path) -> None:
    """It is run for its cost alone: an error counts when it comes twice."""

    def behave(code: str, view: Path) -> Outcome:
        if view.parent.name == "smoke-2":
            return Outcome(fault=Fault.ERROR, detail="once", wall_s=3.0)
        return replace(play(code, view), wall_s=10.0)

    run = make_run(
        tmp_path / "run",
        engineer=answer("odd"),
        behave=behave,
        rows=6000,
        budget__nodes=1,
        engine__script_timeout_s=30,
    )
    run.execute()
    assert run.tree[1].state is NodeState.SCORED
    (smoke,) = [event for event in events_of(tmp_path / "run") if isinstance(event, SmokePassed)]
    assert [cost.size.trained for cost in smoke.costs] == [1000]
    assert smoke.wall_s == pytest.approx(13.0)


# ---- the rest of the run


def test_what_the_rest_of_the_run_does_not_hold_is_put_off_and_nobodys_fault(tmp_path: Path) -> None:
    """100 s less 8 s in reserve: 30 s for the first, then 62 s are left, too few for three folds of at least 28 s."""
    scene = Scene(seconds={"first": lambda _: 10.0, "late": lambda _: 40.0})
    out = tmp_path / "run"
    lines: list[str | None] = []

    def listen(record: Record, tree: Tree) -> None:
        lines.append(event_line(record, tree))

    run = one_at_a_time(
        scene,
        out,
        answer("first", "late", "quick"),
        observer=listen,
        budget__time="100s",
        budget__nodes=3,
        engine__script_timeout_s=60,
        search__drafts=9,
    )
    assert run.execute() is not None
    late = run.tree[2]
    assert scene.views("late") == ["fold-0"]
    assert (late.state, late.fault, late.reward) == (NodeState.PROPOSED, None, None)
    assert late.detail == "the next fold would take about 40 s; the search has 22 s left"
    assert run.tree[3].state is NodeState.SCORED
    assert events_of(out)[-1] == RunEnded(reason="time")
    assert any(line is not None and "#2 draft: put off, the next fold" in line for line in lines)
    assert "detail       the next fold would take about 40 s" in describe(run.tree, 2)

    longer = make_run(out, engineer=answer(), behave=scene.play, limits=BudgetLimits(time_s=1000.0, nodes=3))
    assert longer.execute() is not None
    assert longer.tree[2].state is NodeState.SCORED
    assert scene.views("late")[:3] == ["fold-0", "fold-1", "fold-2"]


def test_folds_that_cannot_all_be_run_are_not_begun_but_for_a_first_answer(tmp_path: Path) -> None:
    """102 s are left and three folds take at least 105, but one gives a first answer; one of a second node would not."""
    scene = Scene(seconds={"one": lambda rows: 50.0 if rows < 3000 else 60.0, "two": lambda _: 14.0})
    run = one_at_a_time(
        scene,
        tmp_path / "run",
        answer("one", "two"),
        rows=6000,
        budget__time="160s",
        budget__nodes=2,
        engine__script_timeout_s=500,
    )
    run.execute()
    assert scene.views("one") == ["smoke", "fold-0"]
    assert run.tree[1].state is NodeState.PROPOSED
    assert scene.views("two") == ["smoke"]
    assert run.tree[2].detail == "the 3 folds it lacks would take at least 29 s; the search has 28 s left"
    assert (tmp_path / "run" / "best" / "submission.csv").exists()


def test_one_after_another_put_off_ends_the_search(tmp_path: Path) -> None:
    """91 s are left after the first: each of the others takes 21 s on few rows, so five folds take at least 74 s."""
    first = {"first": lambda rows: 1.0 if rows < 3000 else 10.0}
    scene = Scene(seconds={**first, **{f"late {i}": lambda _: 21.0 for i in range(9)}})
    engineer = answer("first", *(f"late {i}" for i in range(9)))
    run = one_at_a_time(
        scene,
        tmp_path / "run",
        engineer,
        rows=6000,
        budget__time="150s",
        budget__nodes=None,
        search__drafts=9,
        engine__folds=5,
        engine__script_timeout_s=200,
    )
    assert run.execute() is not None
    events = events_of(tmp_path / "run")
    assert [type(event) for event in events if isinstance(event, Deferred | FoldScored)][5:] == [Deferred] * 3
    assert len(engineer.contexts) == 4
    assert events[-1] == RunEnded(reason="time")
    assert run.elapsed_s < 142


# ---- the last runs


@pytest.mark.parametrize(("time", "answered"), [("500s", ["one", "two", "three"]), ("92s", ["one"])])
def test_only_fits_on_all_rows_that_should_end_in_time_are_begun(
    tmp_path: Path, time: str, answered: list[str]
) -> None:
    """Three nodes of three folds of 8 s, and as much for the best on all rows: of 92 s that leaves 12, 4 of them kept."""
    scene = Scene(seconds=dict.fromkeys(("one", "two", "three"), lambda _: 8.0))
    run = one_at_a_time(
        scene,
        tmp_path / "run",
        answer("one", "two", "three"),
        budget__time=time,
        budget__nodes=3,
        search__drafts=9,
        engine__script_timeout_s=60,
        engine__test_rides_along=False,
    )
    assert run.execute() is not None
    assert sorted(tag for tag, view in scene.ran if view == "full") == sorted(answered)
    assert run.elapsed_s <= float(time.removesuffix("s"))


def test_a_first_answer_is_tried_though_it_should_not_end_in_time(tmp_path: Path) -> None:
    """After three folds of 8 s 12 are left, 4 of them kept: 9.8 s for all rows do not fit, but without them is no answer."""
    scene = Scene(seconds={"one": lambda _: 8.0})
    run = one_at_a_time(
        scene,
        tmp_path / "run",
        answer("one"),
        budget__time="36s",
        budget__nodes=1,
        engine__test_rides_along=False,
    )
    assert run.execute() is not None
    assert scene.views("one") == ["fold-0", "fold-1", "fold-2", "full"]
