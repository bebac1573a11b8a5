"""The best nodes of a run, spread over branches, and a draw among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from mlmaster.core.tree import Tree
from mlmaster.search.settings import SearchSettings


def find_elites(tree: Tree, fraction: float, settings: SearchSettings) -> list[int]:
    """Return the elite set, best first: the run's best nodes with a cap per branch, fewer late in the budget."""
    is_late = fraction >= settings.elite_until
    size = settings.elite_late if is_late else settings.elite_early
    per_branch = settings.elite_late_per_branch if is_late else settings.elite_early_per_branch
    found: list[int] = []
    taken: Counter[int] = Counter()
    for node in tree.ranking():
        branch = tree[node].branch
        if taken[branch] < per_branch:
            taken[branch] += 1
            found.append(node)
            if len(found) == size:
                break
    return found


def draw_by_rank(ranked: Sequence[tuple[int, int]], rng: Random) -> int:
    """Return one of the (rank, node) pairs' nodes with probability proportional to 1 / rank."""
    weights = [1.0 / rank for rank, _ in ranked]
    return rng.choices([node for _, node in ranked], weights)[0]
