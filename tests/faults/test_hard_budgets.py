"""Budgets of tokens and dollars in whole runs with many threads: never more than that, by what the provider counted."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.faults.storms import PRICE, PROTOCOLS, behave, brave, events_of, lost, reach

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.events import Proposed, RunEnded
from mlmaster.engine.run import Run
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import Fault, LLMServer
from mlmaster.testing.toy_run import make_settings

WHOLE: tuple[Fault, ...] = (
    "rate_limit",
    "server_error",
    "overloaded",
    "dropped",
    "truncated",
    "empty_choice",
    "refusal",
)
"""Faults after which it is plain what was charged."""
SMALL, LARGE = BudgetLimits(tokens=40_000), BudgetLimits(tokens=150_000)
CHEAP, DEAR = BudgetLimits(cost_usd=0.12), BudgetLimits(cost_usd=0.5)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "any")


def fault(number: int) -> Fault | None:
    turn, rest = divmod(number, 4)
    return None if rest else WHOLE[turn % len(WHOLE)]


def charged(server: LLMServer) -> tuple[int, float]:
    """Return tokens and dollars by what the provider counted; it charges no more for a cache than the price says."""
    tokens, dollars = 0, 0.0
    for each in server.counted.values():
        tokens += each.input + each.output
        plain = each.input - each.cached
        dollars += (plain * PRICE["input"] + each.cached * PRICE["cached"] + each.output * PRICE["output"]) / 1e6
    return tokens, dollars


def assert_within(server: LLMServer, run: Run, limits: BudgetLimits) -> None:
    budget = run.budget()
    tokens, dollars = charged(server)
    if limits.tokens is not None:
        assert tokens <= limits.tokens
        assert budget.tokens <= limits.tokens
    if limits.cost_usd is not None:
        assert dollars <= limits.cost_usd
        assert budget.cost_usd <= limits.cost_usd


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("limits", "more", "reason"), [(SMALL, LARGE, "tokens"), (CHEAP, DEAR, "cost")], ids=["tokens", "cost"]
)
def test_many_threads_spend_no_more_than_is_allowed(
    tmp_path: Path, protocol: str, limits: BudgetLimits, more: BudgetLimits, reason: str
) -> None:
    out = tmp_path / "run"
    with LLMServer(CompetentCoder(), faults=fault) as server:
        settings = make_settings(
            budget__nodes=500,
            engine__slots=4,
            engine__proposal_workers=12,
            llm__max_output_tokens=4_000,
            **reach(server, protocol),
        )

        def go_on(limits: BudgetLimits) -> tuple[Run, list[Any]]:
            run = brave(out, settings, limits=limits)
            assert run.execute() is not None
            return run, events_of(out)

        run, events = go_on(limits)
        assert_within(server, run, limits)
        assert isinstance(events[-1], RunEnded)
        assert events[-1].reason == reason
        assert lost(events) == set()
        assert (out / "best" / "submission.csv").exists()
        proposed = sum(isinstance(event, Proposed) for event in events)
        assert proposed > 1, "the model was asked, beside the baseline"

        asked = len(server.received)
        again, same = go_on(limits)
        assert (len(server.received), len(same)) == (asked, len(events)), "nothing was done again"
        assert_within(server, again, limits)

        richer, events = go_on(more)
        assert_within(server, richer, more)
        assert events[-1].reason == reason
        assert sum(isinstance(event, Proposed) for event in events) > proposed
        assert lost(events) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "reason"),
    [(BudgetLimits(tokens=1), "tokens"), (BudgetLimits(cost_usd=0.001), "cost")],
    ids=["tokens", "cost"],
)
def test_a_budget_that_holds_no_call_asks_nothing_and_keeps_the_baseline(
    tmp_path: Path, limits: BudgetLimits, reason: str
) -> None:
    with LLMServer(CompetentCoder()) as server:
        run = brave(
            tmp_path / "run", make_settings(**reach(server, "chat")), limits=limits, play=partial(behave, is_good=True)
        )
        assert run.execute() is not None
        assert server.received == []
    ended = events_of(tmp_path / "run")[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.reason, ended.usage.calls) == (reason, 0)
    assert (tmp_path / "run" / "best" / "submission.csv").exists()
