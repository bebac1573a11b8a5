"""How the search changes over a run: the exploration constant, and the share of selections that go by UCT."""

from __future__ import annotations

from mlmaster.core.budget import Budget
from mlmaster.core.tree import Tree
from mlmaster.search.settings import SearchSettings


def exploration(tree: Tree, budget: Budget, settings: SearchSettings) -> float:
    """Return the constant C of UCT at this moment."""
    if settings.exploration_schedule == "published":
        return published_exploration(len(tree.finished), budget.limits.nodes, settings)
    start, end = settings.exploration_start, settings.exploration_end
    return start + (end - start) * budget.fraction


def published_exploration(finished: int, node_limit: int | None, settings: SearchSettings) -> float:
    """Return C after ML-Master 1.0's piecewise schedule.

    At its start for min(`drafts` · `improves`², `published_hold` of all nodes) nodes; then `published_step` less per node
    down to its end; at its end after `published_floor` of all nodes.
    """
    nodes = settings.published_nodes if node_limit is None else node_limit
    hold = min(settings.drafts * settings.improves**2, settings.published_hold * nodes)
    if finished <= hold:
        return settings.exploration_start
    if finished > settings.published_floor * nodes:
        return settings.exploration_end
    return max(settings.exploration_end, settings.exploration_start - settings.published_step * (finished - hold))


def uct_share(fraction: float, settings: SearchSettings) -> float:
    """Return the probability that a selection is by UCT: 1 at first, falling linearly to `elite_uct_share`."""
    if fraction <= settings.elite_from:
        return 1.0
    if fraction >= settings.elite_until:
        return settings.elite_uct_share
    passed = (fraction - settings.elite_from) / (settings.elite_until - settings.elite_from)
    return 1.0 - (1.0 - settings.elite_uct_share) * passed
