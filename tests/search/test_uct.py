"""UCT by hand, and the way down."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, sqrt

import pytest

from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.search.moves import find_move
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board
from mlmaster.search.uct import descend, uct

Add = Callable[..., int]
ALL = frozenset(Operator)


def select(board: Board, dead: dict[int, int] | None = None, exploration: float = 1.0) -> tuple[Operator, int] | None:
    return descend(
        board.tree,
        exploration,
        lambda node: find_move(board.tree, node, ALL, SearchSettings()),
        {} if dead is None else dead,
    )


def test_the_value_is_the_mean_reward_and_a_bonus_for_few_visits(board: Board, add: Add) -> None:
    good = add(Operator.DRAFT, outcome=0.5)
    bad = add(Operator.DRAFT, outcome=NodeState.FAILED)
    add(Operator.IMPROVE, good, outcome=0.4)
    assert uct(board.tree, good, ROOT, 1.414) == pytest.approx(1 / 2 + 1.414 * sqrt(log(3) / 2))
    assert uct(board.tree, bad, ROOT, 1.414) == pytest.approx(-1 + 1.414 * sqrt(log(3)))
    assert uct(board.tree, good, ROOT, 0.0) == 0.5


def test_a_decision_in_flight_is_a_visit_of_value_0(board: Board, add: Add) -> None:
    good = add(Operator.DRAFT, outcome=0.5)
    add(Operator.IMPROVE, good)
    assert uct(board.tree, good, ROOT, 1.0) == pytest.approx(1 / 2 + sqrt(log(2) / 2))


def test_the_unvisited_come_first(board: Board, add: Add) -> None:
    node = add(Operator.DRAFT)
    board.refuse(node, "no_op")
    assert uct(board.tree, node, ROOT, 1.0) == inf


def test_a_node_with_room_is_taken_before_its_children(board: Board, add: Add) -> None:
    draft = add(Operator.DRAFT, outcome=0.5)
    add(Operator.IMPROVE, draft, outcome=0.9)
    add(Operator.IMPROVE, draft, outcome=0.8)
    assert select(board) == (Operator.IMPROVE, draft)


def test_a_full_node_hands_down_to_its_best_child_by_uct(board: Board, add: Add) -> None:
    draft = add(Operator.DRAFT, outcome=0.5)
    rewarded = [add(Operator.IMPROVE, draft, outcome=utility) for utility in (0.4, 0.9, 0.8)][1]
    found = select(board)
    assert found is not None
    assert found[1] == rewarded


def test_of_equals_the_older_is_taken(board: Board, add: Add) -> None:
    best = add(Operator.DRAFT, outcome=NodeState.RACED)
    first, second = add(Operator.DRAFT, outcome=NodeState.FAILED), add(Operator.DRAFT, outcome=NodeState.FAILED)
    assert (best, first, second) == (1, 2, 3)
    assert select(board) == (Operator.DEBUG, first)


def test_branches_at_work_are_skipped(board: Board, add: Add) -> None:
    busy = add(Operator.DRAFT, outcome=0.9)
    free = add(Operator.DRAFT, outcome=0.1)
    add(Operator.IMPROVE, busy)
    assert select(board) == (Operator.IMPROVE, free)
    add(Operator.IMPROVE, free)
    assert select(board) is None


def test_dead_subtrees_are_backed_out_of(board: Board, add: Add) -> None:
    draft = add(Operator.DRAFT, outcome=0.5)
    living = add(Operator.IMPROVE, draft, outcome=0.1)
    add(Operator.IMPROVE, draft, outcome=NodeState.RACED)
    faulty = add(Operator.IMPROVE, draft, outcome=NodeState.FAILED)
    repaired = add(Operator.DEBUG, faulty, outcome=0.9)
    for _ in range(3):
        add(Operator.IMPROVE, repaired, outcome=NodeState.RACED)
    dead: dict[int, int] = {}
    found = select(board, dead, exploration=0.0)
    assert found is not None
    assert found[1] == living
    assert {faulty, repaired} <= dead.keys()
    assert select(board, dead, exploration=0.0) == found


def test_an_outcome_below_revives_a_dead_subtree(board: Board, add: Add) -> None:
    draft = add(Operator.DRAFT, outcome=0.5)
    for _ in range(3):
        add(Operator.IMPROVE, draft, outcome=NodeState.RACED)
    dead: dict[int, int] = {}
    assert select(board, dead) is None
    assert draft in dead
    beyond_the_cap = add(Operator.IMPROVE, draft, outcome=0.4)
    found = select(board, dead)
    assert found is not None
    assert found[1] == beyond_the_cap
