"""A run in front of a person: plain lines, one JSON object, the live view, Ctrl-C. The run is a double."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from tests.cli.folders import fill

from mlmaster.cli.conduct import Manner, conduct
from mlmaster.cli.drive import Interruptions, Observer, PlainScreen, carry_out
from mlmaster.cli.lines import event_line
from mlmaster.cli.live import RECENT, LiveScreen
from mlmaster.core.budget import Budget
from mlmaster.core.events import NodeFinished, Record, Remarked, RunResumed, RunStarted
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState
from mlmaster.core.tree import Tree
from mlmaster.engine.run import Running
from mlmaster.testing.recorded import LIMITS, TASK, recorded_run, unfinished_run


class FakeRun:
    """A run that happened before: executing it tells its records again."""

    def __init__(self, directory: Path, records: Sequence[Record]) -> None:
        self.task, self.tree, self.directory = TASK, Tree(), directory
        self.observers: list[Observer] = []
        self._records = records
        self.heard: list[str] = []
        self.has_heard = threading.Event()
        self.sends_interrupts = 0

    def budget(self) -> Budget:
        return Budget(limits=LIMITS, elapsed_s=30.0, nodes=self.tree.count_nodes())

    def running(self) -> Sequence[Running]:
        return [Running(node, "fold 1", 3.0) for node in self.tree.in_flight]

    def execute(self) -> None:
        store = fill(self.directory, self._records)
        store.close()
        for record in self._records:
            self.tree.apply(record.event)
            for observer in self.observers:
                observer(record, self.tree)
        for _ in range(self.sends_interrupts):
            self.has_heard.clear()
            os.kill(os.getpid(), signal.SIGINT)
            assert self.has_heard.wait(30)

    def stop(self) -> None:
        self.heard.append("stop")
        self.has_heard.set()

    def abort(self) -> None:
        self.heard.append("abort")
        self.has_heard.set()


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return FakeRun(tmp_path / "run", recorded_run())


def test_plain_output_is_one_line_an_event(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    conduct(run, Manner(is_plain=True))
    lines = capsys.readouterr().out.splitlines()
    events = [line for line in lines if line.startswith("[")]
    assert (
        events[0] == "[    2.0 s] tumours: roc_auc (maximize), 2 folds, offline engineer, mcts policy, "
        "sandbox (namespaces, warm, cgroup v1), seed 7"
    )
    assert "[   14.0 s] #1 draft lightgbm: guide score 0.81, best so far in 6.5 s" in events
    assert "[   22.0 s] #2 draft extra_trees: failed: timeout (30 s of wall time were spent | stopped)" in events
    assert any("#5 improve more_seeds: guide score 0.71 raced after 1 fold in 1.0 s" in line for line in events)
    assert any("#6 improve: nothing to run, exhausted: no edit is left" in line for line in events)
    assert events[-1].endswith("ended: time")
    assert lines[-1] == f"report       {run.directory / 'report.md'}"
    assert (run.directory / "report.md").exists()


def test_json_output_is_one_object_on_stdout(run: FakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    conduct(run, Manner(as_json=True))
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["run"] == str(run.directory)
    assert found["report"] == str(run.directory / "report.md")
    assert found["summary"]["guide_best"] == {"node": 3, "edit": "target_encoding", "guide": 0.85}
    assert "#1 draft lightgbm" in captured.err


def test_a_run_that_was_cut_off_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        conduct(FakeRun(tmp_path / "my run", unfinished_run()), Manner(is_plain=True))
    assert caught.value.exit_code == 130
    assert f"mlmaster resume '{tmp_path / 'my run'}'" in capsys.readouterr().err


def test_a_run_without_any_result_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start, end = recorded_run()[0], recorded_run()[-1]
    records = [start, Record(seq=2, at=start.at, elapsed_s=3.0, event=end.event)]
    with pytest.raises(typer.Exit) as caught:
        conduct(FakeRun(tmp_path / "run", records), Manner(is_plain=True))
    assert caught.value.exit_code == 1
    captured = capsys.readouterr()
    assert "no solution has been scored" in captured.out
    assert "no solution ran through" in captured.err


def test_ctrl_c_stops_then_aborts(run: FakeRun) -> None:
    run.sends_interrupts = 2
    stream = StringIO()
    before = signal.getsignal(signal.SIGINT)
    carry_out(run, PlainScreen(stream))
    assert run.heard == ["stop", "abort"]
    assert signal.getsignal(signal.SIGINT) is before


def test_what_ctrl_c_says(run: FakeRun) -> None:
    stream = StringIO()
    interruptions = Interruptions(run, PlainScreen(stream))
    for _ in range(2):
        interruptions()
    for thread in threading.enumerate():
        if thread.name.startswith("interruption"):
            thread.join()
    assert "finishing the selection; Ctrl-C again to stop at once" in stream.getvalue()
    assert f"mlmaster resume {run.directory}" in stream.getvalue()
    with pytest.raises(KeyboardInterrupt):
        interruptions()


def drawn(screen: LiveScreen, height: int = 40) -> str:
    console = Console(file=StringIO(), width=110, height=height)
    console.print(screen.draw())
    output = console.file
    assert isinstance(output, StringIO)
    return output.getvalue()


def test_live_view_shows_best_budget_slots_and_tree(run: FakeRun) -> None:
    console = Console(file=StringIO(), width=110, height=40)
    screen = LiveScreen(run, console)
    assert "no scored solution yet" in drawn(screen)
    for record in unfinished_run():
        run.tree.apply(record.event)
        screen.observe(record, run.tree)
    screen.say("a word in between")
    picture = drawn(screen)
    for words in (
        "tumours  (roc_auc, maximize)",
        "best guide score",
        "0.85",
        "30.0 s spent, 1 m 30 s left",
        "6 nodes of 8",
        "#7 merge stack: fold 1  3.0 s",
        "└─ #3 improve target_encoding  0.85 ★",
        "failed: timeout",
        "a word in between",
    ):
        assert words in picture


def test_live_view_keeps_the_best_and_the_running_where_room_is_short(run: FakeRun) -> None:
    console = Console(file=StringIO(), width=110, height=5)
    screen = LiveScreen(run, console)
    for record in unfinished_run():
        run.tree.apply(record.event)
        screen.observe(record, run.tree)
    picture = drawn(screen)
    assert "#3 improve target_encoding  0.85 ★" in picture
    assert "#7 merge stack  running" in picture
    assert "… and 3 more" in picture


def test_live_view_of_a_whole_run(run: FakeRun) -> None:
    console = Console(file=StringIO(), width=110, height=40, force_terminal=True)
    carry_out(run, LiveScreen(run, console))
    assert isinstance(console.file, StringIO)
    assert "target_encoding" in console.file.getvalue()


def test_text_of_a_task_is_no_markup(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", recorded_run())
    run.task = TASK.model_copy(update={"name": "[red]x[/red] [/nope]"})
    console = Console(file=StringIO(), width=110, height=40)
    assert "[red]x[/red] [/nope]" in drawn(LiveScreen(run, console))


def begun(event: RunStarted | RunResumed) -> tuple[Record, Tree]:
    return Record(seq=1, at=0.0, elapsed_s=0.0, event=event), Tree()


def test_scripts_without_walls_are_told_for_as_long_as_they_run(run: FakeRun) -> None:
    start = recorded_run()[0].event
    assert isinstance(start, RunStarted)
    bare = "none, warm, cgroup v1"
    for event in (start.model_copy(update={"sandbox": bare}), RunResumed(version="0.1.0", sandbox=bare)):
        screen = LiveScreen(run, Console(file=StringIO(), width=150))
        assert "WARNING" not in drawn(screen)
        screen.observe(*begun(event))
        for _ in range(RECENT):
            screen.say("something else")
        assert "without walls (none, warm, cgroup v1; WARNING" in " ".join(drawn(screen).split())
    assert "resumed with 0 nodes, sandbox without walls" in str(event_line(*begun(event)))


def test_why_a_node_was_abandoned_is_said_once() -> None:
    tree = Tree()
    for record in recorded_run()[:3]:
        tree.apply(record.event)
    why = "the script could not be started: no space"
    last = NodeFinished(
        node=1, state=NodeState.ABANDONED, fault=Fault.INFRASTRUCTURE, detail=why, reward=0.0, wall_s=0.0
    )
    tree.apply(last)
    line = event_line(Record(seq=4, at=0.0, elapsed_s=0.0, event=last), tree)
    assert str(line).endswith(f"#1 draft lightgbm: abandoned: {why}")


def test_a_line_obeys_nothing_that_a_provider_says() -> None:
    said = Remarked(text="away (\x1b]0;owned\x07\x1b[2J\nnow)")
    line = event_line(Record(seq=1, at=0.0, elapsed_s=0.0, event=said), Tree())
    assert str(line).endswith("note: away (\u241b]0;owned\u2407\u241b[2J now)")
