"""The tree as a fold: what events it takes, what it makes of them, and what it refuses."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import (
    EXHAUSTED,
    Decided,
    Deferred,
    Event,
    FoldScored,
    NodeFinished,
    Proposed,
    Refused,
    RunResumed,
    RunStarted,
    SmokePassed,
)
from mlmaster.core.node import ROOT, TRANSITIONS, NodeState, Operator
from mlmaster.core.score import Direction
from mlmaster.core.tree import IllegalEventError, Tree

BUDGET = Budget(limits=BudgetLimits())
Start = Literal["new", "continue", "none"]


def decided(node: int, operator: Operator, *parents: int, chain: Start = "new") -> Decided:
    return Decided(node=node, operator=operator, parents=parents, chain=chain, reason="test", budget=BUDGET)


def draft(node: int, chain: Start = "new") -> Decided:
    return decided(node, Operator.DRAFT, ROOT, chain=chain)


def proposed(node: int) -> Proposed:
    return Proposed(node=node, plan="a plan", edit="an edit", recipe={"a": 1}, code_hash=f"hash {node}")


def scored(node: int, utility: float, **fields: Any) -> NodeFinished:
    fields = {"reward": 0.0, "value": utility} | fields
    return NodeFinished(node=node, state=NodeState.SCORED, utility=utility, **fields)


def failed(node: int, **fields: Any) -> NodeFinished:
    return NodeFinished(node=node, state=NodeState.FAILED, **({"reward": -1.0} | fields))


def raced(node: int, **fields: Any) -> NodeFinished:
    return NodeFinished(node=node, state=NodeState.RACED, **({"reward": 0.0} | fields))


def abandoned(node: int) -> NodeFinished:
    return NodeFinished(node=node, state=NodeState.ABANDONED)


def grow(*events: Event) -> Tree:
    return Tree(events)


def test_an_empty_tree_has_a_root_and_nothing_else() -> None:
    tree = Tree()
    assert (len(tree), tree.next_id, tree.best, tree.in_flight, tree.finished) == (0, 1, None, (), [])
    assert (tree.visits(ROOT), tree.total_reward(ROOT), list(tree.children(ROOT))) == (0, 0.0, [])


def test_events_about_the_run_leave_the_tree_alone() -> None:
    started = RunStarted(
        version="1",
        task="t",
        metric="m",
        direction=Direction.MAXIMIZE,
        engineer="e",
        policy="p",
        sandbox="s",
        folds=1,
        seed=0,
    )
    assert len(grow(started)) == 0


def test_a_decision_in_flight_is_a_visit_of_value_0_along_its_path() -> None:
    tree = grow(draft(1), proposed(1), scored(1, 0.5, reward=1.0, chain_ended=True), decided(2, Operator.IMPROVE, 1))
    assert [tree.visits(node) for node in (ROOT, 1, 2)] == [2, 2, 1]
    assert [tree.finished_visits(node) for node in (ROOT, 1, 2)] == [1, 1, 0]
    assert [tree.pending(node) for node in (ROOT, 1, 2)] == [1, 1, 1]
    assert [tree.total_reward(node) for node in (ROOT, 1, 2)] == [1.0, 1.0, 0.0]
    assert tree.in_flight == (2,)


def test_an_outcome_is_backed_up_along_primary_parents_only() -> None:
    tree = grow(
        *(draft(1), proposed(1), scored(1, 0.5, chain_ended=True)),
        *(draft(2), proposed(2), scored(2, 0.4, chain_ended=True)),
        *(decided(3, Operator.MERGE, 1, 2), proposed(3), scored(3, 0.6, reward=1.0)),
    )
    assert [tree.visits(node) for node in (ROOT, 1, 2, 3)] == [3, 2, 1, 1]
    assert [tree.total_reward(node) for node in (ROOT, 1, 2, 3)] == [1.0, 1.0, 0.0, 1.0]
    assert (tree[3].branch, tree[3].depth, tree.path(3)) == (1, 1, (1, 3))
    assert (tree.children(2), tree.count_children(1, Operator.MERGE)) == ([], 1)


@pytest.mark.parametrize("reason", [EXHAUSTED, "duplicate"])
def test_a_refusal_leaves_no_trace_in_the_statistics(reason: str) -> None:
    before = grow(draft(1), proposed(1), scored(1, 0.5))
    after = grow(
        *(draft(1), proposed(1), scored(1, 0.5)),
        *(decided(2, Operator.IMPROVE, 1, chain="continue"), Refused(node=2, reason=reason, detail="why")),
    )
    for node in (ROOT, 1):
        assert after.visits(node) == before.visits(node)
        assert after.pending(node) == 0
        assert list(after.children(node)) == list(before.children(node))
    assert after.count_nodes() == before.count_nodes() == 1
    assert after.count_nodes(Operator.IMPROVE) == after.count_children(1, Operator.IMPROVE) == 0
    assert after[2].detail == f"{reason}: why"
    assert after.next_id == 3


def test_only_an_engineer_without_ideas_exhausts_and_other_refusals_are_counted_until_a_proposal() -> None:
    tree = grow(draft(1), Refused(node=1, reason="syntax"), draft(2), Refused(node=2, reason="no_op"))
    assert not tree.is_exhausted(ROOT, Operator.DRAFT)
    assert tree.refusals(ROOT, Operator.DRAFT) == 2
    tree.apply(draft(3))
    tree.apply(proposed(3))
    assert tree.refusals(ROOT, Operator.DRAFT) == 0
    tree.apply(draft(4))
    tree.apply(Refused(node=4, reason=EXHAUSTED))
    assert tree.is_exhausted(ROOT, Operator.DRAFT)
    assert not tree.is_exhausted(3, Operator.DRAFT)


@pytest.mark.parametrize("is_proposed", [True, False])
def test_an_abandoned_node_is_no_visit_and_exhausts_nothing(is_proposed: bool) -> None:
    tree = grow(draft(1), *([proposed(1)] if is_proposed else []), abandoned(1))
    assert (tree.visits(ROOT), tree.finished_visits(ROOT), tree.pending(ROOT)) == (0, 0, 0)
    assert (list(tree.children(ROOT)), tree.count_nodes(), list(tree.finished)) == ([], 0, [])
    assert not tree.is_exhausted(ROOT, Operator.DRAFT)
    assert tree[1].state is NodeState.ABANDONED


def test_a_utility_of_0_is_a_utility() -> None:
    tree = grow(
        *(draft(1), proposed(1), scored(1, 0.0)),
        *(decided(2, Operator.IMPROVE, 1, chain="continue"), proposed(2), scored(2, -5.0)),
    )
    assert tree.best == tree.branches[1].best == 1


def test_on_a_tie_the_node_scored_first_is_best() -> None:
    tree = grow(draft(1), draft(2), draft(3), proposed(1), proposed(2), proposed(3), scored(2, 1.0), scored(1, 1.0))
    tree.apply(scored(3, 2.0))
    assert list(tree.ranking()) == [3, 2, 1]
    assert tree.best == 3


def test_raced_and_failed_nodes_are_never_best() -> None:
    tree = grow(draft(1), proposed(1), raced(1, value=9.0, utility=9.0), draft(2), proposed(2), failed(2))
    assert tree.best is None
    assert list(tree.ranking()) == []
    assert (list(tree.finished), list(tree.compared)) == ([1, 2], [1])
    assert (tree.branches[1].best, tree.branches[1].outcomes, tree.branches[1].compared) == (None, [], [1])


def test_the_record_of_a_node_holds_its_proposal_folds_and_outcome() -> None:
    node = grow(
        *(draft(1), proposed(1), SmokePassed(node=1, wall_s=1.0)),
        *(FoldScored(node=1, fold=1, value=0.25, wall_s=1.0), FoldScored(node=1, fold=0, value=0.75, wall_s=1.0)),
        scored(1, -0.5, value=0.5, gain=True, reward=1.0, wall_s=3.0),
    )[1]
    assert (node.plan, node.edit, node.recipe, node.code_hash) == ("a plan", "an edit", {"a": 1}, "hash 1")
    assert node.folds == ((1, 0.25), (0, 0.75))
    assert (node.value, node.utility, node.gain, node.reward, node.wall_s) == (0.5, -0.5, True, 1.0, 3.0)


def test_a_deferred_node_stays_in_flight_says_why_and_is_looked_at_anew() -> None:
    tree = grow(draft(1), proposed(1), Deferred(node=1, detail="20 s are left"))
    assert (tree[1].state, tree[1].fault, tree[1].detail) == (NodeState.PROPOSED, None, "20 s are left")
    assert (list(tree.in_flight), tree.pending(1), tree.finished_visits(1)) == ([1], 1, 0)
    tree.apply(RunResumed(version="1"))
    assert tree[1].detail == ""
    tree.apply(scored(1, 1.0))
    assert tree.best == 1


def test_debug_depth_counts_debugs_in_a_row() -> None:
    tree = grow(
        *(draft(1), proposed(1), failed(1)),
        *(decided(2, Operator.DEBUG, 1, chain="continue"), proposed(2), failed(2)),
        *(decided(3, Operator.DEBUG, 2, chain="continue"), proposed(3), scored(3, 1.0, chain_ended=True)),
        decided(4, Operator.IMPROVE, 3),
    )
    assert [tree[node].debug_depth for node in (1, 2, 3, 4)] == [0, 1, 2, 0]
    assert [tree[node].depth for node in (1, 2, 3, 4)] == [0, 1, 2, 3]


def test_faulty_leaves_are_failed_nodes_without_children() -> None:
    tree = grow(draft(1), proposed(1), failed(1), draft(2), proposed(2), failed(2))
    assert list(tree.faulty_leaves) == [1, 2]
    tree.apply(decided(3, Operator.DEBUG, 1, chain="none"))
    assert list(tree.faulty_leaves) == [2]
    tree.apply(Refused(node=3, reason="no_op"))
    assert set(tree.faulty_leaves) == {1, 2}


# ---- chains


def test_a_chain_debugs_its_fault_then_goes_back_to_the_branch_best_never_to_a_worse_child() -> None:
    tree = grow(draft(1), proposed(1), scored(1, 1.0, gain=True))
    chain = tree.branches[1].chain
    assert chain is not None
    assert (chain.start, chain.current, chain.failures, chain.is_open) == (1, 1, 0, True)
    for event in (decided(2, Operator.IMPROVE, 1, chain="continue"), proposed(2), scored(2, 0.5)):
        tree.apply(event)
    chain = tree.branches[1].chain
    assert chain is not None
    assert (chain.current, chain.failures, chain.in_flight) == (1, 1, None)
    for event in (decided(3, Operator.IMPROVE, 1, chain="continue"), proposed(3), failed(3)):
        tree.apply(event)
    chain = tree.branches[1].chain
    assert chain is not None
    assert (chain.current, chain.failures) == (3, 1)


@pytest.mark.parametrize("end", [Refused(node=2, reason="no_op"), abandoned(2)], ids=["refused", "abandoned"])
def test_a_chain_ends_with_its_nodes_refusal_or_abandonment(end: Event) -> None:
    tree = grow(draft(1), proposed(1), scored(1, 1.0), decided(2, Operator.IMPROVE, 1, chain="continue"), end)
    chain = tree.branches[1].chain
    assert chain is not None
    assert (chain.is_open, chain.in_flight) == (False, None)


def test_a_new_chain_takes_over_from_an_open_one_at_rest() -> None:
    tree = grow(draft(1), proposed(1), scored(1, 1.0), decided(2, Operator.IMPROVE, 1, chain="new"))
    chain = tree.branches[1].chain
    assert chain is not None
    assert (chain.start, chain.in_flight, chain.failures) == (2, 2, 0)


def test_decisions_without_a_chain_leave_the_branchs_chain_alone() -> None:
    tree = grow(draft(1), proposed(1), scored(1, 1.0))
    before = tree.branches[1].chain
    for event in (
        *(decided(2, Operator.IMPROVE, 1, chain="none"), decided(3, Operator.IMPROVE, 1, chain="none")),
        *(proposed(2), scored(2, 2.0, gain=True, chain_ended=True)),
        *(proposed(3), failed(3)),
    ):
        tree.apply(event)
    assert tree.branches[1].chain == before
    assert tree.branches[1].best == 2


# ---- what is refused

GOOD = (draft(1), proposed(1), scored(1, 1.0, chain_ended=True))
FAULTY = (draft(1), proposed(1), failed(1, chain_ended=True))
OPEN = (draft(1), proposed(1), scored(1, 1.0))

ILLEGAL: dict[str, tuple[tuple[Event, ...], Event]] = {
    "a decision out of turn": ((), draft(2)),
    "a decision made twice": ((draft(1),), draft(1)),
    "a draft below a node": (GOOD, decided(2, Operator.DRAFT, 1)),
    "a draft that continues": ((), draft(1, chain="continue")),
    "an improvement of the root": ((), decided(1, Operator.IMPROVE, ROOT)),
    "an improvement of nothing": (GOOD, decided(2, Operator.IMPROVE, 7)),
    "no parents": (GOOD, decided(2, Operator.IMPROVE)),
    "an improvement of a fault": (FAULTY, decided(2, Operator.IMPROVE, 1)),
    "an improvement of a node in flight": ((draft(1),), decided(2, Operator.IMPROVE, 1, chain="none")),
    "an improvement of a raced node": ((draft(1), proposed(1), raced(1)), decided(2, Operator.IMPROVE, 1)),
    "a debug of a good node": (GOOD, decided(2, Operator.DEBUG, 1)),
    "a merge of one": (GOOD, decided(2, Operator.MERGE, 1)),
    "a merge with itself": (GOOD, decided(2, Operator.MERGE, 1, 1)),
    "an improvement of two": ((*GOOD, draft(2), proposed(2), scored(2, 1.0)), decided(3, Operator.IMPROVE, 1, 2)),
    "continuing a closed chain": (GOOD, decided(2, Operator.IMPROVE, 1, chain="continue")),
    "continuing no chain": (
        (draft(1, chain="none"), proposed(1), scored(1, 1.0)),
        decided(2, Operator.IMPROVE, 1, chain="continue"),
    ),
    "a second node in flight on a chain": (
        (*OPEN, decided(2, Operator.IMPROVE, 1, chain="continue")),
        decided(3, Operator.IMPROVE, 1, chain="continue"),
    ),
    "a new chain over one at work": (
        (*OPEN, decided(2, Operator.IMPROVE, 1, chain="continue")),
        decided(3, Operator.IMPROVE, 1, chain="new"),
    ),
    "a proposal for nothing": ((), proposed(1)),
    "a refusal after the proposal": ((draft(1), proposed(1)), Refused(node=1, reason="no_op")),
    "a fold of an unknown node": ((), FoldScored(node=1, fold=0, value=1.0, wall_s=1.0)),
    "a fold before the proposal": ((draft(1),), FoldScored(node=1, fold=0, value=1.0, wall_s=1.0)),
    "a fold after the end": (GOOD, FoldScored(node=1, fold=0, value=1.0, wall_s=1.0)),
    "a fold twice": (
        (draft(1), proposed(1), FoldScored(node=1, fold=0, value=1.0, wall_s=1.0)),
        FoldScored(node=1, fold=0, value=1.0, wall_s=1.0),
    ),
    "a deferral before the proposal": ((draft(1),), Deferred(node=1, detail="no time")),
    "a deferral after the end": (GOOD, Deferred(node=1, detail="no time")),
    "an outcome of nothing": ((), scored(1, 1.0)),
    "an outcome before the proposal": ((draft(1),), scored(1, 1.0)),
    "a second outcome": (GOOD, failed(1)),
    "a score without a utility": (
        (draft(1), proposed(1)),
        NodeFinished(node=1, state=NodeState.SCORED, value=1.0, reward=0.0),
    ),
    "a score that is not a number": ((draft(1), proposed(1)), scored(1, float("nan"))),
    "an end that is none": ((draft(1),), NodeFinished(node=1, state=NodeState.PROPOSED)),
    "a refusal as an outcome": ((draft(1),), NodeFinished(node=1, state=NodeState.REFUSED)),
}


@pytest.mark.parametrize(("before", "event"), ILLEGAL.values(), ids=ILLEGAL.keys())
def test_an_illegal_event_raises_and_changes_nothing(before: tuple[Event, ...], event: Event) -> None:
    tree = grow(*before)
    expected = vars(grow(*before))
    with pytest.raises(IllegalEventError):
        tree.apply(event)
    assert vars(tree) == expected


def test_final_states_are_those_without_a_move() -> None:
    assert {state for state in NodeState if not state.is_final} == set(TRANSITIONS)
    assert all(target in NodeState for targets in TRANSITIONS.values() for target in targets)


STEPS: dict[NodeState, Event] = {
    NodeState.PROPOSED: proposed(1),
    NodeState.REFUSED: Refused(node=1, reason="no_op"),
    NodeState.SCORED: scored(1, 1.0),
    NodeState.RACED: raced(1),
    NodeState.FAILED: failed(1),
    NodeState.ABANDONED: abandoned(1),
}
WAYS: dict[NodeState, tuple[Event, ...]] = {
    NodeState.DECIDED: (draft(1),),
    NodeState.PROPOSED: (draft(1), proposed(1)),
    NodeState.REFUSED: (draft(1), STEPS[NodeState.REFUSED]),
    NodeState.SCORED: (draft(1), proposed(1), STEPS[NodeState.SCORED]),
    NodeState.RACED: (draft(1), proposed(1), STEPS[NodeState.RACED]),
    NodeState.FAILED: (draft(1), proposed(1), STEPS[NodeState.FAILED]),
    NodeState.ABANDONED: (draft(1), STEPS[NodeState.ABANDONED]),
}


@pytest.mark.parametrize("target", STEPS)
@pytest.mark.parametrize("source", WAYS)
def test_a_node_moves_exactly_as_the_state_machine_says(source: NodeState, target: NodeState) -> None:
    tree = grow(*WAYS[source])
    if target in TRANSITIONS.get(source, ()):
        tree.apply(STEPS[target])
        assert tree[1].state is target
    else:
        with pytest.raises(IllegalEventError):
            tree.apply(STEPS[target])
        assert tree[1].state is source
