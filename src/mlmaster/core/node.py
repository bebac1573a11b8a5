"""One node of the search tree: a solution with its plan, evaluation and lineage, as an immutable record.

States and the moves between them:

    DECIDED ──► REFUSED                      the engineer had nothing that may be run; no visit, no reward
       │
       └──► PROPOSED ──► SCORED              every fold scored
                    ├──► RACED               stopped early: cannot catch up; never best, never in a blend
                    ├──► FAILED              the script's fault, named by `fault`
                    └──► ABANDONED           infrastructure: ours, earns nothing, no visit
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlmaster.core.execution import Fault

ROOT = 0
"""Id of the virtual root: no code, never evaluated; its children are the drafts."""


class Operator(StrEnum):
    """How a node comes from its parents."""

    DRAFT = "draft"
    IMPROVE = "improve"
    EVOLVE = "evolve"
    DEBUG = "debug"
    MERGE = "merge"

    @property
    def is_improvement(self) -> bool:
        """Return True when the operator works on good nodes: the outcome is compared with its branch's best."""
        return self in (Operator.IMPROVE, Operator.EVOLVE, Operator.MERGE)


class NodeState(StrEnum):
    """Where a node is in its life; see the module docstring."""

    DECIDED = "decided"
    PROPOSED = "proposed"
    REFUSED = "refused"
    SCORED = "scored"
    RACED = "raced"
    FAILED = "failed"
    ABANDONED = "abandoned"

    @property
    def is_final(self) -> bool:
        """Return True when no event will change the node any more."""
        return self not in (NodeState.DECIDED, NodeState.PROPOSED)


TRANSITIONS: Mapping[NodeState, frozenset[NodeState]] = {
    NodeState.DECIDED: frozenset({NodeState.PROPOSED, NodeState.REFUSED, NodeState.ABANDONED}),
    NodeState.PROPOSED: frozenset({NodeState.SCORED, NodeState.RACED, NodeState.FAILED, NodeState.ABANDONED}),
}
"""Legal moves; every state not listed is final."""

OUTCOMES = frozenset({NodeState.SCORED, NodeState.RACED, NodeState.FAILED, NodeState.ABANDONED})
"""What `NodeFinished` may say."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the events so far describe it.

    Attributes:
        id: Number of the decision that made it, from 1.
        operator: How it was made.
        parents: Ids; the first is primary (values are backed up along it). `(ROOT,)` for a draft.
        branch: Id of the draft it descends from by primary parents.
        depth: Number of primary ancestors below the root; a draft has 0.
        debug_depth: Consecutive debug operators ending here; 0 when this is no debug.
        state: See `NodeState`.
        plan, edit, recipe, code_hash: From the proposal.
        folds: (fold, metric value on the guide part) of every scored fold, in order of completion.
        value: Metric value over the scored folds (guide part), in the metric's own direction; None unless
            SCORED or RACED.
        utility: `value` oriented so that higher is better.
        fault, detail: Why it failed or was refused; `detail` of a PROPOSED node: why the run has no time left for it.
        gain: SCORED and better than its branch's best by more than one standard error, or the first of its branch.
        reward: What was backed up, or None when nothing was.
        wall_s: Wall seconds of all its evaluations.
    """

    id: int
    operator: Operator
    parents: tuple[int, ...]
    branch: int
    depth: int
    debug_depth: int
    state: NodeState = NodeState.DECIDED
    plan: str = ""
    edit: str = ""
    recipe: Mapping[str, Any] | None = None
    code_hash: str = ""
    folds: tuple[tuple[int, float], ...] = ()
    value: float | None = None
    utility: float | None = None
    fault: Fault | None = None
    detail: str = ""
    gain: bool = False
    reward: float | None = None
    wall_s: float = 0.0

    @property
    def parent(self) -> int:
        """Return the primary parent's id."""
        return self.parents[0]

    @property
    def is_faulty(self) -> bool:
        """Return True when a debug operator applies."""
        return self.state is NodeState.FAILED

    @property
    def is_good(self) -> bool:
        """Return True when every fold is scored: it may be best, be improved and join a blend."""
        return self.state is NodeState.SCORED
