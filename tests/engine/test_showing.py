"""What a real script prints and notes, and what of it the engineer is shown next."""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.node import NodeState, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import Profile
from mlmaster.engine.pools import InlinePool
from mlmaster.engine.run import Run
from mlmaster.report.write import write_report
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.sandboxes import open_sandbox
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import ROWS, TEST_ROWS, make_settings, write_task
from mlmaster.wiring import assemble

SOLVE = """
import csv, json
train = list(csv.DictReader(open("input/train.csv", newline="")))
rows = list(csv.DictReader(open("input/test.csv", newline="")))
with open("submission.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["id", "y"])
    out.writerows([row["id"], float(row["x"]) + OFFSET] for row in rows)
"""
TALK = 'print("fitted 60 rows")\nprint([float(row["y"]) for row in train])\n'
FAIL = 'raise ValueError("row " + str([row["y"] for row in train]))\n'
NOTE = 'json.dump({"rounds": 113, "labels": [float(row["y"]) for row in train][:40]}, open("notes.json", "w"))\n'


def play(out: Path, codes: list[str], nodes: int | None = None) -> tuple[Run, list[Context]]:
    contexts: list[Context] = []

    def answer(context: Context) -> Proposal:
        contexts.append(context)
        return Proposal(plan="p", code=codes[len(contexts) - 1])

    RunDirectory.reserve(out)
    settings = make_settings(
        engine__slots=1, budget__nodes=nodes or len(codes), search__policy="greedy", search__drafts=1
    )
    task = write_task(out.parent / "data")
    store = RunDirectory.create(out, settings.dump(), task, Profile(train_rows=ROWS, test_rows=TEST_ROWS, columns=()))
    sandbox = open_sandbox(out.parent / "work")
    run = assemble(
        store, settings, engineer=ScriptedEngineer(answer), sandbox=sandbox, pool=InlinePool(), clock=FakeClock()
    )
    run.execute()
    return run, contexts


def test_a_debugger_sees_the_log_without_labels_and_the_user_sees_all(tmp_path: Path) -> None:
    codes = ["OFFSET = 0.1\n" + SOLVE + TALK + FAIL, "OFFSET = 0.2\n" + SOLVE]
    run, contexts = play(tmp_path / "run", codes)
    node = run.tree[1]
    assert (node.state, node.detail) == (NodeState.FAILED, "ValueError: […]")
    assert contexts[1].operator is Operator.DEBUG
    shown = contexts[1].parent_log
    assert shown.startswith("fitted 60 rows\n[1 lines with training rows left out]\nTraceback")
    assert shown.endswith("ValueError: […]\n")
    label = (tmp_path / "data" / "train.csv").read_text().splitlines()[7].split(",")[-1]
    assert label not in shown
    log = (tmp_path / "run" / "nodes" / "1" / "fold-0.log").read_text()
    assert log.count(label) == 2 or label not in log  # this row may be hidden in fold 0
    assert len(log) > 1000


def test_notes_reach_the_next_proposal_and_the_report(tmp_path: Path) -> None:
    codes = ["OFFSET = 0.1\n" + SOLVE + NOTE, "OFFSET = 0.2\n" + SOLVE]
    run, contexts = play(tmp_path / "run", codes)
    assert contexts[1].parent is not None
    assert contexts[1].parent_notes == {"rounds": 113}
    log = (tmp_path / "run" / "nodes" / "1" / "fold-2.log").read_text()
    assert log == "[notes.json: 1 entries with training rows were left out]\n"
    store = RunDirectory.open_for_reading(run.directory)
    report = write_report(store).read_text()
    store.close()
    assert "## Notes of the best script" in report
    assert "| rounds | 113 |" in report


def test_a_script_that_carries_rows_is_refused_and_the_engineer_told_the_rule(tmp_path: Path) -> None:
    write_task(tmp_path / "same")
    rows = (tmp_path / "same" / "train.csv").read_text().splitlines()[1:]
    known = {row.split(",")[1]: row.split(",")[2] for row in rows}
    carrier = f"OFFSET = 0.0\nKNOWN = {known!r}\n" + SOLVE
    run, contexts = play(tmp_path / "run", [carrier, "OFFSET = 0.1\n" + SOLVE], nodes=1)
    assert run.tree[1].state is NodeState.SCORED
    assert len(contexts) == 2
    (refusal,) = contexts[1].refusals
    assert refusal.startswith("policy: ")
    assert "numbers are cells of the train table" in refusal
    assert not any(number in refusal for number in known)
