"""The random baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import EXHAUSTED
from mlmaster.core.node import NodeState, Operator
from mlmaster.ports import Choice
from mlmaster.search.random import RandomPolicy
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board

Add = Callable[..., int]
ALL = frozenset(Operator)
BUDGET = Budget(limits=BudgetLimits())


def choose(board: Board, seed: int = 0, operators: frozenset[Operator] = ALL) -> Choice | None:
    return RandomPolicy(SearchSettings()).choose(board.tree, BUDGET, Random(seed), operators)


def test_every_legal_pair_is_as_likely_as_the_other(board: Board, add: Add) -> None:
    add(Operator.DRAFT, chain="none", outcome=0.5)
    add(Operator.DRAFT, chain="none", outcome=0.4)
    add(Operator.DRAFT, chain="none", outcome=NodeState.FAILED)
    add(Operator.DRAFT, chain="none", outcome=NodeState.RACED)
    drawn = Counter((found.operator, found.parents) for seed in range(3500) if (found := choose(board, seed)))
    assert drawn.keys() == {
        (Operator.DRAFT, (0,)),
        (Operator.IMPROVE, (1,)),
        (Operator.EVOLVE, (1,)),
        (Operator.MERGE, (1, 2)),
        (Operator.IMPROVE, (2,)),
        (Operator.EVOLVE, (2,)),
        (Operator.DEBUG, (3,)),
    }
    assert all(count == pytest.approx(500, abs=100) for count in drawn.values())


def test_a_single_legal_pair_among_many_nodes_is_found(board: Board, add: Add) -> None:
    for _ in range(200):
        add(Operator.DRAFT, chain="none", outcome=NodeState.RACED)
    last = add(Operator.DRAFT, chain="none", outcome=NodeState.FAILED)
    for seed in range(20):
        assert choose(board, seed) == Choice(Operator.DEBUG, (last,), "none", "random")


def test_it_drafts_beyond_the_cap_only_when_nothing_else_is_legal(board: Board, add: Add) -> None:
    for _ in range(5):
        add(Operator.DRAFT, chain="none", outcome=NodeState.RACED)
    assert choose(board) == Choice(Operator.DRAFT, (0,), "none", "widen")
    board.refuse(add(Operator.DRAFT, chain="none"), EXHAUSTED)
    assert choose(board) is None


def test_it_uses_only_what_the_engineer_has(board: Board, add: Add) -> None:
    add(Operator.DRAFT, chain="none", outcome=0.5)
    for seed in range(20):
        found = choose(board, seed, frozenset({Operator.IMPROVE}))
        assert found == Choice(Operator.IMPROVE, (1,), "none", "random")
    assert choose(board, operators=frozenset()) is None
