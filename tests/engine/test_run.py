import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mlmaster.core.events import (
    FoldScored,
    JudgeOpened,
    NodeFinished,
    Record,
    Rescored,
    RunEnded,
    RunStarted,
    Selected,
    SmokePassed,
    SubmissionWritten,
)
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.score import Direction
from mlmaster.core.task import Profile
from mlmaster.core.tree import Tree
from mlmaster.errors import Exhausted, InfrastructureError, ProposalRefused, RunDirectoryError
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import TEST_ROWS, make_run, make_settings, play, script, tinker, write_task
from mlmaster.wiring import assemble


def read_submission(out: Path) -> dict[str, float]:
    with (out / "best" / "submission.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: float(row["y"]) for row in csv.DictReader(file)}


def read_test(out: Path) -> dict[str, float]:
    with (out.parent / f"{out.name}-data" / "test.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: float(row["x"]) for row in csv.DictReader(file)}


def events_of(run_directory: Path) -> list[object]:
    from mlmaster.store.run_directory import RunDirectory

    store = RunDirectory.open_for_reading(run_directory)
    found = [record.event for record in store.read()]
    store.close()
    return list(found)


def test_a_run_ends_with_an_answer_and_an_estimate(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = make_run(out)
    selected = run.execute()

    assert run.tree.count_nodes() == 20
    assert isinstance(selected, Selected)
    assert selected.judge is not None
    assert selected.expected_low is not None
    assert selected.expected_high is not None
    assert selected.predicted_low is not None
    assert 0 <= selected.predicted_low <= selected.expected_low < selected.judge < selected.expected_high
    answer, truth = read_submission(out), read_test(out)
    assert answer.keys() == truth.keys()
    error = math.sqrt(sum((answer[key] - truth[key]) ** 2 for key in truth) / TEST_ROWS)
    assert error < 1.0
    assert [type(e) for e in events_of(out)][-1] is RunEnded


def test_the_same_seed_gives_the_same_tree(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    assert first.execute() == second.execute()
    assert first.tree.nodes == second.tree.nodes
    assert read_submission(tmp_path / "a") == read_submission(tmp_path / "b")


def test_another_seed_gives_another_tree(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a"), make_run(tmp_path / "b", seed=1)
    first.execute()
    second.execute()
    assert first.tree.nodes != second.tree.nodes


class Killed(BaseException):
    """Stands for kill -9: nothing in the process may catch it and go on."""


@pytest.mark.parametrize("policy", ["mcts", "greedy", "random"])
def test_a_kill_at_any_event_changes_nothing(tmp_path: Path, policy: str) -> None:
    """Cut the run after every single batch of events, and resume each time: the tree is that of an unbroken run."""
    whole = make_run(tmp_path / "whole", search__policy=policy, budget__nodes=8)
    expected = whole.execute()

    out = tmp_path / "cut"
    result, cuts = None, 0
    ended: set[type] = set()
    while result is None:
        heard = 0

        def kill(record: Record, tree: Tree) -> None:
            """Die at the first event after the resumption; in the final part once for each kind, for it starts anew."""
            nonlocal heard
            heard += 1
            kind = type(record.event)
            if kind in (JudgeOpened, Rescored, Selected, SubmissionWritten, RunEnded) and kind in ended:
                return
            if heard >= 2:
                ended.add(kind)
                raise Killed

        run = make_run(out, observer=kill, search__policy=policy, budget__nodes=8)
        try:
            result = run.execute()
        except Killed:
            cuts += 1
            run.store.close()
    assert cuts > 20
    assert run.tree.nodes == whole.tree.nodes
    assert result is not None
    assert expected is not None
    assert result.members == expected.members
    assert read_submission(out) == read_submission(tmp_path / "whole")


def test_spent_time_is_restored(tmp_path: Path) -> None:
    clock = FakeClock()
    out = tmp_path / "run"

    def kill(record: Record, tree: Tree) -> None:
        if record.seq == 30:
            raise Killed

    run = make_run(out, clock=clock, observer=kill)
    with pytest.raises(Killed):
        run.execute()
    spent = run.elapsed_s
    run.store.close()
    assert spent > 0
    clock.advance(1000)
    again = make_run(out, clock=clock)
    assert again.elapsed_s == pytest.approx(spent)
    assert again.tree.nodes == run.tree.nodes
    again.store.close()


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    out = tmp_path / "run"
    make_run(out, budget__nodes=2).execute()
    left = out / "work" / "left" / "input"
    left.mkdir(parents=True)
    (left / "train.csv").write_text("half a view")
    left.chmod(0o555)
    make_run(out).store.close()
    assert not left.exists()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"torn")])
def test_a_damaged_artifact_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    out = tmp_path / "run"
    make_run(out, budget__nodes=2).execute()
    damage(out / "nodes" / "1" / "fold-1.npz")
    with pytest.raises(RunDirectoryError, match=r"fold-1\.npz"):
        make_run(out)


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    selected = make_run(out).execute()
    before = events_of(out)
    assert make_run(out).execute() == selected
    assert events_of(out) == before


def test_time_ends_a_run_and_the_answer_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = make_run(out, budget__nodes=None, budget__time="60s")
    selected = run.execute()
    assert selected is not None
    assert run.elapsed_s <= 60
    assert isinstance(events_of(out)[-1], RunEnded)
    assert events_of(out)[-1] == RunEnded(reason="time")


def test_a_submission_exists_after_the_first_fold(tmp_path: Path) -> None:
    seen: list[object] = []
    run = make_run(tmp_path / "run", observer=lambda record, tree: seen.append(record.event))
    run.execute()
    first_fold = next(i for i, e in enumerate(seen) if isinstance(e, FoldScored))
    assert isinstance(seen[first_fold + 1], SubmissionWritten)


def test_an_engineer_without_ideas_ends_the_run(tmp_path: Path) -> None:
    def nothing(context: Context) -> Proposal:
        raise Exhausted("nothing left")

    run = make_run(tmp_path / "run", engineer=ScriptedEngineer(nothing))
    assert run.execute() is None
    assert events_of(tmp_path / "run")[-1] == RunEnded(reason="exhausted")
    assert not run.tree.in_flight


def test_a_refused_answer_is_asked_again_with_the_reason(tmp_path: Path) -> None:
    def stubborn(context: Context) -> Proposal:
        if context.operator is Operator.DRAFT and len(context.refusals) < 2:
            return Proposal(plan="broken", code="def (")
        return tinker(context)

    engineer = ScriptedEngineer(stubborn)
    run = make_run(tmp_path / "run", engineer=engineer, budget__nodes=3)
    assert run.execute() is not None
    assert [len(c.refusals) for c in engineer.contexts if c.operator is Operator.DRAFT][:3].count(0) >= 1
    assert any("syntax" in reason for c in engineer.contexts for reason in c.refusals)
    assert all(n.state is not NodeState.REFUSED for n in run.tree.nodes.values())


@pytest.mark.parametrize(
    ("code", "reason"),
    [("x = (", "syntax"), ("print('no answer')", "no_submission"), (script(0.5, tag="same"), "duplicate")],
)
def test_what_may_not_run_is_refused(tmp_path: Path, code: str, reason: str) -> None:
    run = make_run(
        tmp_path / "run", engineer=ScriptedEngineer(lambda c: Proposal(plan="p", code=code)), budget__nodes=4
    )
    run.execute()
    refused = [n for n in run.tree.nodes.values() if n.state is NodeState.REFUSED]
    assert refused
    assert any(n.detail.startswith(reason) for n in refused)


def test_an_engineer_that_refuses_itself_is_no_crash(tmp_path: Path) -> None:
    def refuse(context: Context) -> Proposal:
        raise ProposalRefused("policy", "will not")

    run = make_run(tmp_path / "run", engineer=ScriptedEngineer(refuse))
    assert run.execute() is None


def test_every_fault_is_an_outcome_of_its_node(tmp_path: Path) -> None:
    faults = ["error", "timeout", "out_of_memory", "disk", "policy"]

    def failing(context: Context) -> Proposal:
        fault = faults[context.seed % len(faults)] if context.operator is not Operator.DRAFT else ""
        return Proposal(plan="p", code=script(0.5, tag=str(context.seed), fault=fault))

    run = make_run(tmp_path / "run", engineer=ScriptedEngineer(failing), budget__nodes=25)
    assert run.execute() is not None
    found = {n.fault for n in run.tree.nodes.values() if n.state is NodeState.FAILED}
    assert len(found) >= 3
    assert all(n.reward == -1 for n in run.tree.nodes.values() if n.state is NodeState.FAILED)


def test_an_invalid_submission_names_what_is_wrong(tmp_path: Path) -> None:
    def wrong(code: str, view: Path) -> Outcome:
        return Outcome(files={"submission.csv": "id,z\n1,2\n"})

    run = make_run(tmp_path / "run", behave=wrong, budget__nodes=2)
    assert run.execute() is None
    node = run.tree.nodes[1]
    assert node.fault is Fault.INVALID_SUBMISSION
    assert "submission.csv" in node.detail


def test_our_own_failures_are_retried_and_never_blamed(tmp_path: Path) -> None:
    failures = 0

    def flaky(code: str, view: Path) -> Outcome:
        nonlocal failures
        failures += 1
        if failures in (1, 2):
            raise InfrastructureError("the disk hiccuped")
        return play(code, view)

    run = make_run(tmp_path / "run", behave=flaky, budget__nodes=4)
    assert run.execute() is not None
    assert all(n.state is not NodeState.ABANDONED for n in run.tree.nodes.values())

    def broken(code: str, view: Path) -> Outcome:
        raise InfrastructureError("the disk is gone")

    run = make_run(tmp_path / "other", behave=broken, budget__nodes=2)
    assert run.execute() is None
    assert events_of(tmp_path / "other")[-1] == RunEnded(reason="infrastructure")
    assert sum(n.state is NodeState.ABANDONED for n in run.tree.nodes.values()) >= 5
    assert run.tree.finished_visits(0) == 0

    repaired = make_run(tmp_path / "other")
    assert repaired.execute() is not None


def test_a_hopeless_node_is_raced(tmp_path: Path) -> None:
    def getting_worse(context: Context) -> Proposal:
        error = 0.1 if context.operator is Operator.DRAFT else 5.0
        return Proposal(plan="p", code=script(error, tag=str(context.seed)))

    run = make_run(tmp_path / "run", engineer=ScriptedEngineer(getting_worse), budget__nodes=10)
    run.execute()
    raced = [n for n in run.tree.nodes.values() if n.state is NodeState.RACED]
    assert raced
    assert all(len(n.folds) < 3 and n.value is not None and n.value > 1 for n in raced)
    assert run.tree.best not in {n.id for n in raced}


def test_stopping_keeps_everything_and_aborting_can_be_resumed(tmp_path: Path) -> None:
    def stop(record: Record, tree: Tree) -> None:
        if isinstance(record.event, NodeFinished) and record.event.node == 6:
            run.stop()

    run = make_run(tmp_path / "stopped", observer=stop)
    assert run.execute() is not None
    assert events_of(tmp_path / "stopped")[-1] == RunEnded(reason="stopped")

    def abort(record: Record, tree: Tree) -> None:
        if isinstance(record.event, NodeFinished) and record.event.node == 6:
            run.abort()

    run = make_run(tmp_path / "aborted", observer=abort)
    assert run.execute() is None
    resumed = make_run(tmp_path / "aborted")
    assert resumed.execute() is not None
    assert resumed.tree.count_nodes() == 20


def test_a_judge_opened_before_is_said_to_be_reused(tmp_path: Path) -> None:
    def stop(record: Record, tree: Tree) -> None:
        if isinstance(record.event, NodeFinished) and record.event.node == 6:
            run.stop()

    run = make_run(tmp_path / "run", observer=stop)
    first = run.execute()
    assert first is not None
    assert not first.note
    second = make_run(tmp_path / "run").execute()
    assert second is not None
    assert "judge reused" in second.note


def test_nothing_but_guide_is_in_the_journal_before_the_judge_is_opened(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", budget__nodes=5)
    run.execute()
    kinds = [type(e).__name__ for e in events_of(tmp_path / "run")]
    assert kinds[kinds.index("JudgeOpened") :] == [
        "JudgeOpened",
        "Rescored",
        "Selected",
        "SubmissionWritten",
        "RunEnded",
    ]
    assert SmokePassed.__name__ not in kinds


def test_a_full_disk_under_a_node_is_ours_and_ends_the_run_resumable(tmp_path: Path) -> None:
    engineer = ScriptedEngineer(lambda c: Proposal(plan="p", code=script(0.5, tag=str(c.seed))))
    run = make_run(tmp_path / "run", engineer=engineer, budget__nodes=4)
    for node in range(1, 30):  # a folder where the predictions are to be written: nothing can be
        (run.store.node_directory(node) / ".fold-0.tmp.npz").mkdir()
    assert run.execute() is None
    assert events_of(tmp_path / "run")[-1] == RunEnded(reason="infrastructure")
    for node in range(1, 30):
        (run.store.node_directory(node) / ".fold-0.tmp.npz").rmdir()
    assert make_run(tmp_path / "run", engineer=engineer).execute() is not None


def test_a_run_from_before_schemes_is_not_gone_on_with(tmp_path: Path) -> None:
    """Its folds hid other rows, so new scores would not compare with the old ones."""
    out = tmp_path / "run"
    RunDirectory.reserve(out)
    task = write_task(tmp_path / "data")
    settings = make_settings()
    store = RunDirectory.create(out, settings.dump(), task, Profile(train_rows=90, test_rows=20, columns=()))
    begun = RunStarted(
        version="0.1.0",
        task="toy",
        metric="rmse",
        direction=Direction.MINIMIZE,
        engineer="offline",
        policy="mcts",
        sandbox="process",
        folds=3,
        seed=0,
    )
    store.append([begun], 0.0)
    with pytest.raises(RunDirectoryError, match=r"begun by ML-Master 0\.1\.0, which hid other rows"):
        assemble(store, settings)
    store.close()
