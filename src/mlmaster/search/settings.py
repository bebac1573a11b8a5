"""Every constant of the search, as settings. The string under each field is its documentation."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SearchSettings(BaseModel):
    """Constants of the policies and of the rewards; the defaults are those of ML-Master 1.0 where it has one."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    policy: str = "mcts"
    """Which policy decides: `mcts`, `greedy` or `random`."""

    # ---- rewards and chains

    gain_errors: float = Field(default=1.0, ge=0)
    """How many standard errors a paired difference must exceed to be a gain."""
    chain_failures: int = Field(default=3, ge=1)
    """Improvements without gain, one after the other, that end a chain."""
    chain_debug_depth: int = Field(default=3, ge=1)
    """Debug depth from which a debug that fails ends its chain (the branch may be taken up again later)."""

    # ---- caps

    drafts: int = Field(default=5, ge=1)
    """Drafts before the root is full; more are made only when nothing else can be worked on."""
    widest: int = Field(default=8, ge=1)
    """Branches at work at a time up to which mcts drafts beyond the cap rather than leave a slot idle."""
    debugs: int = Field(default=1, ge=1)
    """Debug children of a faulty node."""
    improves: int = Field(default=3, ge=1)
    """Improve and evolve children of a good node."""
    terminal_debug_depth: int = Field(default=20, ge=1)
    """Debug depth at which a faulty node is given up for good."""
    refusals: int = Field(default=2, ge=1)
    """Refused decisions in a row after which an operator is not tried again on the same parent."""

    # ---- mcts: exploration

    exploration_start: float = Field(default=1.414, ge=0)
    """The constant C of UCT at the start."""
    exploration_end: float = Field(default=0.5, ge=0)
    """The constant C of UCT at the end."""
    exploration_schedule: Literal["budget", "published"] = "budget"
    """How C goes from start to end: `budget` is linear in the spent share of the budget, `published` is ML-Master 1.0's
    piecewise schedule in finished nodes."""
    published_nodes: int = Field(default=500, ge=1)
    """Nodes of a whole run, for the published schedule, when there is no node budget."""
    published_hold: float = Field(default=0.3, ge=0, le=1)
    """Published schedule: share of the nodes up to which C stays at its start (or `drafts` · `improves`², if fewer)."""
    published_step: float = Field(default=0.01, ge=0)
    """Published schedule: what C loses per node after that."""
    published_floor: float = Field(default=0.7, ge=0, le=1)
    """Published schedule: share of the nodes after which C is at its end."""

    # ---- mcts: elites

    elite_from: float = Field(default=0.5, ge=0, le=1)
    """Spent share of the budget up to which every selection is by UCT."""
    elite_until: float = Field(default=0.7, ge=0, le=1)
    """Spent share of the budget from which the shares of UCT and elites, and the late elite set, are final."""
    elite_uct_share: float = Field(default=0.2, ge=0, le=1)
    """Final probability that a selection is by UCT."""
    elite_early: int = Field(default=5, ge=1)
    """Size of the elite set before `elite_until`."""
    elite_early_per_branch: int = Field(default=3, ge=1)
    """Elites of one branch before `elite_until`."""
    elite_late: int = Field(default=3, ge=1)
    """Size of the elite set from `elite_until` on."""
    elite_late_per_branch: int = Field(default=2, ge=1)
    """Elites of one branch from `elite_until` on."""
    elite_improves: int = Field(default=10, ge=1)
    """Improve and evolve children of an elite, when it is chosen as one."""

    # ---- mcts: stagnation

    evolve_window: int = Field(default=3, ge=1)
    """A branch stagnates when none of this many last scored or raced nodes beats the best before them."""
    evolve_successes: int = Field(default=2, ge=1)
    """Scored nodes a branch needs before it can stagnate."""
    merge_window: int = Field(default=4, ge=1)
    """A run stagnates when none of this many last scored or raced nodes beats the best before them."""
    merge_branches: int = Field(default=2, ge=2)
    """Branches with enough scored nodes that a merge needs."""
    merge_successes: int = Field(default=2, ge=1)
    """Scored nodes that make a branch fit for a merge."""
    merges: int = Field(default=2, ge=0)
    """Merges in one run."""

    # ---- greedy

    greedy_debug_probability: float = Field(default=0.5, ge=0, le=1)
    """Probability that `greedy` debugs when there is something to debug and something to improve."""
    greedy_debug_depth: int = Field(default=3, ge=0)
    """Greatest debug depth of a node that `greedy` still debugs."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.elite_until < self.elite_from:
            raise ValueError(f"elite_until ({self.elite_until}) must not be below elite_from ({self.elite_from})")
        if self.published_floor < self.published_hold:
            raise ValueError(
                f"published_floor ({self.published_floor}) must not be below published_hold ({self.published_hold})"
            )
        return self
