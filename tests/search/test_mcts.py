"""The rules of the default policy, one at a time and in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.events import EXHAUSTED
from mlmaster.core.node import NodeState, Operator
from mlmaster.ports import Choice
from mlmaster.search.mcts import MctsPolicy
from mlmaster.search.settings import SearchSettings
from mlmaster.search.simulation import Board

Add = Callable[..., int]
ALL = frozenset(Operator)
DRAFT, IMPROVE, DEBUG, EVOLVE, MERGE = (
    Operator.DRAFT,
    Operator.IMPROVE,
    Operator.DEBUG,
    Operator.EVOLVE,
    Operator.MERGE,
)
FAILED, RACED = NodeState.FAILED, NodeState.RACED


def choose(
    board: Board,
    *,
    spent: float = 0.0,
    seed: int = 0,
    operators: frozenset[Operator] = ALL,
    settings: SearchSettings | None = None,
) -> Choice | None:
    budget = Budget(limits=BudgetLimits(time_s=1.0), elapsed_s=spent)
    return MctsPolicy(settings or SearchSettings()).choose(board.tree, budget, Random(seed), operators)


def close(board: Board) -> None:
    """Draft up to the cap with raced drafts: nothing can be made of them."""
    while len(board.tree.children(0)) < 5:
        node = board.decide(Choice(DRAFT, (0,), "new", "test"), Budget(limits=BudgetLimits()))
        board.end(node, RACED)


def test_it_starts_with_drafts_as_long_as_all_are_in_flight(board: Board, add: Add) -> None:
    for _ in range(5):
        assert choose(board) == Choice(DRAFT, (0,), "new", "draft")
        add(DRAFT)
    for _ in range(3):  # every branch is at work: the root is widened, for no slot shall stand idle
        assert choose(board) == Choice(DRAFT, (0,), "new", "widen")
        add(DRAFT)
    assert choose(board) is None


def test_an_open_chain_comes_before_a_new_draft_and_the_oldest_first(board: Board, add: Add) -> None:
    add(DRAFT)
    add(DRAFT, outcome=FAILED)
    add(DRAFT, outcome=0.9)
    assert choose(board) == Choice(DEBUG, (2,), "continue", "chain")
    add(DEBUG, 2, chain="continue")
    assert choose(board) == Choice(IMPROVE, (3,), "continue", "chain")
    add(IMPROVE, 3, chain="continue")
    assert choose(board) == Choice(DRAFT, (0,), "new", "draft")


def test_a_chain_improves_its_branchs_best_not_the_last_child(board: Board, add: Add) -> None:
    draft = add(DRAFT, outcome=0.5)
    add(IMPROVE, draft, chain="continue", outcome=0.4)
    assert choose(board) == Choice(IMPROVE, (draft,), "continue", "chain")
    better = add(IMPROVE, draft, chain="continue", outcome=0.6)
    assert choose(board) == Choice(IMPROVE, (better,), "continue", "chain")


def test_three_improvements_without_gain_give_the_branch_free(board: Board, add: Add) -> None:
    draft = add(DRAFT, outcome=0.5)
    for _ in range(3):
        add(IMPROVE, draft, chain="continue", outcome=0.4)
    assert choose(board) == Choice(DRAFT, (0,), "new", "draft")


@pytest.mark.parametrize("operators", [ALL - {DEBUG}, ALL])
def test_a_chain_that_cannot_go_on_has_expired(board: Board, add: Add, operators: frozenset[Operator]) -> None:
    draft = add(DRAFT, outcome=FAILED)
    if DEBUG in operators:
        board.refuse(add(DEBUG, draft, chain="continue"), EXHAUSTED)
    close(board)
    chain = board.tree.branches[draft].chain
    assert chain is not None
    assert chain.is_open == (DEBUG not in operators)
    assert choose(board, operators=operators) == Choice(DRAFT, (0,), "new", "widen")


def test_an_expired_chain_gives_way_to_a_new_one(board: Board, add: Add) -> None:
    draft = add(DRAFT, outcome=0.5)
    add(IMPROVE, draft, chain="continue", outcome=0.4)
    add(IMPROVE, draft, chain="continue", outcome=0.6)
    for _ in range(2):
        add(IMPROVE, 3, chain="new", outcome=0.2)
    add(IMPROVE, 3, chain="new", outcome=0.2)
    close(board)
    chain = board.tree.branches[draft].chain
    assert chain is not None
    assert chain.is_open
    found = choose(board)
    assert found is not None
    assert (found.chain, found.reason) == ("new", "uct")
    add(found.operator, *found.parents, chain=found.chain)


def test_a_full_root_goes_down_by_uct(board: Board, add: Add) -> None:
    close(board)
    draft = add(DRAFT, outcome=FAILED)
    for _ in range(3):
        draft = add(DEBUG, draft, chain="continue", outcome=FAILED)
    assert choose(board) == Choice(DEBUG, (draft,), "new", "uct")


def test_late_most_selections_are_among_elites_beyond_the_usual_cap(board: Board, add: Add) -> None:
    close(board)
    draft = add(DRAFT, outcome=0.5)
    for _ in range(3):
        add(IMPROVE, draft, chain="continue", outcome=0.4)
    early = Counter(choose(board, spent=0.5, seed=seed) for seed in range(200))
    assert {found.reason for found in early if found} == {"uct"}
    late = Counter(
        (found.reason, found.parents[0]) for seed in range(1000) if (found := choose(board, spent=0.9, seed=seed))
    )
    assert sum(count for (reason, _), count in late.items() if reason == "elite") == pytest.approx(800, abs=60)
    assert late["elite", draft] == pytest.approx(800 * 2 / 3, abs=60)


def test_elites_at_work_or_full_are_left_out(board: Board, add: Add) -> None:
    close(board)
    best = add(DRAFT, outcome=0.9)
    other = add(DRAFT, outcome=0.5)
    add(IMPROVE, best)
    only = SearchSettings(elite_uct_share=0.0, elite_improves=1)
    chosen = choose(board, spent=0.9, settings=only)
    assert chosen == Choice(IMPROVE, (other,), "continue", "chain")
    add(IMPROVE, other, chain="continue", outcome=RACED)
    found = choose(board, spent=0.9, settings=only)
    assert found is not None
    assert found.reason != "elite"


def test_a_stagnating_branch_is_evolved_and_only_by_an_engineer_that_can(board: Board, add: Add) -> None:
    close(board)
    draft = add(DRAFT, outcome=0.5)
    for _ in range(3):
        add(IMPROVE, draft, chain="continue", outcome=0.4)
    found = choose(board)
    assert found is not None
    assert (found.operator, found.reason) == (EVOLVE, "uct")
    found = choose(board, operators=ALL - {EVOLVE})
    assert found is not None
    assert (found.operator, found.reason) == (IMPROVE, "uct")


def test_a_stagnating_run_merges_across_branches(board: Board, add: Add) -> None:
    for utility in (0.8, 0.9):
        draft = add(DRAFT, outcome=utility)
        for _ in range(3):
            add(IMPROVE, draft, chain="continue", outcome=utility - 0.5)
    merge = Choice(MERGE, (5, 1), "new", "stagnation")
    assert choose(board) != merge
    close(board)
    assert choose(board) == merge
    found = choose(board, operators=ALL - {MERGE})
    assert found is not None
    assert found.operator is not MERGE
    board.refuse(add(MERGE, 5, 1), EXHAUSTED)
    found = choose(board)
    assert found is not None
    assert found.operator is not MERGE


def test_beyond_the_cap_it_drafts_only_when_everything_at_rest_is_exhausted(board: Board, add: Add) -> None:
    close(board)
    assert choose(board) == Choice(DRAFT, (0,), "new", "widen")
    good = add(DRAFT, outcome=0.5)
    while (found := choose(board)) is not None and found.operator is not DRAFT:
        assert board.tree[found.parents[0]].branch == good
        add(found.operator, *found.parents, chain=found.chain, outcome=RACED)
    assert found == Choice(DRAFT, (0,), "new", "widen")
    assert len(board.tree.children(good)) == SearchSettings().elite_improves


def test_widening_keeps_no_more_branches_at_work_than_the_widest(board: Board, add: Add) -> None:
    close(board)
    for _ in range(8):
        assert choose(board) == Choice(DRAFT, (0,), "new", "widen")
        add(DRAFT)
    assert choose(board) is None


def test_an_engineer_without_anything_ends_the_search(board: Board, add: Add) -> None:
    assert choose(board, operators=frozenset()) is None
    close(board)
    board.refuse(add(DRAFT), EXHAUSTED)
    assert choose(board) is None
