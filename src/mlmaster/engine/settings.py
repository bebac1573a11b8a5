"""Settings of the run loop: slots, limits of an evaluation, folds, racing, the final reserve."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field

from mlmaster.core.scheme import SchemeKind


def usable_cores() -> int:
    """Return the number of CPU cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class EngineSettings(BaseModel):
    """How a run works; every field is a setting `engine.<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    slots: int = Field(default=0, ge=0, le=1024)
    """Evaluations at a time; 0 means one for each core, at most four."""
    threads: int = Field(default=0, ge=0, le=1024)
    """Threads each evaluation may use; 0 shares the cores among the slots."""
    proposal_workers: int = Field(default=0, ge=0, le=256)
    """Proposals at a time; 0 means three for each slot."""
    folds: int | None = Field(default=None, ge=1, le=20)
    """Folds of the hidden evaluation; by default 5 for small, 3 for medium and 1 for large data, fewer where rare classes ask
    for it."""
    fold_scheme: SchemeKind | None = None
    """Which rows are hidden together; by default what makes hidden rows look as the real test looks to train."""
    fold_key: str | None = None
    """Column (or derived key, as the table before a run names it) by which rows are hidden together; with row folds, by which
    they are kept together in guide or judge."""
    fold_repeats: int | None = Field(default=None, ge=1, le=20)
    """How often all rows are dealt into folds; by default once, and twice where there is no judge."""
    judge: bool | None = None
    """Keep a third of the hidden labels for a single look at the end; by default where that is enough to tell anything."""
    script_timeout_s: float = Field(default=0.0, ge=0)
    """Wall seconds one evaluation may take; 0 means a fifth of the time budget, between 30 s and 9 h."""
    memory_gb: float = Field(default=0.0, ge=0)
    """Memory one evaluation may use, in GiB; 0 shares three quarters of this machine's memory among the slots."""
    disk_gb: float = Field(default=10.0, gt=0)
    """Disk one evaluation may write, in GiB."""
    reserve: float = Field(default=0.05, ge=0, le=0.5)
    """Share of the time budget kept for the final selection, at least 8 s and at most 10 min."""
    test_rides_along: bool | None = None
    """Predict the real test rows in every evaluation; by default when that costs little."""
    racing_se: float = Field(default=2.0, ge=0)
    """A node more than this many standard errors behind its branch's best and the global best is stopped; 0 never stops."""
    attempts: int = Field(default=3, ge=1, le=10)
    """Answers an engineer may give for one decision before the decision is given up; a session of several turns is one."""
    infrastructure_retries: int = Field(default=2, ge=0, le=10)
    """Times an evaluation is run again after a failure of our own."""
    blend_members: int = Field(default=20, ge=1, le=200)
    """Best nodes the final blend may choose from."""

    @property
    def actual_slots(self) -> int:
        """Return the number of evaluations at a time."""
        return self.slots or max(1, min(4, usable_cores()))

    @property
    def actual_threads(self) -> int:
        """Return the threads of one evaluation."""
        return self.threads or max(1, usable_cores() // self.actual_slots)

    @property
    def actual_proposal_workers(self) -> int:
        """Return the number of proposals at a time."""
        return self.proposal_workers or 3 * self.actual_slots

    def timeout_s(self, time_s: float | None) -> float:
        """Return the wall seconds of one evaluation for a time budget."""
        if self.script_timeout_s:
            return self.script_timeout_s
        return 9 * 3600.0 if time_s is None else min(9 * 3600.0, max(30.0, time_s / 5))

    def reserve_s(self, time_s: float | None) -> float:
        """Return the seconds kept for the final selection."""
        return 0.0 if time_s is None else min(600.0, time_s / 2, max(8.0, self.reserve * time_s))
