"""The settings of a run. The string under each field is its documentation; `mlmaster settings` prints it.

Each part of ML-Master owns its own settings; here they are only put together. Read next: `layers.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from mlmaster.core.budget import BudgetLimits
from mlmaster.engine.settings import EngineSettings
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.llm.settings import LLMSettings
from mlmaster.sandbox.settings import SandboxSettings
from mlmaster.search.settings import SearchSettings
from mlmaster.settings.durations import parse_duration
from mlmaster.tasks.loaded import Overrides

SHORTEST_S, LONGEST_S = 10.0, 30 * 86400.0


def _check_time(text: str) -> str:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{error}; allowed: 10s to 30d") from error
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise ValueError("out of range; allowed: 10s to 30d")
    return text


class BudgetSettings(BaseModel):
    """Hard limits of a run; `none` lifts one."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    time: Annotated[str, AfterValidator(_check_time)] | None = "30m"
    """Wall-clock time of the whole run, final selection included: 90s, 5m, 1h30m."""
    nodes: int | None = Field(default=None, ge=1, le=1_000_000)
    """Solutions to make."""
    cost: float | None = Field(default=None, gt=0, le=1_000_000)
    """US dollars to spend on language models."""
    tokens: int | None = Field(default=None, ge=1, le=10**12)
    """Tokens to spend on language models."""

    @property
    def time_s(self) -> float | None:
        """Return the time limit in seconds."""
        return None if self.time is None else parse_duration(self.time)

    @property
    def limits(self) -> BudgetLimits:
        """Return the limits as the engine reads them."""
        return BudgetLimits(time_s=self.time_s, nodes=self.nodes, cost_usd=self.cost, tokens=self.tokens)


class Settings(BaseModel):
    """Everything that can be set."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of every random choice: folds, policy, engineer, scripts."""
    engineer: Literal["auto", "offline", "llm"] = "auto"
    """Who proposes solutions: llm asks language models, offline needs none; auto is llm where a model is named."""
    task: Overrides = Field(default_factory=Overrides)
    """Corrections to what is inferred about the task."""
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    """Hard limits of the run."""
    engine: EngineSettings = Field(default_factory=EngineSettings)
    """How solutions are run and compared."""
    search: SearchSettings = Field(default_factory=SearchSettings)
    """What is tried next."""
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    """How scripts are run."""
    llm: LLMSettings = Field(default_factory=LLMSettings)
    """Language models."""
    session: SessionSettings = Field(default_factory=SessionSettings)
    """How a language model works at one solution."""

    @field_validator("sandbox", mode="before")
    @classmethod
    def _read_former_name(cls, value: object) -> object:
        """Take the one word that runs from before there were such settings have in their `run.yaml`."""
        return {} if value == "process" else value

    def dump(self) -> dict[str, Any]:
        """Return plain data for `run.yaml`; secrets (`SecretStr` fields) are masked."""
        return self.model_dump(mode="json")
