"""Runs that take scripts at their word: whole, marked, never mixed with runs scored by the harness."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmaster.core.events import FoldScored, JudgeOpened, RunStarted, Selected
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.proposal import Context, Proposal, Trial
from mlmaster.core.task import Profile, Task
from mlmaster.engine.pools import InlinePool
from mlmaster.engine.run import Run
from mlmaster.engine.self_reported import read_report
from mlmaster.engineers.offline import OfflineEngineer
from mlmaster.errors import DataError, RunDirectoryError, SubmissionError
from mlmaster.metrics.registry import Registry
from mlmaster.ports import Desk, Engineer
from mlmaster.store.run_directory import RunDirectory
from mlmaster.tasks.load import load
from mlmaster.tasks.loaded import Overrides
from mlmaster.tasks.self_reported import profile_without_train
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.sandboxes import open_sandbox
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_settings, write_task
from mlmaster.wiring import assemble, predict

SCRIPT = """
import csv, json
VALUE = {value}
rows = list(csv.DictReader(open("input/sample_submission.csv", newline="")))
with open("submission.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["id", "y"])
    out.writerows([row["id"], {answer}] for row in rows)
{report}
"""
REPORT = 'json.dump({"value": VALUE}, open("metrics.json", "w"))'
FORGED = 'json.dump({"value": 0.0}, open("metrics.json", "w"))'
SAID = Overrides.model_validate({"evaluation": "self_reported", "metric": "map_iou", "direction": "maximize"})


def script(value: float, report: str = REPORT, answer: str = "VALUE") -> str:
    return SCRIPT.format(value=value, report=report, answer=answer)


def write_folder(folder: Path) -> Path:
    """Write a task without a train table: some files, a description and a sample submission."""
    (folder / "scans").mkdir(parents=True)
    (folder / "scans" / "a.bin").write_bytes(b"\1\2")
    (folder / "private").mkdir()
    (folder / "private" / "answers.csv").write_text("id,y\nr0,1\n")
    (folder / "description.md").write_text("Find the craters; scored by mean IoU.")
    (folder / "sample_submission.csv").write_text("id,y\nr0,0\nr1,0\nr2,0\n")
    return folder


def load_folder(folder: Path) -> Task:
    return load(folder, SAID, Registry(), folder.parent / "workspace").task


def make_run(out: Path, task: Task, engineer: Engineer, nodes: int = 3) -> Run:
    if (out / "journal.db").exists():
        store = RunDirectory.open_for_writing(out)
        settings = make_settings(budget__nodes=nodes)
    else:
        RunDirectory.reserve(out)
        settings = make_settings(budget__nodes=nodes)
        profile = profile_without_train(task) if not task.train else Profile(train_rows=90, test_rows=20, columns=())
        store = RunDirectory.create(out, settings.dump(), task, profile)
    sandbox = open_sandbox(out / "work")
    return assemble(store, settings, engineer=engineer, sandbox=sandbox, pool=InlinePool(), clock=FakeClock())


def scripted(*scripts: str) -> ScriptedEngineer:
    left = list(scripts)
    return ScriptedEngineer(lambda _: Proposal(plan="p", code=left.pop(0)))


def events_of(run: Run) -> list[object]:
    store = RunDirectory.open_for_reading(run.directory)
    try:
        return [record.event for record in store.read()]
    finally:
        store.close()


def test_a_task_without_a_train_table_is_taken_from_its_sample(tmp_path: Path) -> None:
    task = load_folder(write_folder(tmp_path / "data"))
    assert task.is_self_reported
    assert (task.train, task.test, task.id_column) == ("", "sample_submission.csv", "id")
    assert (task.metric, task.direction, task.prediction_columns) == ("map_iou", "maximize", ("y",))


def test_a_trial_wants_the_value_that_the_run_will_want(tmp_path: Path) -> None:
    tried: list[Trial] = []

    class Trying:
        name, operators = "trying", frozenset(Operator)

        def propose(self, context: Context, desk: Desk) -> Proposal:
            tried.extend(desk.smoke(script(0.5, report)) for report in ("", REPORT))
            return Proposal(plan="p", code=script(0.5))

    make_run(tmp_path / "run", load_folder(write_folder(tmp_path / "data")), Trying(), nodes=1).execute()
    assert [trial.fault for trial in tried] == [Fault.INVALID_SUBMISSION, None]
    assert "metrics.json is missing" in tried[0].detail


def test_a_whole_run_takes_the_best_word_and_says_whose_it_is(tmp_path: Path) -> None:
    task = load_folder(write_folder(tmp_path / "data"))
    run = make_run(tmp_path / "run", task, scripted(script(0.25), script(0.75), script(0.5)))
    selected = run.execute()
    assert selected is not None
    assert (selected.basis, selected.guide, selected.judge) == ("self_reported", 0.75, None)
    assert (selected.expected_low, selected.predicted_high, selected.members) == (None, None, ((2, 1.0),))
    assert "no honest estimate" in selected.note
    events = events_of(run)
    assert isinstance(events[0], RunStarted)
    assert events[0].is_self_reported
    assert [event.value for event in events if isinstance(event, FoldScored)] == [0.25, 0.75, 0.5]
    assert not any(isinstance(event, JudgeOpened) for event in events)
    best = tmp_path / "run" / "best"
    assert (best / "submission.csv").read_text() == "id,y\nr0,0.75\nr1,0.75\nr2,0.75\n"
    assert not (best / "predict.py").exists()
    with pytest.raises(DataError, match="self-reported"):
        predict(tmp_path / "run", best / "submission.csv")


def test_the_view_is_the_folder_as_it_stands_without_what_is_private(tmp_path: Path) -> None:
    listing = "import os\nprint(sorted(os.path.join(d, f) for d, _, fs in os.walk('input') for f in fs))"
    task = load_folder(write_folder(tmp_path / "data"))
    make_run(tmp_path / "run", task, scripted(script(0.5, listing + "\n" + REPORT)), nodes=1).execute()
    (log,) = (tmp_path / "run" / "nodes" / "1").glob("*.log")
    assert "['input/description.md', 'input/sample_submission.csv', 'input/scans/a.bin']" in log.read_text()


def test_the_answer_is_rebuilt_without_ml_master(tmp_path: Path) -> None:
    task = load_folder(write_folder(tmp_path / "data"))
    make_run(tmp_path / "run", task, scripted(script(0.5)), nodes=1).execute()
    best = tmp_path / "run" / "best"
    command = [sys.executable, "reproduce.py", "--out", str(tmp_path / "again.csv")]
    subprocess.run(command, cwd=best, check=True, capture_output=True)
    assert (tmp_path / "again.csv").read_text() == (best / "submission.csv").read_text()


@pytest.mark.parametrize(
    ("report", "detail"),
    [
        ("", "metrics.json is missing"),
        ("open('metrics.json', 'w').write('{')", "metrics.json is no JSON"),
        ("json.dump({'score': 1}, open('metrics.json', 'w'))", 'holds no number under "value"'),
        ("json.dump({'value': True}, open('metrics.json', 'w'))", 'holds no number under "value"'),
        ("json.dump({'value': float('nan')}, open('metrics.json', 'w'))", "not finite"),
        ("open('submission.csv', 'a').write('r9,1\\n')\n" + REPORT, "r9"),
    ],
)
def test_no_word_or_no_answer_is_a_fault(tmp_path: Path, report: str, detail: str) -> None:
    task = load_folder(write_folder(tmp_path / "data"))
    run = make_run(tmp_path / "run", task, scripted(script(0.5, report)), nodes=1)
    assert run.execute() is None
    node = run.tree[1]
    assert (node.state, node.fault) == (NodeState.FAILED, Fault.INVALID_SUBMISSION)
    assert detail in node.detail


def test_odd_files_in_the_place_of_the_report_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    (tmp_path / "real.json").write_text('{"value": 1}')
    path.symlink_to(tmp_path / "real.json")
    with pytest.raises(SubmissionError, match="cannot be read"):
        read_report(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SubmissionError, match="no regular file"):
        read_report(path)
    path.unlink()
    path.write_text('{"value": 1' + "0" * 70_000 + "}")
    with pytest.raises(SubmissionError, match="no regular file of at most"):
        read_report(path)
    path.write_text('{"value": 1' + "0" * 400 + "}")
    with pytest.raises(SubmissionError, match="not finite"):
        read_report(path)
    path.write_text("[" * 60_000)
    with pytest.raises(SubmissionError, match="no JSON"):
        read_report(path)


def test_the_offline_engineer_says_that_it_cannot(tmp_path: Path) -> None:
    task = load_folder(write_folder(tmp_path / "data"))
    run = make_run(tmp_path / "run", task, OfflineEngineer())
    assert run.execute() is None
    assert {node.state for node in run.tree.nodes.values()} == {NodeState.REFUSED}
    assert "hides none (self_reported)" in run.tree[1].detail


def test_a_resumed_run_stays_what_it_was(tmp_path: Path) -> None:
    task = load_folder(write_folder(tmp_path / "data"))
    make_run(tmp_path / "run", task, scripted(script(0.25)), nodes=1).execute()
    run = make_run(tmp_path / "run", task, scripted(script(0.75)), nodes=2)
    selected = run.execute()
    assert selected is not None
    assert (selected.basis, selected.members) == ("self_reported", ((2, 1.0),))
    path = tmp_path / "run" / "task.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "is_self_reported": False}))
    with pytest.raises(RunDirectoryError, match="began self-reported, but its task"):
        make_run(tmp_path / "run", task, scripted(script(0.9)), nodes=3)


def test_a_run_refuses_to_go_on_with_changed_files(tmp_path: Path) -> None:
    task = load_folder(write_folder(tmp_path / "data"))
    make_run(tmp_path / "run", task, scripted(script(0.25)), nodes=1).execute()
    (task.directory / "scans" / "b.bin").write_bytes(b"\3")
    with pytest.raises(DataError, match=r"b\.bin: has changed since the run began"):
        make_run(tmp_path / "run", task, scripted(script(0.75)), nodes=2)


def test_a_task_with_tables_can_be_self_reported_too(tmp_path: Path) -> None:
    task = write_task(tmp_path / "data").model_copy(update={"is_self_reported": True})
    run = make_run(tmp_path / "run", task, scripted(script(0.5), script(0.25)), nodes=2)
    selected = run.execute()
    assert selected is not None
    assert (selected.guide, selected.members) == (0.25, ((2, 1.0),))


def test_a_forged_report_is_ignored_where_the_harness_scores(tmp_path: Path) -> None:
    def answer(context: Context) -> Proposal:
        return Proposal(plan="p", code=script(0.5 + len(context.siblings), FORGED))

    run = make_run(tmp_path / "run", write_task(tmp_path / "data"), ScriptedEngineer(answer), nodes=1)
    selected = run.execute()
    assert isinstance(selected, Selected)
    assert selected.basis != "self_reported"
    assert selected.guide is not None
    assert selected.guide > 1
