"""The elite set and the draw by rank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from mlmaster.core.node import Operator
from mlmaster.search.elites import draw_by_rank, find_elites
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board

Add = Callable[..., int]


@pytest.mark.parametrize(("fraction", "expected"), [(0.6, [1, 2, 3, 5, 6]), (0.7, [1, 2, 5]), (1.0, [1, 2, 5])])
def test_elites_are_the_best_with_a_cap_per_branch_and_fewer_late(
    board: Board, add: Add, fraction: float, expected: list[int]
) -> None:
    draft = add(Operator.DRAFT, outcome=0.9)
    for utility in (0.8, 0.7, 0.6):
        add(Operator.IMPROVE, draft, outcome=utility)
    other = add(Operator.DRAFT, outcome=0.5)
    add(Operator.IMPROVE, other, outcome=0.4)
    assert find_elites(board.tree, fraction, SearchSettings()) == expected


def test_there_may_be_fewer_elites_than_places(board: Board, add: Add) -> None:
    assert find_elites(board.tree, 0.9, SearchSettings()) == []
    add(Operator.DRAFT, outcome=0.9)
    assert find_elites(board.tree, 0.9, SearchSettings()) == [1]


def test_the_draw_is_weighted_by_1_over_rank() -> None:
    rng = Random(0)
    drawn = Counter(draw_by_rank([(1, 10), (2, 20), (4, 40)], rng) for _ in range(7000))
    assert drawn[10] == pytest.approx(4000, abs=200)
    assert drawn[20] == pytest.approx(2000, abs=200)
    assert drawn[40] == pytest.approx(1000, abs=200)
