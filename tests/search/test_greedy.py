"""AIDE's rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import EXHAUSTED
from mlmaster.core.node import NodeState, Operator
from mlmaster.ports import Choice
from mlmaster.search.greedy import GreedyPolicy
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board

Add = Callable[..., int]
ALL = frozenset(Operator)
BUDGET = Budget(limits=BudgetLimits())
FAILED = NodeState.FAILED


def choose(board: Board, *, seed: int = 0, debug: float = 0.5, operators: frozenset[Operator] = ALL) -> Choice | None:
    policy = GreedyPolicy(SearchSettings(greedy_debug_probability=debug))
    return policy.choose(board.tree, BUDGET, Random(seed), operators)


def fill(add: Add, *outcomes: float | NodeState) -> None:
    """Draft to the cap: the outcomes given, then raced ones."""
    for outcome in (*outcomes, *[NodeState.RACED] * 5)[:5]:
        add(Operator.DRAFT, chain="none", outcome=outcome)


def test_it_drafts_first_and_counts_those_in_flight(board: Board, add: Add) -> None:
    for _ in range(5):
        assert choose(board) == Choice(Operator.DRAFT, (0,), "none", "draft")
        add(Operator.DRAFT, chain="none")
    assert choose(board) == Choice(Operator.DRAFT, (0,), "none", "widen")


def test_it_improves_the_best_again_and_again_in_parallel(board: Board, add: Add) -> None:
    fill(add, 0.4, 0.6)
    for _ in range(12):
        assert choose(board) == Choice(Operator.IMPROVE, (2,), "none", "best")
        add(Operator.IMPROVE, 2, chain="none")


def test_it_goes_to_the_next_best_where_the_best_is_exhausted(board: Board, add: Add) -> None:
    fill(add, 0.4, 0.6)
    board.refuse(add(Operator.IMPROVE, 2, chain="none"), EXHAUSTED)
    assert choose(board) == Choice(Operator.IMPROVE, (1,), "none", "best")


def test_it_debugs_with_a_given_probability(board: Board, add: Add) -> None:
    fill(add, 0.4, FAILED, FAILED)
    drawn = Counter((found.operator, found.parents[0]) for seed in range(1000) if (found := choose(board, seed=seed)))
    assert drawn[Operator.IMPROVE, 1] == pytest.approx(500, abs=60)
    assert drawn[Operator.DEBUG, 2] == pytest.approx(250, abs=50)
    assert drawn[Operator.DEBUG, 3] == pytest.approx(250, abs=50)


def test_it_debugs_leaves_only_and_up_to_a_depth(board: Board, add: Add) -> None:
    fill(add, 0.4, FAILED)
    node = 2
    for _ in range(4):
        assert choose(board, debug=1.0) == Choice(Operator.DEBUG, (node,), "none", "debug")
        node = add(Operator.DEBUG, node, chain="none", outcome=FAILED)
    assert choose(board, debug=1.0) == Choice(Operator.IMPROVE, (1,), "none", "best")


def test_with_nothing_good_it_debugs_whatever_the_coin_says_then_widens(board: Board, add: Add) -> None:
    fill(add, FAILED)
    assert choose(board, debug=0.0) == Choice(Operator.DEBUG, (1,), "none", "debug")
    add(Operator.DEBUG, 1, chain="none", outcome=NodeState.RACED)
    assert choose(board) == Choice(Operator.DRAFT, (0,), "none", "widen")
    board.refuse(add(Operator.DRAFT, chain="none"), EXHAUSTED)
    assert choose(board) is None


def test_it_uses_only_what_the_engineer_has(board: Board, add: Add) -> None:
    fill(add, 0.4, FAILED)
    assert choose(board, operators=frozenset({Operator.DEBUG})) == Choice(Operator.DEBUG, (2,), "none", "debug")
    assert choose(board, operators=frozenset({Operator.EVOLVE})) is None
