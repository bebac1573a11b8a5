"""Rewards, gains and ends of chains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlmaster.core.node import NodeState, Operator
from mlmaster.search.judgement import Outcome, Verdict, judge
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board

SETTINGS = SearchSettings()
SCORED, RACED, FAILED, ABANDONED = NodeState.SCORED, NodeState.RACED, NodeState.FAILED, NodeState.ABANDONED
Add = Callable[..., int]


def test_the_first_score_of_a_run_is_a_gain_and_the_best(board: Board, add: Add) -> None:
    node = add(Operator.DRAFT)
    verdict = judge(board.tree, node, Outcome(SCORED, 0.5), SETTINGS)
    assert verdict == Verdict(gain=True, is_new_best=True, has_removed_fault=False, chain_ended=False, reward=1.0)


def test_the_first_score_of_a_branch_is_a_gain_but_earns_only_as_best(board: Board, add: Add) -> None:
    add(Operator.DRAFT, outcome=0.5)
    node = add(Operator.DRAFT)
    verdict = judge(board.tree, node, Outcome(SCORED, 0.4), SETTINGS)
    assert verdict == Verdict(gain=True, is_new_best=False, has_removed_fault=False, chain_ended=False, reward=0.0)


@pytest.mark.parametrize(
    ("utility", "difference", "error", "factor", "gain", "is_new_best", "reward"),
    [
        (0.6, 0.1, 0.05, 1.0, True, True, 1.0),
        (0.6, 0.1, 0.1, 1.0, False, True, 1.0),
        (0.6, 0.1, 0.2, 1.0, False, True, 1.0),
        (0.6, 0.1, 0.08, 2.0, False, True, 1.0),
        (0.6, 0.1, 9.9, 0.0, True, True, 1.0),
        (0.5, 0.0, 0.0, 1.0, False, False, 0.0),
        (0.4, -0.1, 0.0, 1.0, False, False, 0.0),
        (0.4, -0.1, 0.0, 0.0, False, False, 0.0),
    ],
)
def test_a_gain_is_above_noise_and_a_best_is_strictly_better(
    board: Board,
    add: Add,
    utility: float,
    difference: float,
    error: float,
    factor: float,
    gain: bool,
    is_new_best: bool,
    reward: float,
) -> None:
    parent = add(Operator.DRAFT, outcome=0.5)
    node = add(Operator.IMPROVE, parent, chain="continue")
    verdict = judge(board.tree, node, Outcome(SCORED, utility, difference, error), SearchSettings(gain_errors=factor))
    assert (verdict.gain, verdict.is_new_best, verdict.reward) == (gain, is_new_best, reward)
    assert not verdict.chain_ended


@pytest.mark.parametrize(
    ("best", "outcome", "expected"),
    [
        (None, Outcome(SCORED, 0.1), Verdict(True, True, True, chain_ended=True, reward=2.0)),
        (0.5, Outcome(SCORED, 0.1), Verdict(True, False, True, chain_ended=True, reward=1.0)),
        (0.5, Outcome(RACED), Verdict(False, False, True, chain_ended=True, reward=0.0)),
        (0.5, Outcome(FAILED), Verdict(False, False, False, chain_ended=False, reward=-1.0)),
    ],
)
def test_a_removed_fault_earns_1_and_ends_the_chain(
    board: Board, add: Add, best: float | None, outcome: Outcome, expected: Verdict
) -> None:
    if best is not None:
        add(Operator.DRAFT, outcome=best)
    parent = add(Operator.DRAFT, outcome=FAILED)
    node = add(Operator.DEBUG, parent, chain="continue")
    assert judge(board.tree, node, outcome, SETTINGS) == expected


@pytest.mark.parametrize(
    ("outcome", "reward"),
    [(Outcome(SCORED, 0.1, -0.4), 1.0), (Outcome(SCORED, 0.6, 0.1, 1.0), 2.0), (Outcome(RACED), 1.0)],
)
def test_the_third_improvement_without_gain_ends_the_chain_and_earns_1(
    board: Board, add: Add, outcome: Outcome, reward: float
) -> None:
    parent = add(Operator.DRAFT, outcome=0.5)
    add(Operator.IMPROVE, parent, chain="continue", outcome=0.4)
    add(Operator.IMPROVE, parent, chain="continue", outcome=RACED)
    node = add(Operator.IMPROVE, parent, chain="continue")
    verdict = judge(board.tree, node, outcome, SETTINGS)
    assert (verdict.chain_ended, verdict.reward) == (True, reward)


def test_a_gain_starts_the_count_of_failures_again(board: Board, add: Add) -> None:
    parent = add(Operator.DRAFT, outcome=0.5)
    add(Operator.IMPROVE, parent, chain="continue", outcome=0.4)
    add(Operator.IMPROVE, parent, chain="continue", outcome=0.4)
    better = add(Operator.IMPROVE, parent, chain="continue", outcome=0.6)
    node = add(Operator.IMPROVE, better, chain="continue")
    assert not judge(board.tree, node, Outcome(SCORED, 0.5, -0.1), SETTINGS).chain_ended


def test_a_fault_among_improvements_is_no_failure_to_gain(board: Board, add: Add) -> None:
    parent = add(Operator.DRAFT, outcome=0.5)
    add(Operator.IMPROVE, parent, chain="continue", outcome=0.4)
    add(Operator.IMPROVE, parent, chain="continue", outcome=0.4)
    node = add(Operator.IMPROVE, parent, chain="continue")
    assert judge(board.tree, node, Outcome(FAILED), SETTINGS) == Verdict(
        False, False, False, chain_ended=False, reward=-1.0
    )


def test_a_debug_that_fails_at_depth_3_ends_the_chain(board: Board, add: Add) -> None:
    node = add(Operator.DRAFT, outcome=FAILED)
    ends = []
    for _ in range(3):
        node = add(Operator.DEBUG, node, chain="continue")
        ends.append(judge(board.tree, node, Outcome(FAILED), SETTINGS).chain_ended)
        board.end(node, FAILED)
    assert ends == [False, False, True]


def test_the_process_is_finished_once_per_chain_and_never_without_one(board: Board, add: Add) -> None:
    parent = add(Operator.DRAFT, outcome=0.5, chain="none")
    for _ in range(6):
        node = add(Operator.IMPROVE, parent, chain="none")
        verdict = judge(board.tree, node, Outcome(SCORED, 0.4, -0.1), SETTINGS)
        assert (verdict.chain_ended, verdict.reward) == (False, 0.0)
        board.end(node, SCORED, 0.4)


def test_an_abandoned_node_earns_nothing_and_is_no_visit(board: Board, add: Add) -> None:
    node = add(Operator.DRAFT)
    verdict = judge(board.tree, node, Outcome(ABANDONED), SETTINGS)
    assert verdict == Verdict(False, False, False, chain_ended=True, reward=None)


def test_a_verdict_is_reached_against_the_best_at_its_moment(board: Board, add: Add) -> None:
    first, second = add(Operator.DRAFT), add(Operator.DRAFT)
    assert judge(board.tree, second, Outcome(SCORED, 0.5), SETTINGS).is_new_best
    board.end(first, SCORED, 0.7)
    assert not judge(board.tree, second, Outcome(SCORED, 0.5), SETTINGS).is_new_best


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(SCORED, 0.5, 0.1),
        Outcome(SCORED),
        Outcome(NodeState.REFUSED),
        Outcome(NodeState.PROPOSED),
    ],
    ids=["a difference to nothing", "no utility", "refused", "not final"],
)
def test_a_contradiction_is_an_error(board: Board, add: Add, outcome: Outcome) -> None:
    node = add(Operator.DRAFT)
    with pytest.raises(ValueError, match="node 1"):
        judge(board.tree, node, outcome, SETTINGS)


def test_a_score_without_a_difference_to_its_branchs_best_is_an_error(board: Board, add: Add) -> None:
    parent = add(Operator.DRAFT, outcome=0.5)
    node = add(Operator.IMPROVE, parent, chain="continue")
    with pytest.raises(ValueError, match="its branch's best is 1"):
        judge(board.tree, node, Outcome(SCORED, 0.6), SETTINGS)


def test_a_finished_node_is_not_judged_again(board: Board, add: Add) -> None:
    node = add(Operator.DRAFT, outcome=0.5)
    with pytest.raises(ValueError, match="node 1 is scored"):
        judge(board.tree, node, Outcome(FAILED), SETTINGS)
