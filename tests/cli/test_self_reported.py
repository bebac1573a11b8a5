"""Every screen of a run that takes scripts at their word says so, and none shows an estimate."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mlmaster.cli.app import app
from mlmaster.cli.closing import closing_lines
from mlmaster.cli.lines import event_line
from mlmaster.cli.live import LiveScreen
from mlmaster.core.proposal import Proposal
from mlmaster.core.tree import Tree
from mlmaster.engine.pools import InlinePool
from mlmaster.engine.run import Run
from mlmaster.report.markdown import render
from mlmaster.report.node import describe
from mlmaster.report.summary import summarise
from mlmaster.store.run_directory import RunDirectory
from mlmaster.tasks.self_reported import profile_without_train
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.fake_sandbox import FakeSandbox, Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_settings, write_task
from mlmaster.wiring import assemble


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of two nodes whose scripts say 0.5 and then 0.25 of themselves."""
    out = tmp_path / "run"
    task = write_task(tmp_path / "data").model_copy(update={"is_self_reported": True})
    RunDirectory.reserve(out)
    settings = make_settings(budget__nodes=2)
    store = RunDirectory.create(out, settings.dump(), task, profile_without_train(task))

    def behave(code: str, view: Path) -> Outcome:
        answer = (view / "sample_submission.csv").read_text()
        return Outcome(files={"submission.csv": answer, "metrics.json": json.dumps({"value": float(code.split()[-1])})})

    codes = ['F = "submission.csv"; V = 0.5', 'F = "submission.csv"; V = 0.25']
    engineer = ScriptedEngineer(lambda _: Proposal(plan="p", code=codes.pop(0)))
    sandbox = FakeSandbox(out / "work", behave)
    return assemble(store, settings, engineer=engineer, sandbox=sandbox, pool=InlinePool(), clock=FakeClock())


def test_every_line_and_screen_says_so(run: Run) -> None:
    screen = LiveScreen(run, Console(width=200))
    lines: list[str | None] = []
    run.observers += [screen.observe, lambda record, tree: lines.append(event_line(record, tree))]
    assert run.execute() is not None
    told = "\n".join(line for line in lines if line)
    assert "self-reported: scripts see everything and score themselves" in told
    assert "self-reported score 0.25, best so far" in told
    assert "self-reported score 0.25; no honest estimate" in told
    console = Console(width=200, record=True, file=StringIO())
    console.print(screen.draw())
    assert "best self-reported score" in console.export_text()
    for text in (told, console.export_text()):
        assert "guide" not in text
        assert "judge" not in text


def test_closing_words_report_and_status_say_so(run: Run) -> None:
    run.execute()
    store = RunDirectory.open_for_reading(run.directory)
    records, task = store.read(), store.task()
    store.close()
    summary = summarise(records)
    closing = "\n".join(closing_lines(summary, run.directory))
    assert "self-reported: the script's own word" in closing
    assert "no honest estimate can be had" in closing
    report = render(records, task)
    assert "self-reported as rmse" in report
    assert "There is no honest estimate" in report
    node = describe(Tree(record.event for record in records), 1)
    assert "(self-reported score)" in node
    status = CliRunner().invoke(app, ["status", str(run.directory)])
    assert "self-reported by the scripts" in status.stdout
    for text in (closing, report, node, status.stdout):
        assert "guide score" not in text
        assert "judge score" not in text
        assert "90 %" not in text


def test_json_says_so(run: Run) -> None:
    run.execute()
    found = json.loads(CliRunner().invoke(app, ["status", str(run.directory), "--json"]).stdout)["summary"]
    assert found["is_self_reported"] is True
    assert (found["estimate"]["expected"], found["estimate"]["judge"]) == (None, None)
