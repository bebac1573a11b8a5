"""What an outcome is worth: computed once, at its place in the journal, and stored in the event.

The engine is the only caller; resume and replay read the stored numbers and compute nothing again. Noise is the engine's
part too: it brings the paired difference and its standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlmaster.core.node import OUTCOMES, Node, NodeState, Operator
from mlmaster.core.tree import Chain, Tree
from mlmaster.search.settings import SearchSettings


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a node, before it is judged.

    Attributes:
        state: SCORED, RACED, FAILED or ABANDONED.
        utility: Set when SCORED; higher is better.
        difference: Mean paired difference in utility to the branch's best over the folds both have; None when the
            branch has no best yet.
        standard_error: Standard error of `difference`.
    """

    state: NodeState
    utility: float | None = None
    difference: float | None = None
    standard_error: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `NodeFinished` stores; the fields have the same names and meanings there."""

    gain: bool
    is_new_best: bool
    has_removed_fault: bool
    chain_ended: bool
    reward: float | None


def judge(tree: Tree, node_id: int, outcome: Outcome, settings: SearchSettings) -> Verdict:
    """Judge an outcome against the best at this moment; the tree must not have taken it in yet.

    The reward is ML-Master 1.0's (arXiv 2506.16499, §3.1): -1 for a fault; else 1 for a new best, 1 for a removed fault,
    and 1 more, once per chain, when its improvement process ends by its stop rule. RACED earns nothing of the first two.
    A chain ends by that stop rule, when a debug no longer fails, or when one of debug depth `chain_debug_depth` does.

    Raises:
        ValueError: The outcome contradicts itself or the tree.
    """
    node = tree[node_id]
    branch = tree.branches[node.branch]
    chain = branch.chain if branch.chain is not None and branch.chain.in_flight == node_id else None
    is_scored = outcome.state is NodeState.SCORED
    if outcome.state not in OUTCOMES or node.state.is_final:
        raise ValueError(f"node {node_id} is {node.state} and cannot become {outcome.state}")
    if is_scored and outcome.utility is None:
        raise ValueError(f"node {node_id} is scored but has no utility")
    if is_scored and (outcome.difference is None) != (branch.best is None):
        raise ValueError(f"node {node_id}: a difference is {outcome.difference}, its branch's best is {branch.best}")
    if outcome.state is NodeState.ABANDONED:
        return Verdict(False, False, False, chain_ended=chain is not None, reward=None)
    if outcome.state is NodeState.FAILED:
        is_given_up = chain is not None and node.debug_depth >= settings.chain_debug_depth
        return Verdict(False, False, False, chain_ended=is_given_up, reward=-1.0)
    gain = is_scored and _is_gain(outcome, settings)
    is_new_best = is_scored and _is_new_best(tree, outcome)
    has_removed_fault = node.operator is Operator.DEBUG
    has_finished = chain is not None and not gain and _is_last_failure(chain, node, settings)
    return Verdict(
        gain=gain,
        is_new_best=is_new_best,
        has_removed_fault=has_removed_fault,
        chain_ended=has_finished or (chain is not None and has_removed_fault),
        reward=float(is_new_best + (has_removed_fault and is_scored) + has_finished),
    )


def _is_gain(outcome: Outcome, settings: SearchSettings) -> bool:
    if outcome.difference is None:
        return True
    return outcome.difference > 0 and outcome.difference > settings.gain_errors * outcome.standard_error


def _is_new_best(tree: Tree, outcome: Outcome) -> bool:
    best = None if tree.best is None else tree[tree.best].utility
    return best is None or (outcome.utility is not None and outcome.utility > best)


def _is_last_failure(chain: Chain, node: Node, settings: SearchSettings) -> bool:
    return node.operator.is_improvement and chain.failures + 1 >= settings.chain_failures
