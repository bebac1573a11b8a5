"""A real `mlmaster run` is killed, or interrupted, while its model is asked; `mlmaster resume` pays for nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event as Flag

import pytest
from tests.faults.storms import lost

from mlmaster.core.calls import Call
from mlmaster.core.chat import ToolCall
from mlmaster.core.events import Event, NodeFinished, Proposed, Record, Refused, RunEnded
from mlmaster.core.usage import Usage
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import Fault, LLMServer, Received, Said

NODES = 3
ENDS_WITHIN_S = 180
"""Much less than `llm.first_token_s`, which a call that hangs would take."""
QUICK = ("engine.folds=2", "engine.fold_repeats=1", "engine.slots=1", "engine.threads=1", "engine.proposal_workers=1")
"""One call at a time, so that calls come in an order that is known."""


class Careful:
    """A model that looks at the data, tries its script out, and hands it in: three replies for each solution."""

    TURNS = 3

    def __init__(self) -> None:
        self._coder = CompetentCoder(shapes=False)

    def __call__(self, received: Received) -> Said:
        said = [place for place, heard in enumerate(received.messages) if heard.author == "assistant"]
        if not said:
            return _use("look_at_data", code="import pandas as pd\nprint(pd.read_csv('./input/train.csv').shape)")
        if len(said) == 1:
            [submitted] = self._coder(replace(received, messages=received.messages[: said[0]])).calls
            given = json.loads(submitted.arguments)
            return _use("run_on_smoke", **{name: given[name] for name in ("code", "edits") if name in given})
        return _use("submit", name="as_tried", plan="What was tried out, as it is.")


def _use(tool: str, **arguments: object) -> Said:
    return Said(calls=(ToolCall("", tool, json.dumps(arguments)),))


class Provider:
    """The pretended provider, with a fault at one request, which it tells of.

    Attributes:
        met: Set when that request is there.
    """

    def __init__(self, at: int = 0, fault: Fault = "hang") -> None:
        self.met = Flag()
        self._at, self._fault = at, fault
        self.server = LLMServer(Careful(), faults=self._meet)

    def fail_after(self, requests: int) -> None:
        """Fail at a request once more, so many after those there were."""
        self.met.clear()
        self._at = self.server.received[-1].number + requests

    def _meet(self, number: int) -> Fault | None:
        if number != self._at:
            return None
        self.met.set()
        return self._fault

    @property
    def answered(self) -> Counter[tuple[str, int]]:
        """Return how often each turn of each session was answered."""
        return Counter(_turn(received) for received in self.server.received if not received.fault)

    @property
    def served(self) -> int:
        """Return the tokens that it charges, those of half an answer as for the whole."""
        return sum(counted.input + counted.output for counted in self.server.counted.values())

    @property
    def served_whole(self) -> int:
        """Return the tokens that it charges for whole answers."""
        whole = [self.server.counted[received.number] for received in self.server.received if not received.fault]
        return sum(counted.input + counted.output for counted in whole)


def _turn(received: Received) -> tuple[str, int]:
    said = [place for place, heard in enumerate(received.messages) if heard.author == "assistant"]
    prompt = received.messages[: said[0]] if said else received.messages
    return "\n".join(heard.text for heard in prompt), len(said)


@contextmanager
def mlmaster(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command line in a process of its own."""
    environ = {**os.environ, "OPENAI_API_KEY": "any", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from mlmaster.cli.app import main; main()", *words, "--plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def words_of_run(out: Path, server: LLMServer, *more: str, nodes: int = NODES, **changes: object) -> list[str]:
    settings = {"llm.protocol": "chat", "session.baseline": "false", **changes}
    assignments = [*QUICK, *(f"{name}={value}" for name, value in settings.items())]
    flags = [word for each in assignments for word in ("--set", each)]
    model = ("--model", "openai:gpt-4o", "--base-url", server.openai_url)
    return ["run", "wine", "--out", str(out), "--nodes", str(nodes), "--time", "20m", *model, *flags, *more]


def kill_when(process: subprocess.Popen[str], met: Flag) -> None:
    """Kill a process with all it has started, once its provider has seen a request."""
    while not met.wait(0.05):
        assert process.poll() is None, process.communicate()[0]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def finish(*words: str) -> str:
    """Run a command to its end, and return what it printed."""
    with mlmaster(*words) as process:
        printed, _ = process.communicate(timeout=ENDS_WITHIN_S)
        assert process.returncode == 0, printed
        return printed


def read(out: Path) -> tuple[Sequence[Record], Sequence[Call]]:
    store = RunDirectory.open_for_reading(out)
    try:
        return store.read(), store.calls().read()
    finally:
        store.close()


def events_of(records: Sequence[Record]) -> list[Event]:
    return [record.event for record in records]


def ended(records: Sequence[Record]) -> RunEnded:
    event = records[-1].event
    assert isinstance(event, RunEnded), event
    return event


def used(calls: Sequence[Call]) -> Usage:
    """Return what calls used, by their records; open ones what was reserved."""
    return sum((c.asked.reserved if c.answered is None else c.answered.usage for c in calls), Usage())


FIRST, SECOND, THIRD = (Careful.TURNS + turn for turn in (1, 2, 3))
"""Requests of the second session; the first is over."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "fault"),
    [
        pytest.param(FIRST, "hang", id="before the first word of a session"),
        pytest.param(SECOND, "hang", id="before the first part"),
        pytest.param(SECOND, "stall", id="half a stream"),
        pytest.param(THIRD, "hang", id="after a trial"),
    ],
)
def test_a_killed_call_counts_once_and_answered_ones_are_recalled(tmp_path: Path, at: int, fault: Fault) -> None:
    provider, out = Provider(at, fault), tmp_path / "run"
    with provider.server as server:
        with mlmaster(*words_of_run(out, server)) as process:
            kill_when(process, provider.met)
        before, _ = read(out)
        asked = len(server.received)
        finish("resume", str(out))

        assert set(provider.answered.values()) == {1}, "no answer was given, and paid for, twice"
        assert len(provider.answered) == NODES * Careful.TURNS
        assert asked + len(server.received[asked:]) == NODES * Careful.TURNS + 1

    records, calls = read(out)
    assert [record.event for record in records[: len(before)]] == events_of(before)
    assert all(a.elapsed_s <= b.elapsed_s for a, b in pairwise(records)), "time went back"
    assert lost(events_of(records)) == set()
    assert ended(records).reason == "nodes"
    assert sum(isinstance(event, NodeFinished) for event in events_of(records)) == NODES
    assert (out / "best" / "submission.csv").exists()

    [open_] = [call for call in calls if call.answered is None]
    assert open_.asked.reserved.tokens > 0
    assert ended(records).usage.tokens == used(calls).tokens == provider.served_whole + open_.asked.reserved.tokens
    assert ended(records).usage.cost_usd == pytest.approx(used(calls).cost_usd)
    assert ended(records).wasted_tokens == open_.asked.reserved.tokens


@pytest.mark.slow
def test_a_reply_that_the_journal_never_knew_of_is_recalled(tmp_path: Path) -> None:
    """Killed while what was answered is tried out: the last reply is in the book of calls, its script in no event."""
    provider, out = Provider(), tmp_path / "run"
    number = Careful.TURNS + 2
    with provider.server as server:
        with mlmaster(*words_of_run(out, server)) as process:
            while not _is_answered(out, number):
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.005)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        before, calls = read(out)
        assert sum(isinstance(event, Proposed | Refused) for event in events_of(before)) == 1
        finish("resume", str(out))
        assert {turn: many for turn, many in provider.answered.items() if many > 1} == {}
        assert len(provider.answered) == NODES * Careful.TURNS
    records, calls = read(out)
    assert lost(events_of(records)) == set()
    assert ended(records).usage.tokens == used(calls).tokens


def _is_answered(out: Path, number: int) -> bool:
    if not (out / "journal.db").exists():
        return False
    store = RunDirectory.open_for_reading(out)
    try:
        return sum(call.answered is not None for call in store.calls().read()) >= number
    finally:
        store.close()


@pytest.mark.slow
@pytest.mark.parametrize("budget", ["tokens", "cost"])
def test_budgets_hold_over_processes_that_were_killed(tmp_path: Path, budget: str) -> None:
    """Killed in the middle of a call twice; at the end more is allowed, and the run goes on."""
    limits: Mapping[str, tuple[float, float]] = {"tokens": (45_000, 75_000), "cost": (0.16, 0.26)}
    limit, more = limits[budget]
    provider, out = Provider(at=2), tmp_path / "run"
    changes = {"llm.max_output_tokens": 4_000, "session.baseline": "true"}
    with provider.server as server:
        words = words_of_run(out, server, f"--{budget}", f"{limit:g}", nodes=50, **changes)
        with mlmaster(*words) as process:
            kill_when(process, provider.met)
        assert _spent(provider, out, budget) <= limit
        provider.fail_after(3)
        with mlmaster("resume", str(out)) as process:
            kill_when(process, provider.met)
        assert _spent(provider, out, budget) <= limit
        printed = finish("resume", str(out))
        assert f"ended: {budget}" in printed
        assert _spent(provider, out, budget) <= limit
        assert (out / "best" / "submission.csv").exists()

        records, calls = read(out)
        assert sum(call.answered is None for call in calls) == 2
        assert used(calls).tokens == ended(records).usage.tokens
        requests = len(server.received)
        finish("resume", str(out))
        assert len(server.received) == requests, "nothing was asked again"
        assert read(out) == (records, calls), "nothing was done again"

        printed = finish("resume", str(out), f"--{budget}", f"{more:g}")
        assert len(server.received) > requests
        assert f"ended: {budget}" in printed
        assert limit < _spent(provider, out, budget) <= more
        assert lost(events_of(read(out)[0])) == set()


def _spent(provider: Provider, out: Path, budget: str) -> float:
    """Return the larger of what the provider says was spent, and what the run thinks."""
    total = used(read(out)[1])
    if budget == "tokens":
        return max(provider.served, total.tokens)
    charged = sum(
        2.5 * (each.input - each.cached) + 1.25 * each.cached + 10 * each.output
        for each in provider.server.counted.values()
    )
    return max(charged / 1e6, total.cost_usd)


@pytest.mark.slow
def test_ctrl_c_while_a_call_hangs_ends_with_what_there_is(tmp_path: Path) -> None:
    provider, out = Provider(at=FIRST), tmp_path / "run"
    with provider.server as server, mlmaster(*words_of_run(out, server)) as process:
        assert provider.met.wait(ENDS_WITHIN_S)
        _wait_for(out, NodeFinished, process)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=ENDS_WITHIN_S)
        assert process.returncode == 0, printed
        assert "ended: stopped" in printed
    records, calls = read(out)
    assert ended(records).reason == "stopped"
    assert (out / "best" / "submission.csv").exists()
    [hung] = [call.answered for call in calls if call.answered is not None and call.answered.outcome == "failed"]
    assert hung.detail.startswith("cancelled")
    assert ended(records).wasted_tokens == hung.usage.tokens > 0, "its provider may charge for what it has read"
    assert all(call.answered is not None for call in calls)


@pytest.mark.slow
def test_ctrl_c_twice_stops_at_once_and_resume_goes_on(tmp_path: Path) -> None:
    provider, out = Provider(at=SECOND, fault="stall"), tmp_path / "run"
    with provider.server as server:
        with mlmaster(*words_of_run(out, server)) as process:
            assert provider.met.wait(ENDS_WITHIN_S)
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            assert any("Ctrl-C again" in line for line in process.stdout)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=ENDS_WITHIN_S)
            assert process.returncode == 130, printed
            assert "mlmaster resume" in printed
        assert "Traceback" not in printed
        assert not any(isinstance(event, RunEnded | Refused) for event in events_of(read(out)[0]))
        finish("resume", str(out))
        assert set(provider.answered.values()) == {1}
    records, calls = read(out)
    assert ended(records).reason == "nodes"
    assert lost(events_of(records)) == set()
    assert ended(records).usage.tokens == used(calls).tokens


def _wait_for(out: Path, kind: type[Event], process: subprocess.Popen[str]) -> None:
    while not any(isinstance(record.event, kind) for record in read(out)[0]):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
