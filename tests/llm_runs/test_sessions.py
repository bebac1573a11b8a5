"""Runs whose sessions differ: single shots, faults mended before a script is handed in, two models; and a wrong key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.llm_runs.brains import Craftsman, Plodder
from tests.llm_runs.runs import DECOY, IN_TURN, KNOWN, is_opening, missing_in, solve

import mlmaster
from mlmaster.core.chat import Placement, Role
from mlmaster.core.events import NodeFinished
from mlmaster.core.node import NodeState, Operator
from mlmaster.errors import ProviderError
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import LLMServer
from mlmaster.testing.llm_ways import KEYS, WAYS


@pytest.mark.parametrize("name", ["chat", "completion"])
def test_single_shots_are_one_call_each_and_mended_by_the_search(tmp_path: Path, name: str) -> None:
    more = {"session.turns": 1, "search.drafts": 2}
    solved = solve(WAYS[name], Plodder(), tmp_path / "run", "wine", 6, **IN_TURN, **more)
    assert not any(received.tools or "<tool" in received.text for received in solved.received)
    assert all(is_opening(call) for call in solved.calls)
    assert {(event.turns, event.calls) for event in solved.proposals()} == {(1, 1)}
    [failed] = [event for event in solved.events(NodeFinished) if event.state is NodeState.FAILED]
    [fix] = solved.tree.children(failed.node)
    assert (solved.tree[fix].operator, solved.tree[fix].state) == (Operator.DEBUG, NodeState.SCORED)
    [(_, asked)] = [(call, received) for call, received in solved.openings if call.asked.node == fix]
    assert missing_in(asked.thoughts or asked.messages[-1].text.partition(KNOWN)[2], solved, fix) == []


@pytest.mark.parametrize(
    ("name", "more"),
    [
        pytest.param("chat", {}, id="native tools"),
        pytest.param("messages", {"session.tools": "text"}, id="tools in words, where native ones are offered"),
        pytest.param("continue", {}, id="tools in words, steered"),
    ],
)
def test_a_fault_is_mended_before_it_is_handed_in(tmp_path: Path, name: str, more: dict[str, str]) -> None:
    """The first draft fails on the small view; its author is told the fault in the session, and hands in what runs."""
    way = WAYS[name]
    solved = solve(way, Plodder(), tmp_path / "run", "wine", 4, **IN_TURN, **{"search.drafts": 2, **more})
    assert {event.state for event in solved.events(NodeFinished)} <= {NodeState.SCORED, NodeState.RACED}
    draft = next(event for event in solved.proposals() if solved.tree[event.node].operator is Operator.DRAFT)
    assert draft.turns >= 2
    opening, *others = [call for call in solved.calls if call.asked.node == draft.node]
    is_native = way.has_tools and more.get("session.tools") != "text"
    assert bool(opening.asked.request.tools) == is_native
    assert ("<tool name=" in opening.asked.request.messages[0].text) != is_native
    told = [call.asked.request.messages[-1] for call in others]
    assert any("failed on the small view" in each.text and "Error" in each.text for each in told)
    assert {each.author for each in told} == {"tool" if is_native else "user"}


@pytest.mark.parametrize("name", ["continue", "completion"])
def test_every_tool_is_used_in_words(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    solved = solve(way, Craftsman(1), tmp_path / "run", "wine", 3, **IN_TURN)
    assert not any(received.tools for received in solved.received)
    assert solved.proposals()
    for event in solved.proposals():
        opening, *others = [call for call in solved.calls if call.asked.node == event.node]
        assert (event.turns, event.placement, event.edit) == (5, way.placement, "well_made")
        assert opening.asked.request.thoughts
        looked, logged, tried, edited = (call.asked.request.messages[-1].text for call in others)
        assert "seen (" in looked
        assert "The end of the newest log of #1" in logged
        assert "It ran through on the small view" in tried
        assert "lines" in edited
        code = (solved.directory / "nodes" / str(event.node) / "solution.py").read_text(encoding="utf-8")
        assert 'print("it was answered by"' in code
        assert solved.tree[event.node].state in (NodeState.SCORED, NodeState.RACED)


def test_planner_and_coder_are_two_models(tmp_path: Path) -> None:
    """The planner is told what is known and says what is to be done; the coder is told both, each in its own way."""
    way = WAYS["continue"]
    with LLMServer(CompetentCoder(3), key=DECOY) as planners:
        planner = WAYS["responses"].settings(planners)
        more = {"llm.planner.model": planner["llm.model"], "llm.planner.base_url": planner["llm.base_url"]}
        solved = solve(way, CompetentCoder(3), tmp_path / "run", "wine", 5, **IN_TURN, **more)
    assert {received.protocol for received in planners.received} == {"responses"}
    plans = {call.asked.node: call for call in solved.calls if call.asked.role is Role.PLANNER}
    codes = {call.asked.node: call for call in reversed(solved.calls) if call.asked.role is Role.CODER}
    assert len(plans) == len(planners.received)
    assert set(plans) == set(codes) == {event.node for event in solved.proposals()}
    for node, call in plans.items():
        work = call.asked.request.messages[-1].text
        assert call.asked.request.thoughts == ""
        assert missing_in(work.partition(KNOWN)[2], solved, node) == []
        assert call.answered is not None
        assert call.answered.reply is not None
        told = codes[node].asked.request.messages[-1].text
        assert told.startswith("# Implement this plan")
        assert json.loads(call.answered.reply.text)["plan"] in told
        assert missing_in(codes[node].asked.request.thoughts, solved, node) == []
    assert {event.placement for event in solved.proposals()} == {Placement.CONTINUE}


@pytest.mark.parametrize("name", ["chat", "messages", "completion"])
def test_a_key_that_is_repeated_in_an_error_is_in_no_file(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in KEYS:
        monkeypatch.setenv(each, "sk-wrong-decoy-77aa0b")
    with LLMServer(CompetentCoder(), key=DECOY) as server:
        settings = {**IN_TURN, **WAYS[name].settings(server)}
        with pytest.raises(ProviderError) as info:
            mlmaster.solve("wine", out=tmp_path / "run", nodes=3, time="10m", settings=settings)
        assert any("sk-wrong-decoy-77aa0b" in body for _, body in server.complaints)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"77aa0b" in path.read_bytes()] == []
    assert "77aa0b" not in "".join([str(info.value), *capfd.readouterr()])
