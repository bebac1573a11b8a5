"""What the scores of a node come to, against the noise: still in the race, and what its end is worth."""

from __future__ import annotations

from mlmaster.core.events import NodeFinished
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState
from mlmaster.core.score import Direction
from mlmaster.core.tree import Tree
from mlmaster.engine.ledger import Ledger
from mlmaster.engine.noise import paired_difference
from mlmaster.search.judgement import Outcome, judge
from mlmaster.search.settings import SearchSettings


def hopeless_value(tree: Tree, ledger: Ledger, direction: Direction, racing_se: float, node: int) -> float | None:
    """Return the value a hopeless node is given, or None to go on with it.

    Hopeless is more than `racing_se` standard errors behind both its branch's best and the global best, on the folds they
    share; the value is the global best's plus the paired difference.
    """
    best, of_branch = tree.best, tree.branches[tree[node].branch].best
    if best is None or of_branch is None or not racing_se:
        return None
    for reference in {best, of_branch}:
        difference, error = paired_difference(ledger.scores[node], ledger.scores[reference], direction)
        if error == 0.0 or difference >= -racing_se * error:
            return None
    difference, _ = paired_difference(ledger.scores[node], ledger.scores[best], direction)
    return direction.to_value((tree[best].utility or 0.0) + difference)


def finish(
    tree: Tree,
    ledger: Ledger,
    direction: Direction,
    search: SearchSettings,
    node: int,
    state: NodeState,
    *,
    value: float | None = None,
    fault: Fault | None = None,
    detail: str = "",
    wall_s: float = 0.0,
) -> NodeFinished:
    """Return the event that ends a node; everything noise and constants decide is fixed in it.

    Args:
        tree: The tree before the event.
        ledger: Scores and times so far.
        direction: Of the metric.
        search: Constants of rewards and chains.
        node: The node.
        state: Its final state.
        value: SCORED or RACED: the metric.
        fault: FAILED or ABANDONED: why, with `detail`.
        detail: One line on the fault.
        wall_s: Seconds of the evaluation that failed.
    """
    utility = None if value is None else direction.to_utility(value)
    difference: float | None = None
    error = 0.0
    of_branch = tree.branches[tree[node].branch].best
    if state is NodeState.SCORED and of_branch is not None:
        difference, error = paired_difference(ledger.scores[node], ledger.scores[of_branch], direction)
    outcome = Outcome(state, utility if state is NodeState.SCORED else None, difference, error)
    verdict = judge(tree, node, outcome, search)
    return NodeFinished(
        node=node,
        state=state,
        value=value,
        utility=utility,
        fault=fault,
        detail=detail,
        gain=verdict.gain,
        is_new_best=verdict.is_new_best,
        has_removed_fault=verdict.has_removed_fault,
        chain_ended=verdict.chain_ended,
        reward=verdict.reward,
        wall_s=ledger.wall_s.get(node, 0.0) + wall_s,
    )
