"""What an engineer may try out while it works at a proposal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag

import pytest

from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.proposal import Context, Proposal, Trial
from mlmaster.engine.desk import MOST_LISTED, Slots, list_files
from mlmaster.engine.evaluation import LOOK_S
from mlmaster.engine.pools import ThreadPool
from mlmaster.errors import ProposalRefused
from mlmaster.ports import Desk
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.toy_run import make_run, play, script, tinker


class Tinkerer:
    """An engineer that does something at its desk before it proposes what `tinker` does."""

    name = "tinkerer"
    operators = frozenset(Operator)

    def __init__(self, work: Callable[[Context, Desk], None]) -> None:
        self._work = work

    def propose(self, context: Context, desk: Desk) -> Proposal:
        self._work(context, desk)
        return tinker(context)


def test_a_trial_runs_on_the_small_view_and_leaves_no_outcome(tmp_path: Path) -> None:
    trials: list[Trial] = []
    seen: list[str] = []

    def behave(code: str, view: Path) -> Outcome:
        seen.append(view.parent.name)
        return play(code, view)

    def work(context: Context, desk: Desk) -> None:
        trials.append(desk.smoke(script(0.5, tag="trial")))

    run = make_run(tmp_path / "run", engineer=Tinkerer(work), behave=behave, budget__nodes=1)
    run.execute()
    assert trials[0].fault is None
    assert trials[0].size.rows > 0
    assert "one fold" in trials[0].forecast
    assert "smoke" in seen[0]
    assert run.tree[1].state in (NodeState.SCORED, NodeState.FAILED)
    assert len(run.tree.nodes) == 1


@pytest.mark.parametrize("fault", ["error", "timeout", "invalid_submission"])
def test_a_trial_tells_what_went_wrong(tmp_path: Path, fault: str) -> None:
    trials: list[Trial] = []

    def work(context: Context, desk: Desk) -> None:
        trials.append(desk.smoke(script(0.5, tag="trial", fault=fault)))

    make_run(tmp_path / "run", engineer=Tinkerer(work), budget__nodes=1).execute()
    assert trials[0].fault is Fault(fault)
    assert trials[0].detail == f"told to: {fault}"
    assert trials[0].forecast == ""


def test_a_script_that_cannot_finish_a_fold_is_told_so_before_it_costs_one(tmp_path: Path) -> None:
    trials: list[Trial] = []

    def behave(code: str, view: Path) -> Outcome:
        rows = len((view / "train.csv").read_text().splitlines())
        outcome = play(code, view)
        return Outcome(files=outcome.files, wall_s=rows / 10 if "trial" in code else 1.0)

    def work(context: Context, desk: Desk) -> None:
        trials.append(desk.smoke(script(0.5, tag="trial")))

    make_run(
        tmp_path / "run",
        engineer=Tinkerer(work),
        behave=behave,
        rows=20_000,
        budget__nodes=1,
        engine__script_timeout_s=300,
    ).execute()
    assert trials[0].fault is Fault.TIMEOUT
    assert "a fold of 13,333 rows" in trials[0].detail
    assert "300 s" in trials[0].detail


def test_a_script_that_answers_nothing_is_an_invalid_trial_but_a_fine_look(tmp_path: Path) -> None:
    found: list[Trial] = []

    def behave(code: str, view: Path) -> Outcome:
        return Outcome(log="3 columns\n") if "look" in code else play(code, view)

    def work(context: Context, desk: Desk) -> None:
        found.append(desk.smoke("print('look')"))
        found.append(desk.look("print('look')"))

    make_run(tmp_path / "run", engineer=Tinkerer(work), behave=behave, budget__nodes=1).execute()
    assert [each.fault for each in found] == [Fault.INVALID_SUBMISSION, None]
    assert found[1].log == "3 columns\n"


def test_a_failure_of_our_own_is_told_as_such_and_ends_no_run(tmp_path: Path) -> None:
    found: list[Trial] = []

    def behave(code: str, view: Path) -> Outcome:
        return Outcome(fault=Fault.INFRASTRUCTURE) if "look" in code else play(code, view)

    def work(context: Context, desk: Desk) -> None:
        found.append(desk.look("print('look')"))

    run = make_run(tmp_path / "run", engineer=Tinkerer(work), behave=behave, budget__nodes=1)
    assert run.execute() is not None
    assert [trial.fault for trial in found] == [Fault.INFRASTRUCTURE]
    assert found[0].detail


def test_a_look_that_does_not_end_holds_its_slot_for_minutes_and_not_for_as_long_as_a_fold_may(tmp_path: Path) -> None:
    found: list[Trial] = []

    def behave(code: str, view: Path) -> Outcome:
        return Outcome(wall_s=3_000.0) if "while True" in code else play(code, view)

    def work(context: Context, desk: Desk) -> None:
        found.append(desk.look("while True: pass"))

    make_run(
        tmp_path / "run", engineer=Tinkerer(work), behave=behave, budget__nodes=1, engine__script_timeout_s=30_000
    ).execute()
    assert found[0].fault is Fault.TIMEOUT
    assert found[0].wall_s == LOOK_S


def test_what_a_trial_prints_passes_the_filter_of_logs(tmp_path: Path) -> None:
    found: list[Trial] = []

    def behave(code: str, view: Path) -> Outcome:
        rows = (view / "train.csv").read_text()
        return Outcome(log=f"fitted\n{rows}\n") if "look" in code else play(code, view)

    def work(context: Context, desk: Desk) -> None:
        found.append(desk.look("print('look')"))

    make_run(tmp_path / "run", engineer=Tinkerer(work), behave=behave, budget__nodes=1).execute()
    assert "fitted" in found[0].log
    assert "lines with training rows left out" in found[0].log


def test_the_desk_refuses_what_the_engine_would(tmp_path: Path) -> None:
    refusals: list[str] = []

    def work(context: Context, desk: Desk) -> None:
        for code in ("x = (", "print(1)", context.parent_code or script(0.3, tag="new")):
            try:
                desk.check(code)
            except ProposalRefused as error:
                refusals.append(error.reason)
            else:
                refusals.append("fine")

    make_run(tmp_path / "run", engineer=Tinkerer(work), budget__nodes=2, search__drafts=1, engine__slots=1).execute()
    assert refusals == ["syntax", "no_submission", "fine", "syntax", "no_submission", "no_op"]


def test_a_desk_lists_files_and_reads_logs(tmp_path: Path) -> None:
    lists: list[tuple[str, ...]] = []
    logs: list[str] = []

    def behave(code: str, view: Path) -> Outcome:
        outcome = play(code, view)
        return Outcome(files=outcome.files, fault=outcome.fault, wall_s=outcome.wall_s, log="trees: 40\n")

    def work(context: Context, desk: Desk) -> None:
        lists.append(tuple(desk.files()))
        logs.append(desk.log(1))

    make_run(tmp_path / "run", engineer=Tinkerer(work), behave=behave, budget__nodes=8).execute()
    assert [line.split(" (")[0] for line in lists[0]] == ["sample_submission.csv", "test.csv", "train.csv"]
    assert logs[0] == ""
    assert logs[-1] == "trees: 40\n"


@pytest.mark.parametrize("number", [0, -1, 2, 10**300])
def test_there_is_no_log_of_a_node_that_is_not_there_and_no_folder_is_made_for_it(tmp_path: Path, number: int) -> None:
    logs: list[str] = []
    make_run(
        tmp_path / "run",
        engineer=Tinkerer(lambda context, desk: logs.append(desk.log(number))),
        budget__nodes=1,
        engine__slots=1,
    ).execute()
    assert logs == [""]
    assert [path.name for path in (tmp_path / "run" / "nodes").iterdir()] == ["1"]


def test_no_more_scripts_run_at_a_time_than_there_are_slots(tmp_path: Path) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def behave(code: str, view: Path) -> Outcome:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        outcome = play(code, view)
        with lock:
            running -= 1
        return outcome

    def work(context: Context, desk: Desk) -> None:
        for number in range(5):
            desk.smoke(script(0.5, tag=f"{context.seed}-{number}"))

    make_run(
        tmp_path / "run", engineer=Tinkerer(work), behave=behave, pool=ThreadPool(6, 2), budget__nodes=12
    ).execute()
    assert 1 <= most <= 2


def test_who_waits_for_a_slot_gives_up_when_the_run_ends() -> None:
    slots, cancel = Slots(1), Flag()
    with slots.taken(cancel) as first:
        assert first
        cancel.set()
        with slots.taken(cancel) as second:
            assert not second
    with slots.taken(cancel) as third:
        assert third, "a slot that is free is taken even then: a cancelled run finds out by itself"


def test_folders_of_many_files_are_counted(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a\n" * 100_000)
    for number in range(30):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / f"{number:03}.png").write_bytes(b"x")
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "one.txt").write_text("1")
    assert list_files(tmp_path) == (
        "few/one.txt (0.0 kB)",
        "images/ (30 files: .png; such as 000.png)",
        "train.csv (0.2 MB)",
    )


def test_a_listing_is_bounded(tmp_path: Path) -> None:
    for number in range(3 * MOST_LISTED):
        (tmp_path / f"{number:04}.txt").write_text("x")
    lines = list_files(tmp_path)
    assert len(lines) == MOST_LISTED + 1
    assert lines[-1] == "…"
