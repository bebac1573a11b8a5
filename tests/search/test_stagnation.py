"""When nothing gets better any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlmaster.core.node import NodeState, Operator
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board
from mlmaster.search.stagnation import find_merge, is_branch_stagnating, is_run_stagnating

Add = Callable[..., int]
SETTINGS = SearchSettings()
RACED = NodeState.RACED


@pytest.mark.parametrize(
    ("outcomes", "is_stagnating"),
    [
        ([], False),
        ([0.4], False),
        ([0.4, 0.3], False),
        ([0.4, 0.3, 0.2], True),
        ([0.4, 0.5, 0.2], True),
        ([0.4, 0.3, 0.6], False),
        ([0.6, 0.3, 0.2], False),
        ([0.6, 0.3, 0.2, 0.5], True),
        ([0.6, 0.3, 0.2, 0.7], False),
        ([RACED, RACED, RACED], False),
        ([0.4, RACED, RACED], True),
        ([0.4, 0.3, NodeState.FAILED], False),
    ],
)
def test_a_branch_stagnates_when_its_window_does_not_beat_what_came_before(
    board: Board, add: Add, outcomes: list[float | NodeState], is_stagnating: bool
) -> None:
    draft = add(Operator.DRAFT, outcome=0.5)
    for outcome in outcomes:
        add(Operator.IMPROVE, draft, outcome=outcome, chain="none")
    assert is_branch_stagnating(board.tree, draft, SETTINGS) == is_stagnating


@pytest.mark.parametrize(
    ("utilities", "is_stagnating"),
    [
        ([], False),
        ([0.5, 0.4, 0.3, 0.2], False),
        ([0.5, 0.4, 0.3, 0.2, 0.1], True),
        ([0.5, 0.4, 0.3, 0.2, 0.5], True),
        ([0.5, 0.4, 0.3, 0.2, 0.6], False),
    ],
)
def test_a_run_is_compared_with_the_best_before_the_window(
    board: Board, add: Add, utilities: list[float], is_stagnating: bool
) -> None:
    for utility in utilities:
        add(Operator.DRAFT, outcome=utility)
    assert is_run_stagnating(board.tree, SETTINGS) == is_stagnating


def stagnate(add: Add) -> list[int]:
    """Three branches; the best are nodes 1, 3 and 5, in this order; nothing new for four outcomes."""
    bests = []
    for utility in (0.9, 0.8, 0.7):
        bests.append(add(Operator.DRAFT, outcome=utility))
        add(Operator.IMPROVE, bests[-1], outcome=utility - 0.5)
    return bests


def test_a_stagnating_run_merges_the_bests_of_its_two_best_branches(board: Board, add: Add) -> None:
    first, second, _ = stagnate(add)
    assert find_merge(board.tree, SETTINGS) == (first, second)


def test_no_merge_where_the_better_branch_is_at_work(board: Board, add: Add) -> None:
    first, second, _ = stagnate(add)
    add(Operator.IMPROVE, second)
    assert find_merge(board.tree, SETTINGS) == (first, second)
    add(Operator.IMPROVE, first)
    assert find_merge(board.tree, SETTINGS) is None


def test_merges_are_spaced_capped_and_never_of_the_same_pair(board: Board, add: Add) -> None:
    first, second, third = stagnate(add)
    merge = add(Operator.MERGE, first, second)
    assert find_merge(board.tree, SETTINGS) is None
    board.end(merge, NodeState.SCORED, 0.1)
    assert find_merge(board.tree, SETTINGS) is None
    for _ in range(4):
        add(Operator.DRAFT, outcome=0.1)
    assert find_merge(board.tree, SETTINGS) == (first, third)
    add(Operator.MERGE, first, third, outcome=0.1)
    for _ in range(4):
        add(Operator.DRAFT, outcome=0.1)
    assert find_merge(board.tree, SETTINGS) is None
    assert find_merge(board.tree, SearchSettings(merges=9)) is None


def test_branches_need_successes_to_be_merged(board: Board, add: Add) -> None:
    stagnate(add)
    assert find_merge(board.tree, SearchSettings(merge_successes=3)) is None
    assert find_merge(board.tree, SearchSettings(merge_branches=4)) is None
    assert find_merge(board.tree, SearchSettings(merges=0)) is None
