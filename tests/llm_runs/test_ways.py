"""A run on a built-in task over each way in which a model can be asked: valid, remembered in place, cached, kept, shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.llm_runs.brains import Plodder
from tests.llm_runs.runs import DECOY, IN_TURN, KNOWN, Invoke, Solved, is_opening, missing_in, solve

from mlmaster.core.chat import Role
from mlmaster.core.events import NodeFinished, Proposed, RunEnded
from mlmaster.core.node import NodeState, Operator
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.llm_ways import WAYS, Way

NODES = 11
EAGER: dict[str, Any] = {
    "session.try_first": False,
    "search.drafts": 2,
    "search.chain_failures": 1,
    "search.evolve_window": 1,
    "search.evolve_successes": 1,
    "search.merge_window": 1,
    "search.merge_successes": 1,
}
"""Faults reach the search, and whatever does not get better at once is evolved and merged."""


@pytest.fixture(scope="module", params=list(WAYS.values()), ids=list(WAYS))
def solved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Solved:
    way: Way = request.param
    out = tmp_path_factory.mktemp(way.name) / "run"
    return solve(way, Plodder(), out, "wine", NODES, **IN_TURN, **EAGER)


def test_it_ends_with_a_valid_submission(solved: Solved, invoke: Invoke) -> None:
    [ended] = solved.events(RunEnded)
    assert ended.reason == "nodes"
    assert solved.selected.guide is not None
    submission, task = solved.directory / "best" / "submission.csv", solved.directory / "data" / "wine"
    graded = invoke("grade", submission, "--task", task, "--json")
    assert graded.exit_code == 0, graded.output
    found = json.loads(graded.stdout)
    assert found["rows"] == 45
    assert found["score"] < 0.5, "a constant scores 1.1"


def test_the_baseline_is_first_and_asks_nobody(solved: Solved) -> None:
    first = solved.events(Proposed)[0]
    assert (first.node, first.placement, first.calls) == (1, "", 0)
    assert first.recipe is not None
    assert all(call.asked.node > 1 for call in solved.calls)


def test_every_operator_works_over_it(solved: Solved) -> None:
    assert {solved.tree[event.node].operator for event in solved.proposals()} == set(Operator)
    failed = [event.node for event in solved.events(NodeFinished) if event.state is NodeState.FAILED]
    assert failed, "a fault was planted"
    mended = [solved.tree[node].state for each in failed[:1] for node in solved.tree.children(each)]
    assert mended == [NodeState.SCORED]


def test_memory_stands_where_the_way_places_it(solved: Solved) -> None:
    """In the model's own reasoning where it can be steered, else in the last message of the user; never in both."""
    openings = solved.openings
    assert {call.asked.node for call, _ in openings} == {event.node for event in solved.proposals()}
    for call, received in openings:
        node, work = call.asked.node, received.messages[-1].text
        assert received.messages[-1].author == "user"
        if solved.way.is_steered:
            assert call.asked.request.thoughts.strip() in received.thoughts
            assert KNOWN not in work
        else:
            assert received.thoughts == ""
            assert work.count(KNOWN) == 1
        memory = received.thoughts if solved.way.is_steered else work.partition(KNOWN)[2]
        assert missing_in(memory, solved, node) == [], f"node {node}, {solved.tree[node].operator}"


def test_memory_is_still_read_after_the_first_reply(solved: Solved) -> None:
    opened = [received.number for _, received in solved.openings]
    later = [received for received in solved.received if received.number not in opened]
    assert len(later) == sum(not is_opening(call) for call in solved.calls)
    for received in later:
        assert received.thoughts == ""
        assert sum(KNOWN in heard.text for heard in received.messages) == 1


def test_a_draft_is_shown_no_other_script(solved: Solved) -> None:
    drafts = [received for call, received in solved.openings if solved.tree[call.asked.node].operator is Operator.DRAFT]
    assert drafts
    assert not any("MEMBERS = [" in received.text or "lgb." in received.text for received in drafts)


def test_requests_begin_alike_so_that_caches_pay(solved: Solved) -> None:
    [(system, task)] = {tuple(each.text for each in call.asked.request.messages[:2]) for call in solved.calls}
    for received in solved.received:
        assert received.protocol == solved.way.protocol
        assert received.messages[0].text.strip() == system.strip()
        assert received.messages[1].text.startswith(task.strip())
    first, *others = solved.calls
    assert first.answered is not None
    assert first.answered.usage.cached_tokens == 0
    for call in others:
        assert call.answered is not None
        assert call.answered.usage.cached_tokens > 1000, f"call {call.id}"


def test_the_run_records_what_was_asked_and_where_memory_stood(solved: Solved) -> None:
    assert len(solved.calls) == len(solved.received)
    assert all(call.answered is not None and call.answered.outcome == "answered" for call in solved.calls)
    assert {call.asked.role for call in solved.calls} == {Role.CODER}
    for event in solved.proposals():
        calls = [call for call in solved.calls if call.asked.node == event.node]
        placements = [call.answered.reply.placement for call in calls if call.answered and call.answered.reply]
        assert placements[0] == event.placement == solved.way.placement
        assert event.memory not in ("", "nothing")
        assert event.prompt_tokens > 1000
        assert (event.turns, event.calls) == (len(calls), len(calls))
    [ended] = solved.events(RunEnded)
    store = RunDirectory.open_for_reading(solved.directory)
    assert ended.usage == store.calls().total()
    store.close()


def test_the_key_is_in_no_file(solved: Solved) -> None:
    files = [path for path in solved.directory.rglob("*") if path.is_file()]
    assert {"calls.db", "journal.db", "run.yaml"} <= {path.name for path in files}
    assert [path for path in files if DECOY.encode() in path.read_bytes()] == []


def test_it_can_be_shown_and_reported(solved: Solved, invoke: Invoke) -> None:
    for event in solved.proposals():
        shown = invoke("show", solved.directory, event.node, "--prompt")
        assert shown.exit_code == 0, shown.output
        opening = next(call for call in solved.calls if call.asked.node == event.node)
        assert opening.asked.request.messages[-1].text in shown.output
        assert ("--- thoughts begun for the model" in shown.output) == solved.way.is_steered
        assert opening.asked.request.thoughts in shown.output
        assert event.plan in shown.output
    reported = invoke("report", solved.directory, "--print")
    assert reported.exit_code == 0, reported.output
    assert "## Language models" in reported.output
    assert f"Memory stood in: {solved.way.placement}" in " ".join(reported.output.split())
    assert DECOY not in reported.output
