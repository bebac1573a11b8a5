"""The end of a run: what is run once more, what it changes, and what is left out when there is no time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlmaster.core.events import Event, JudgeOpened, NodeFinished, Record, Rescored, Selected, SubmissionWritten
from mlmaster.core.execution import Fault
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.tree import Tree
from mlmaster.engine.finish import NONE_HELD
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_run, play, script


def search(
    out: Path,
    errors: tuple[float, ...],
    fresh: Callable[[str, Path], Outcome] = play,
    *,
    stops: bool = False,
    seconds: float = 1.0,
    **changes: object,
) -> list[Event]:
    """Run drafts of the given errors to the end; `fresh` plays them under the fresh key. Return the events."""
    asked: list[Context] = []

    def answer(context: Context) -> Proposal:
        asked.append(context)
        number = len(asked)
        return Proposal(plan="p", code=script(errors[number - 1], tag=f"node-{number}", seconds=seconds))

    def behave(code: str, view: Path) -> Outcome:
        return fresh(code, view) if view.parent.name == "fresh" else play(code, view)

    found: list[Event] = []

    def listen(record: Record, tree: Tree) -> None:
        found.append(record.event)
        if stops and isinstance(record.event, NodeFinished) and len(tree.nodes) == len(errors):
            run.stop()

    wanted: dict[str, Any] = {"budget__nodes": len(errors), "engine__racing_se": 0, "search__policy": "random"}
    engineer = ScriptedEngineer(answer)
    run = make_run(out, engineer=engineer, behave=behave, observer=listen, **{**wanted, **changes})
    assert run.execute() is not None
    return found


def of(kind: type, events: list[Event]) -> list[object]:
    return [event for event in events if isinstance(event, kind)]


def selected_of(events: list[Event]) -> Selected:
    (found,) = of(Selected, events)
    assert isinstance(found, Selected)
    return found


def falls(*tags: str) -> Callable[[str, Path], Outcome]:
    """Return play in which some scripts are lost under another layout."""

    def lost(code: str, view: Path) -> Outcome:
        worse = any(f"TAG = '{tag}'" in code for tag in tags)
        return play(re.sub(r"ERROR = .+", "ERROR = 9.0", code) if worse else code, view)

    return lost


def test_the_choice_is_scored_once_more_between_judge_and_answer(tmp_path: Path) -> None:
    events = search(tmp_path / "run", (0.4, 0.6, 0.7))
    last = [type(event) for event in events if not isinstance(event, NodeFinished)][-5:-1]
    assert last == [JudgeOpened, Rescored, Selected, SubmissionWritten]
    (again,) = of(Rescored, events)
    assert isinstance(again, Rescored)
    assert again.holds
    assert again.choice == selected_of(events).choice


def test_a_blend_with_a_member_that_falls_gives_way_to_the_best_single(tmp_path: Path) -> None:
    events = search(tmp_path / "run", (0.4, 0.6, 0.7), falls("node-2"))
    held = [(event.choice, event.holds) for event in of(Rescored, events) if isinstance(event, Rescored)]
    assert held == [("blend of 3", False), ("best single (node 1)", True)]
    selected = selected_of(events)
    assert selected.choice == "best single (node 1)"
    assert selected.members == ((1, 1.0),)
    assert (selected.basis, selected.note) == ("judge", "")
    assert selected.judge is not None
    assert of(SubmissionWritten, events)[-1] == SubmissionWritten(source="best single (node 1)", rows=20)


def test_when_all_fall_there_is_an_answer_and_no_estimate(tmp_path: Path) -> None:
    events = search(tmp_path / "run", (0.05, 0.6, 0.7), falls("node-1", "node-2", "node-3"))
    selected = selected_of(events)
    assert (selected.basis, selected.judge, selected.expected_low, selected.note) == ("none", None, None, NONE_HELD)
    assert not any(event.holds for event in of(Rescored, events) if isinstance(event, Rescored))
    assert isinstance(events[-2], SubmissionWritten)


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.INFRASTRUCTURE])
def test_what_cannot_be_run_again_changes_nothing(tmp_path: Path, fault: Fault) -> None:
    events = search(tmp_path / "run", (0.4, 0.6, 0.7), lambda code, view: Outcome(fault=fault, detail="no"))
    assert of(Rescored, events) == []
    assert selected_of(events).basis == "judge"


def test_a_run_that_is_stopped_runs_nothing_more(tmp_path: Path) -> None:
    def refuse(code: str, view: Path) -> Outcome:
        raise AssertionError("run after the stop")

    events = search(tmp_path / "run", (0.4, 0.6, 0.7), refuse, stops=True)
    assert of(Rescored, events) == []


def test_no_time_no_fresh_key(tmp_path: Path) -> None:
    """Nine folds of 10 s each leave 10 s of 100: half of them do not hold one more run."""
    slow: dict[str, Any] = {"budget__time": "100s", "engine__slots": 1, "seconds": 10.0, "engine__script_timeout_s": 30}
    events = search(tmp_path / "slow", (0.4, 0.6, 0.7), **slow)
    assert of(Rescored, events) == []
    quick = {**slow, "seconds": 0.1, "budget__time": "1000s"}
    assert of(Rescored, search(tmp_path / "quick", (0.4, 0.6, 0.7), **quick)) != []


def test_without_a_judge_none_is_opened(tmp_path: Path) -> None:
    events = search(tmp_path / "run", (0.4, 0.6, 0.7), engine__judge=False)
    assert of(JudgeOpened, events) == []
    assert len(of(Rescored, events)) == 1
    selected = selected_of(events)
    assert (selected.basis, selected.judge) == ("repeats", None)
    assert selected.expected_low is not None
    assert selected.expected_high is not None
    assert selected.expected_low < selected.expected_high
