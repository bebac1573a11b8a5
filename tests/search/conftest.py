"""Trees grown by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.node import NodeState, Operator
from mlmaster.ports import Choice
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board

Add = Callable[..., int]


@pytest.fixture
def board() -> Board:
    return Board(SearchSettings())


@pytest.fixture
def add(board: Board) -> Add:
    """Adds a node to `board`: an outcome as a utility (scored), a state, or None (left in flight)."""

    def add(
        operator: Operator,
        *parents: int,
        outcome: float | NodeState | None = None,
        chain: Literal["new", "continue", "none"] = "new",
        error: float = 0.0,
    ) -> int:
        choice = Choice(operator, parents or (0,), chain, reason="test")
        node = board.decide(choice, Budget(limits=BudgetLimits()))
        if isinstance(outcome, NodeState):
            board.end(node, outcome)
        elif outcome is not None:
            board.end(node, NodeState.SCORED, outcome, error)
        return node

    return add
