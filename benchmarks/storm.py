"""A run through a fault storm: one call in three meets a fault, and in the middle the provider is away for two minutes.

    python benchmarks/storm.py

Runs a built-in task for six real minutes with the real engine, sandbox, engineer and protocols against a pretended provider
whose model solves tasks and takes its time; once waiting for the provider while it is away, and once with the offline
engineer going on meanwhile (`session.fallback=true`). What is counted comes from the journal and from `calls.db`.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from threading import Lock, Timer
from typing import Any, get_args

from measure import write_result
from mlmaster.core.budget import BudgetLimits
from mlmaster.core.events import Decided, FoldScored, NodeFinished, Proposed, Record, Refused, Remarked, RunEnded
from mlmaster.core.usage import Usage
from mlmaster.report.write import write_report
from mlmaster.settings import load_settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import Fault, LLMServer, Received, Said
from mlmaster.wiring import new_run, reopen

TASK = "breast-cancer"
LASTING = ("quota", "balance", "wrong_model", "context_overflow")
"""Faults that no waiting mends."""
MOODS: tuple[Fault, ...] = tuple(fault for fault in get_args(Fault) if fault not in LASTING)
THINKING_S = 3.0
SETTINGS = {
    "engine.slots": 2,
    "engine.threads": 1,
    "llm.model": "openai:gpt-4o",
    "llm.protocol": "chat",
    "llm.first_token_s": 20,
    "llm.idle_s": 20,
}


class Storm:
    """A provider that is away for some seconds, and fails at one call in three at other times.

    Attributes:
        away: When it went and when it came back, in Unix time.
    """

    def __init__(self, away_from_s: float, away_s: float) -> None:
        self._coder, self._rng, self._lock = CompetentCoder(), Random(0), Lock()
        self._requests = 0
        self.away: list[float] = []
        self.server = LLMServer(self._answer, faults=self._fault)
        self._timers = [Timer(away_from_s, self._go), Timer(away_from_s + away_s, self._come_back)]

    def begin(self) -> None:
        """Let time run."""
        for timer in self._timers:
            timer.daemon = True
            timer.start()

    def _go(self) -> None:
        self.away.append(time.time())
        self.server.away(True, "unreachable")

    def _come_back(self) -> None:
        self.server.away(False)
        self.away.append(time.time())

    def _answer(self, received: Received) -> Said:
        with self._lock:
            thinking_s = THINKING_S * self._rng.uniform(0.5, 1.5)
        time.sleep(thinking_s)
        return self._coder(received)

    def _fault(self, _: int) -> Fault | None:
        with self._lock:
            self._requests += 1
            turn, rest = divmod(self._requests, 3)
            return None if rest else MOODS[turn % len(MOODS)]


def weather(minutes: float, away_from_s: float, away_s: float, *, has_fallback: bool) -> dict[str, Any]:
    """Return what came of one run, which is resumed at its end to finish what was in flight then."""
    storm = Storm(away_from_s, away_s)
    with tempfile.TemporaryDirectory() as folder, storm.server as server:
        time_s, address = f"{60 * minutes:.0f}s", server.openai_url
        given = {**SETTINGS, "budget.time": time_s, "llm.base_url": address, "session.fallback": has_fallback}
        settings = load_settings(assignments=[f"{key}={value}" for key, value in given.items()]).settings
        directory = Path(folder, "run")
        run, _ = new_run(TASK, settings, directory)
        storm.begin()
        run.execute()
        found = read(directory, storm)
        again = reopen(directory, BudgetLimits(time_s=1e6, nodes=run.tree.count_nodes()))
        again.execute()
        after = read(directory, storm)
        lost = [node.id for node in again.tree.nodes.values() if not node.state.is_final]
        names = ("decided", "ended", "states", "total_is_sum_of_calls", "calls_never_closed")
        return {
            **found,
            "resumed_to_finish_what_was_in_flight": {"lost": lost, **{name: after[name] for name in names}},
        }


def read(directory: Path, storm: Storm) -> dict[str, Any]:
    """Return the figures of a run that has ended."""
    store = RunDirectory.open_for_reading(directory)
    try:
        return count(store, storm)
    finally:
        store.close()


def count(store: RunDirectory, storm: Storm) -> dict[str, Any]:
    """Return the figures of a run: of its events, its calls, and what its provider saw."""
    records, calls = store.read(), store.calls().read()
    events = [record.event for record in records]
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    closed = [call.answered for call in calls if call.answered is not None]
    total = sum((each.usage for each in closed), Usage())
    decided = {event.node for event in events if isinstance(event, Decided)}
    over = {event.node for event in events if isinstance(event, Refused | NodeFinished)}
    met = [received.fault for received in storm.server.received]
    return {
        "ended": ended.reason,
        "seconds": round(records[-1].elapsed_s),
        "has_valid_submission": (store.best / "submission.csv").exists(),
        "decided": len(decided),
        "in_flight_at_the_end": len(decided - over),
        "states": dict(Counter(event.state.value for event in events if isinstance(event, NodeFinished))),
        "refused": dict(Counter(event.reason for event in events if isinstance(event, Refused))),
        "requests": len(met),
        "requests_that_met_a_fault": sum(map(bool, met)),
        "kinds_of_faults_met": len({*met} - {""}),
        "calls": len(calls),
        "calls_failed": sum(each.outcome == "failed" for each in closed),
        "calls_never_closed": len(calls) - len(closed),
        "tokens": ended.usage.tokens,
        "cost_usd": round(ended.usage.cost_usd, 4),
        "wasted_tokens": ended.wasted_tokens,
        "wasted_usd": round(ended.wasted_usd, 4),
        "total_is_sum_of_calls": total.tokens == ended.usage.tokens
        and math.isclose(total.cost_usd, ended.usage.cost_usd),
        "report_tells_waste": "Wasted on calls that failed" in write_report(store).read_text(encoding="utf-8"),
        "remarks": [
            {"at_s": round(record.elapsed_s, 1), "text": record.event.text.replace(storm.server.url, "http://…")}
            for record in records
            if isinstance(record.event, Remarked)
        ],
        "while_away": _while_away(records, *storm.away),
    }


def _while_away(records: Sequence[Record], went: float, came: float) -> dict[str, int]:
    during = [record.event for record in records if went <= record.at <= came]
    return {
        "seconds": round(came - went),
        "folds_scored": sum(isinstance(event, FoldScored) for event in during),
        "nodes_finished": sum(isinstance(event, NodeFinished) for event in during),
        "proposed_offline": sum(isinstance(event, Proposed) and event.recipe is not None for event in during),
        "proposed_by_the_model": sum(isinstance(event, Proposed) and event.recipe is None for event in during),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--away-from", type=float, default=120.0)
    parser.add_argument("--away", type=float, default=120.0)
    given = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "none is needed here"
    found = {
        name: weather(given.minutes, given.away_from, given.away, has_fallback=has_fallback)
        for name, has_fallback in (("waiting", False), ("with the offline engineer meanwhile", True))
    }
    setting = {
        "task": TASK,
        "minutes": given.minutes,
        "away_from_s": given.away_from,
        "away_s": given.away,
        "thinking_s": THINKING_S,
        "faults": "one call in three",
        **SETTINGS,
    }
    write_result("storm", {"setting": setting, **found})


if __name__ == "__main__":
    main()
