"""One evaluation at a time, with real scripts in the real sandbox."""

from pathlib import Path

import pytest

from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import Profile
from mlmaster.engine.pools import InlinePool
from mlmaster.engine.run import Run
from mlmaster.ports import Sandbox
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.sandboxes import open_sandbox
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import ROWS, TEST_ROWS, make_settings, write_task
from mlmaster.wiring import assemble

HONEST = """
import csv
rows = list(csv.DictReader(open("input/test.csv", newline="")))
with open("submission.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["id", "y"])
    out.writerows([row["id"], float(row["x"]) + OFFSET] for row in rows)
"""

FORGERY = """
import os
for name in ("input", "input/train.csv", "input/test.csv"):
    os.chmod(name, 0o777)
with open("input/test.csv", "a") as file:
    file.write("9999,1.0\\n")
"""


PICKY = """
import csv
if len(list(csv.reader(open("input/train.csv", newline="")))) < LEAST:
    raise ValueError("too few rows")
"""


def test_a_smoke_error_counts_only_when_it_repeats_at_twice_the_size(tmp_path: Path) -> None:
    def answer(context: Context) -> Proposal:
        least = 1500 if not context.siblings else 2500
        return Proposal(plan="p", code=f"OFFSET = 0.5\nLEAST = {least}\n" + PICKY + HONEST)

    run = make_run(tmp_path / "run", open_sandbox(tmp_path / "work"), ScriptedEngineer(answer), nodes=2, rows=6000)
    run.execute()
    assert run.tree[1].state is NodeState.SCORED
    assert (run.tree[2].state, run.tree[2].fault) == (NodeState.FAILED, Fault.ERROR)
    assert run.tree[2].folds == ()


def make_run(out: Path, sandbox: Sandbox, engineer: ScriptedEngineer, nodes: int, rows: int = ROWS) -> Run:
    settings = make_settings(budget__nodes=nodes)
    RunDirectory.reserve(out)
    task = write_task(out.parent / "data", rows)
    profile = Profile(train_rows=rows, test_rows=TEST_ROWS, columns=())
    store = RunDirectory.create(out, settings.dump(), task, profile)
    return assemble(store, settings, engineer=engineer, sandbox=sandbox, pool=InlinePool(), clock=FakeClock())


@pytest.mark.parametrize("copied_files", [0, 500])
def test_a_forged_view_harms_nobody_else(tmp_path: Path, copied_files: int) -> None:
    """A view shown as a copy or as a link: whoever changes it, the others are scored on the true one."""

    def answer(context: Context) -> Proposal:
        is_forger = context.operator is Operator.DRAFT and len(context.siblings) == 1
        code = f"OFFSET = {context.seed % 97 / 97}\n" + HONEST + (FORGERY if is_forger else "")
        return Proposal(plan="p", code=code)

    sandbox = open_sandbox(tmp_path / "work", "none", copy_up_to_files=copied_files)
    run = make_run(tmp_path / "run", sandbox, ScriptedEngineer(answer), nodes=6)
    assert run.execute() is not None
    forger = run.tree[2]
    if copied_files:
        assert forger.state is NodeState.SCORED
    else:
        assert (forger.state, forger.fault) == (NodeState.FAILED, Fault.POLICY)
    others = [node for node in run.tree.nodes.values() if node.id != 2]
    assert all(node.state in (NodeState.SCORED, NodeState.RACED) for node in others)
    for node in others:
        code = (tmp_path / "run" / "nodes" / str(node.id) / "solution.py").read_text()
        offset = float(code.splitlines()[0].removeprefix("OFFSET = "))
        if node.state is NodeState.SCORED:
            assert node.value == pytest.approx(offset)


def test_scripts_and_evaluations_leave_nothing_behind(tmp_path: Path) -> None:
    def answer(context: Context) -> Proposal:
        return Proposal(plan="p", code=f"OFFSET = {context.seed}\n" + HONEST)

    run = make_run(tmp_path / "run", open_sandbox(tmp_path / "work"), ScriptedEngineer(answer), nodes=3)
    run.execute()
    assert list((tmp_path / "work").iterdir()) == []
