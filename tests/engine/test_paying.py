"""A run whose proposals are paid for: ends by budget and by provider, what events say was used, what is passed on."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Literal

import pytest

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.events import Proposed, Refused, Remarked, RunEnded
from mlmaster.core.node import NodeState
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.usage import Usage
from mlmaster.engine.run import Run
from mlmaster.errors import BudgetSpent, CallCancelled, ProviderError
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_run, tinker

CALL = Usage(input_tokens=900, output_tokens=100, cost_usd=0.01, calls=1)


class Paid:
    """An engineer whose calls cost, with the expenses they make."""

    def __init__(self, calls: int, error: Exception) -> None:
        self.engineer = ScriptedEngineer(self._propose)
        self._calls, self._error = calls, error
        self._nodes: dict[int, Usage] = {}
        self._lock = Lock()

    def _propose(self, context: Context) -> Proposal:
        with self._lock:
            if len(self._nodes) >= self._calls:
                raise self._error
            self._nodes[len(self._nodes) + 1] = CALL
        return tinker(context)

    def total(self) -> Usage:
        return sum(self._nodes.values(), Usage())

    def of(self, node: int) -> Usage:
        return self._nodes.get(node, Usage())

    def wasted(self) -> Usage:
        return Usage(input_tokens=7, cost_usd=0.001, calls=1)


def events_of(run: Run) -> list[object]:
    store = RunDirectory.open_for_reading(run.directory)
    try:
        return [record.event for record in store.read()]
    finally:
        store.close()


def pay(out: Path, paid: Paid, **changes: object) -> Run:
    return make_run(out, engineer=paid.engineer, expenses=paid, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BudgetSpent("cost", "$0.00 of $0.05 is left"), "cost"),
        (BudgetSpent("tokens", "12 of 5,000 tokens are left"), "tokens"),
        (ProviderError("quota", "openai:gpt-5: the account is out of money"), "provider"),
    ],
    ids=["cost", "tokens", "provider"],
)
def test_what_cannot_be_asked_ends_the_search_and_not_the_evaluations(
    tmp_path: Path, error: Exception, reason: str
) -> None:
    paid = Paid(5, error)
    run = pay(tmp_path / "run", paid)
    selected = run.execute()
    assert selected is not None
    states = [node.state for node in run.tree.nodes.values()]
    assert sum(state is not NodeState.REFUSED for state in states) == 5
    assert all(state.is_final for state in states)
    events = events_of(run)
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == reason
    assert (ended.input_tokens, ended.output_tokens, ended.calls) == (4500, 500, 5)
    assert ended.cost_usd == pytest.approx(0.05)
    assert (ended.wasted_tokens, ended.wasted_usd) == (7, 0.001)
    refused = [event for event in events if isinstance(event, Refused)]
    assert refused
    assert {event.reason for event in refused} == {"provider" if reason == "provider" else "budget"}
    assert all(str(error) in event.detail for event in refused)
    assert run.budget().tokens == 5000


def test_a_provider_that_was_never_there_is_an_error_and_the_run_can_go_on(tmp_path: Path) -> None:
    paid = Paid(0, ProviderError("key", "OPENAI_API_KEY is not accepted"))
    with pytest.raises(ProviderError, match=r"not accepted. When that is mended, go on with: mlmaster resume"):
        pay(tmp_path / "run", paid).execute()
    mended = Paid(100, ProviderError("key", "no"))
    again = pay(tmp_path / "run", mended)
    assert again.execute() is not None
    assert again.tree.count_nodes() == 20


class Free(Paid):
    """Its calls cost nothing, as replayed ones do."""

    def total(self) -> Usage:
        return Usage(calls=len(self._nodes))

    def of(self, node: int) -> Usage:
        return Usage(calls=node in self._nodes)

    def wasted(self) -> Usage:
        return Usage()


def test_a_replay_that_goes_on_for_longer_than_its_recording_ends_with_a_result(tmp_path: Path) -> None:
    free = Free(3, ProviderError("request", "the replayed run has no reply to this"))
    run = pay(tmp_path / "run", free)
    assert run.execute() is not None
    ended = events_of(run)[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason == "provider"


def test_a_provider_that_only_ever_failed_was_never_there_though_it_was_paid(tmp_path: Path) -> None:
    class Silent(Free):
        def total(self) -> Usage:
            return Usage(input_tokens=7, calls=1)

        def wasted(self) -> Usage:
            return self.total()

    with pytest.raises(ProviderError, match="no word of a reply"):
        pay(tmp_path / "run", Silent(0, ProviderError("away", "no word of a reply"))).execute()


def test_refusals_for_want_of_money_close_nothing(tmp_path: Path) -> None:
    run = pay(tmp_path / "run", Paid(3, BudgetSpent("cost", "nothing is left")), search__refusals=1)
    run.execute()
    again = pay(tmp_path / "run", Paid(100, BudgetSpent("cost", "nothing is left")), limits=BudgetLimits(cost_usd=9))
    again.execute()
    assert again.tree.count_nodes() > 20


@pytest.mark.parametrize("which", ["cost", "tokens"])
def test_a_run_that_ended_by_a_budget_goes_on_only_with_more_of_it(
    tmp_path: Path, which: Literal["cost", "tokens"]
) -> None:
    error = BudgetSpent(which, "nothing is left")
    had, more = BudgetLimits(cost_usd=0.05, tokens=5000), BudgetLimits(cost_usd=0.5, tokens=50_000)
    first = pay(tmp_path / "run", Paid(5, error), limits=had)
    selected = first.execute()
    events = len(events_of(first))
    same = pay(tmp_path / "run", Paid(5, error), limits=had)
    assert same.execute() == selected
    assert len(events_of(same)) == events, "nothing was done again"
    richer = pay(tmp_path / "run", Paid(12, error), limits=more)
    richer.execute()
    assert len(events_of(richer)) > events


def test_events_say_what_each_proposal_used(tmp_path: Path) -> None:
    run = pay(tmp_path / "run", Paid(100, RuntimeError()), budget__nodes=4)
    run.execute()
    proposed = [event for event in events_of(run) if isinstance(event, Proposed)]
    assert [event.usage for event in proposed] == [CALL] * len(proposed)


def test_a_cancelled_call_is_no_outcome(tmp_path: Path) -> None:
    def propose(context: Context) -> Proposal:
        if len(context.history) > 2:
            run.abort()
            raise CallCancelled("the run ends")
        return tinker(context)

    run = make_run(tmp_path / "run", engineer=ScriptedEngineer(propose))
    assert run.execute() is None
    assert not any(isinstance(event, Refused) for event in events_of(run))
    assert pay(tmp_path / "run", Paid(100, RuntimeError())).execute() is not None


def test_what_is_said_meanwhile_is_recorded_once(tmp_path: Path) -> None:
    def propose(context: Context) -> Proposal:
        if not context.siblings and context.parent is None:
            run.said.put("openai:o4 takes no temperature; it is left out")
        return tinker(context)

    run = make_run(tmp_path / "run", engineer=ScriptedEngineer(propose), budget__nodes=5)
    run.execute()
    remarks = [event.text for event in events_of(run) if isinstance(event, Remarked)]
    assert remarks == ["openai:o4 takes no temperature; it is left out"]
