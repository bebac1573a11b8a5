"""When a branch or a run no longer gets better, and which branches a merge then joins.

The window is compared with the best *before* it: the best of all is in the window exactly when something there beat
everything earlier, because on a tie the node scored first stays best.
"""

from __future__ import annotations

from mlmaster.core.node import Operator
from mlmaster.core.tree import Tree
from mlmaster.search.settings import SearchSettings


def is_branch_stagnating(tree: Tree, branch: int, settings: SearchSettings) -> bool:
    """Return True when none of the branch's last scored or raced nodes beats the best before them."""
    record = tree.branches[branch]
    if record.best is None or len(record.outcomes) < settings.evolve_successes:
        return False
    return record.best not in record.compared[-settings.evolve_window :]


def is_run_stagnating(tree: Tree, settings: SearchSettings) -> bool:
    """Return True when none of the run's last scored or raced nodes beats the best before them."""
    return tree.best is not None and tree.best not in tree.compared[-settings.merge_window :]


def find_merge(tree: Tree, settings: SearchSettings) -> tuple[int, int] | None:
    """Return the two nodes to merge across branches, the better one first, or None.

    Only in a stagnating run, below the cap on merges, with none in flight or within the window, and when enough branches
    have enough scored nodes. The primary is the best of the best such branch, and only when nothing is in flight there;
    the other is the best of the next branch it has not been merged with.
    """
    if tree.count_nodes(Operator.MERGE) >= settings.merges or not is_run_stagnating(tree, settings):
        return None
    recent = (*tree.in_flight, *tree.compared[-settings.merge_window :])
    if any(tree[node].operator is Operator.MERGE for node in recent):
        return None
    fit = [
        (tree[branch.best].utility or 0.0, -branch.best, branch.best)
        for branch in tree.branches.values()
        if branch.best is not None and len(branch.outcomes) >= settings.merge_successes
    ]
    if len(fit) < settings.merge_branches:
        return None
    primary, *others = (node for _, _, node in sorted(fit, reverse=True))
    if tree.pending(tree[primary].branch) > 0:
        return None
    merged = {parent for child in tree.children(primary) for parent in tree[child].parents}
    return next(((primary, other) for other in others if other not in merged), None)
