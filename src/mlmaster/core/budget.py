"""Hard limits of a run and what has been spent of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BudgetLimits(BaseModel):
    """What a run may spend; None means no limit of that kind."""

    model_config = ConfigDict(frozen=True)

    time_s: float | None = Field(default=None, gt=0)
    nodes: int | None = Field(default=None, gt=0)
    cost_usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)


class Budget(BaseModel):
    """Limits and spending at one moment. Nodes count every decision that was not refused, finished or in flight."""

    model_config = ConfigDict(frozen=True)

    limits: BudgetLimits
    elapsed_s: float = Field(default=0.0, ge=0)
    nodes: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0.0, ge=0)
    tokens: int = Field(default=0, ge=0)

    @property
    def fraction(self) -> float:
        """Return the spent share of the tightest limit, in [0, 1]; 0 when there is none."""
        pairs = (
            (self.elapsed_s, self.limits.time_s),
            (self.nodes, self.limits.nodes),
            (self.cost_usd, self.limits.cost_usd),
            (self.tokens, self.limits.tokens),
        )
        return min(
            1.0, max((spent / limit if limit else 1.0 for spent, limit in pairs if limit is not None), default=0.0)
        )

    @property
    def time_left_s(self) -> float:
        """Return the seconds left; infinity without a time limit."""
        return float("inf") if self.limits.time_s is None else max(0.0, self.limits.time_s - self.elapsed_s)

    @property
    def is_spent(self) -> bool:
        """Return True when any limit is reached."""
        return self.fraction >= 1.0
