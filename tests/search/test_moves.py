"""What a node still offers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlmaster.core.events import EXHAUSTED
from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.search.moves import can_debug, can_draft, find_improvement, find_move
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board

Add = Callable[..., int]
ALL = frozenset(Operator)
SETTINGS = SearchSettings()


def test_the_root_takes_five_drafts_those_in_flight_included(board: Board, add: Add) -> None:
    for _ in range(4):
        add(Operator.DRAFT)
        assert can_draft(board.tree, ALL, SETTINGS, cap=5)
    add(Operator.DRAFT)
    assert not can_draft(board.tree, ALL, SETTINGS, cap=5)
    assert can_draft(board.tree, ALL, SETTINGS, cap=None)


def test_a_faulty_node_takes_one_debug(board: Board, add: Add) -> None:
    faulty = add(Operator.DRAFT, outcome=NodeState.FAILED)
    assert find_move(board.tree, faulty, ALL, SETTINGS) is Operator.DEBUG
    debug = add(Operator.DEBUG, faulty)
    assert not can_debug(board.tree, faulty, ALL, SETTINGS)
    board.end(debug, NodeState.FAILED)
    assert not can_debug(board.tree, faulty, ALL, SETTINGS)
    assert can_debug(board.tree, debug, ALL, SETTINGS)


@pytest.mark.parametrize(("state", "is_open"), [(NodeState.SCORED, False), (NodeState.FAILED, True)])
def test_a_repaired_node_takes_no_further_debug(board: Board, add: Add, state: NodeState, is_open: bool) -> None:
    faulty = add(Operator.DRAFT, outcome=NodeState.FAILED)
    debug = add(Operator.DEBUG, faulty)
    board.end(debug, state, 0.5 if state is NodeState.SCORED else None)
    assert can_debug(board.tree, faulty, ALL, SearchSettings(debugs=2)) == is_open


def test_a_faulty_node_is_terminal_at_its_debug_depth(board: Board, add: Add) -> None:
    node = add(Operator.DRAFT, outcome=NodeState.FAILED)
    for _ in range(2):
        assert can_debug(board.tree, node, ALL, SearchSettings(terminal_debug_depth=2))
        node = add(Operator.DEBUG, node, outcome=NodeState.FAILED)
    assert not can_debug(board.tree, node, ALL, SearchSettings(terminal_debug_depth=2))


def test_a_good_node_takes_three_improves_and_merges_do_not_count(board: Board, add: Add) -> None:
    node, other = add(Operator.DRAFT, outcome=0.5), add(Operator.DRAFT, outcome=0.4)
    add(Operator.MERGE, node, other, outcome=0.3)
    add(Operator.EVOLVE, node, outcome=0.3)
    add(Operator.IMPROVE, node, outcome=NodeState.FAILED)
    assert find_move(board.tree, node, ALL, SETTINGS) is Operator.IMPROVE
    add(Operator.IMPROVE, node)
    assert find_move(board.tree, node, ALL, SETTINGS) is None
    assert find_improvement(board.tree, node, ALL, SETTINGS, cap=10) is not None


@pytest.mark.parametrize("outcome", [None, NodeState.RACED])
def test_nothing_is_made_of_nodes_in_flight_or_raced(board: Board, add: Add, outcome: NodeState | None) -> None:
    assert find_move(board.tree, add(Operator.DRAFT, outcome=outcome), ALL, SETTINGS) is None


def test_only_operators_of_the_engineer_are_offered(board: Board, add: Add) -> None:
    good, faulty = add(Operator.DRAFT, outcome=0.5), add(Operator.DRAFT, outcome=NodeState.FAILED)
    few = frozenset({Operator.DRAFT, Operator.EVOLVE})
    assert find_move(board.tree, good, few, SETTINGS) is Operator.EVOLVE
    assert find_move(board.tree, good, frozenset({Operator.DRAFT}), SETTINGS) is None
    assert find_move(board.tree, faulty, few, SETTINGS) is None
    assert not can_draft(board.tree, frozenset({Operator.DEBUG}), SETTINGS, cap=None)


def test_an_exhausted_operator_is_not_offered_again(board: Board, add: Add) -> None:
    good = add(Operator.DRAFT, outcome=0.5)
    board.refuse(add(Operator.IMPROVE, good), EXHAUSTED)
    assert find_move(board.tree, good, ALL, SETTINGS) is Operator.EVOLVE
    board.refuse(add(Operator.EVOLVE, good), EXHAUSTED)
    assert find_move(board.tree, good, ALL, SETTINGS) is None
    board.refuse(add(Operator.DRAFT), EXHAUSTED)
    assert not can_draft(board.tree, ALL, SETTINGS, cap=None)
    assert board.tree.is_exhausted(ROOT, Operator.DRAFT)


def test_refusals_in_a_row_close_an_operator_and_a_proposal_opens_the_count_again(board: Board, add: Add) -> None:
    board.refuse(add(Operator.DRAFT), "no_op")
    assert can_draft(board.tree, ALL, SETTINGS, cap=5)
    add(Operator.DRAFT, outcome=0.5)
    board.refuse(add(Operator.DRAFT), "no_op")
    assert can_draft(board.tree, ALL, SETTINGS, cap=5)
    board.refuse(add(Operator.DRAFT), "no_op")
    assert not can_draft(board.tree, ALL, SETTINGS, cap=5)


def test_a_stagnating_branch_is_evolved(board: Board, add: Add) -> None:
    draft = add(Operator.DRAFT, outcome=0.5)
    children = [add(Operator.IMPROVE, draft, outcome=utility) for utility in (0.4, 0.3, 0.2)]
    assert find_move(board.tree, children[0], ALL, SETTINGS) is Operator.EVOLVE
    assert find_move(board.tree, children[0], ALL - {Operator.EVOLVE}, SETTINGS) is Operator.IMPROVE
    add(Operator.IMPROVE, children[0], outcome=0.6)
    assert find_move(board.tree, children[0], ALL, SETTINGS) is Operator.IMPROVE
