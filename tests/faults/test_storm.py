"""A fault storm: one call in three meets a fault of any kind that passes, and in the middle the provider is away for minutes.

The engine, its pools, the engineer, the models and the protocols are the real ones; time runs faster, and scripts are played.
"""

from __future__ import annotations

import csv
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Timer
from typing import Literal, get_args

import pytest
from tests.faults.storms import HASTE, PROTOCOLS, behave, brave, events_of, is_fold, lost, reach, scored_between

from mlmaster.core.events import Record, Remarked, RunEnded
from mlmaster.core.tree import Tree
from mlmaster.core.usage import Usage
from mlmaster.report.write import write_report
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.llm_server import Fault, LLMServer
from mlmaster.testing.toy_run import TEST_ROWS, make_settings

LASTING = ("quota", "balance", "wrong_model", "context_overflow")
"""Faults that no waiting mends."""
MOODS: tuple[Fault, ...] = tuple(fault for fault in get_args(Fault) if fault not in LASTING)
QUIET = 3
"""Requests before the storm."""
NODES = 32
AWAY_S = 120.0
"""By the clock that is in a hurry."""


class Storm:
    """The weather of one run: which request meets what, and when the provider goes and comes back."""

    def __init__(self, how: Literal["busy", "unreachable"], away_from: int) -> None:
        """Let the provider go, in one way or another, when the fold of this number is run."""
        self._how, self._away_from = how, away_from
        self._requests = self._folds = 0
        self._is_known = Flag()
        self._lock = Lock()
        self.server = LLMServer(CompetentCoder(), faults=self._fault)

    def _fault(self, _: int) -> Fault | None:
        with self._lock:
            self._requests += 1
            turn, rest = divmod(self._requests - QUIET, 3)
            return MOODS[turn % len(MOODS)] if self._requests > QUIET and not rest else None

    def play(self, code: str, view: Path) -> Outcome:
        """Play a script; one of them sees the provider go, and ends only when the run knows of it."""
        with self._lock:
            self._folds += is_fold(view)
            if self._folds != self._away_from or not is_fold(view):
                return behave(code, view)
        self.server.away(True, self._how)
        assert self._is_known.wait(60), "nobody noticed that the provider is away"
        timer = Timer(AWAY_S / HASTE, self.server.away, (False,))
        timer.daemon = True
        timer.start()
        return behave(code, view, is_good=True)

    def observe(self, record: Record, tree: Tree) -> None:
        event = record.event
        if isinstance(event, Remarked) and self._folds >= self._away_from and "evaluations go on" in event.text:
            self._is_known.set()


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_run_in_a_storm_ends_with_a_result_and_all_its_nodes(
    tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "any")
    storm = Storm("busy" if protocol == "chat" else "unreachable", away_from=20)
    with storm.server as server:
        settings = make_settings(
            budget__nodes=NODES,
            engine__proposal_workers=4,
            llm__first_token_s=60,
            llm__idle_s=60,
            **reach(server, protocol),
        )
        run = brave(tmp_path / "run", settings, play=storm.play)
        run.observers.append(storm.observe)
        selected = run.execute()
    assert selected is not None
    with (tmp_path / "run" / "best" / "submission.csv").open(encoding="utf-8") as file:
        assert len([*csv.DictReader(file)]) == TEST_ROWS

    assert {received.fault for received in server.received} >= set(MOODS), "the storm was not long enough"
    events = events_of(tmp_path / "run")
    assert lost(events) == set()
    assert run.tree.count_nodes() == NODES
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "nodes"

    remarks = [(i, event.text) for i, event in enumerate(events) if isinstance(event, Remarked)]
    went = [i for i, text in remarks if "proposals wait, evaluations go on" in text]
    came = [i for i, text in remarks if "answers again after" in text]
    assert any(scored_between(events, *spell) for spell in zip(went, came, strict=True)), "evaluations stood still"

    store = RunDirectory.open_for_reading(tmp_path / "run")
    calls, book = store.calls().read(), store.calls()
    report = write_report(store).read_text(encoding="utf-8")
    assert all(call.answered is not None for call in calls), "every call was completed"
    total = sum((call.answered.usage for call in calls if call.answered), Usage())
    assert ended.usage.tokens == total.tokens == book.total().tokens
    assert ended.usage.cost_usd == pytest.approx(total.cost_usd) == pytest.approx(book.total().cost_usd)
    wasted = sum((c.answered.usage for c in calls if c.answered and c.answered.outcome == "failed"), Usage())
    assert ended.wasted_tokens == wasted.tokens > 0
    assert ended.wasted_usd == pytest.approx(wasted.cost_usd)
    assert "Wasted on calls that failed" in report
    store.close()
