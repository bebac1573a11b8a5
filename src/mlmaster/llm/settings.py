"""Settings of the language models: which one plays which role, how it is reached, how patiently, at what price."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mlmaster.core.chat import Role

Protocol = Literal["auto", "chat", "responses", "messages"]
Effort = Literal["off", "minimal", "low", "medium", "high"]


class Price(BaseModel):
    """US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, le=1e6)
    output: float = Field(ge=0, le=1e6)
    cached: float | None = Field(default=None, ge=0, le=1e6)
    written: float | None = Field(default=None, ge=0, le=1e6)


class RoleSettings(BaseModel):
    """What one role has of its own; what is not given is as for all."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str | None = None
    """Model of this role, as `llm.model`."""
    base_url: str | None = None
    """Address of this role's provider."""
    key_env: str | None = None
    """Environment variable that holds this role's key."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Temperature of this role."""
    effort: Effort | None = None
    """How much this role's model reasons."""


class LLMSettings(BaseModel):
    """Which models are asked and how; every field is a setting `llm.<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str | None = None
    """Model of all roles: `provider:model` (`openai:gpt-5`, `anthropic:claude-sonnet-4-5`, `ollama:qwen3:8b`; `mlmaster
    models` lists the providers), or a model's name alone where it says whose it is, or where `llm.base_url` is given."""
    base_url: str | None = None
    """Address of the provider, where it is not the preset's: `http://localhost:8000/v1`."""
    key_env: str | None = None
    """Name of the environment variable that holds the key, where it is not the preset's; a key itself is no setting."""
    protocol: Protocol = "auto"
    """How the provider is spoken to: chat (OpenAI's chat completions, which most servers speak), responses (OpenAI's
    Responses), messages (Anthropic's); by default as its preset says."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Temperature; by default the provider's own."""
    effort: Effort | None = None
    """How much a reasoning model reasons; off where it can be turned off; by default the provider's own."""
    max_output_tokens: int = Field(default=16_000, ge=256, le=1_000_000)
    """Most tokens of one reply, reasoning included."""
    context_limit: int | None = Field(default=None, ge=2_000)
    """Tokens the model takes, request and reply together, where that is not known of it: of a local server, say."""
    planner: RoleSettings = Field(default_factory=RoleSettings)
    """The role that says what to do; where its model is the coder's, one reply both plans and codes."""
    coder: RoleSettings = Field(default_factory=RoleSettings)
    """The role that writes scripts."""
    feedback: RoleSettings = Field(default_factory=RoleSettings)
    """The role that gives a second opinion on suspicious scripts."""
    summariser: RoleSettings = Field(default_factory=RoleSettings)
    """The role that shortens what is too long to be shown."""
    steering: Literal["auto", "prompt", "continue", "prefix", "completion"] = "auto"
    """Where memory is placed: in the prompt, or in the model's own reasoning by one of three ways; auto takes the way its
    provider has, else the prompt."""
    template: Literal["auto", "deepseek", "qwen3"] = "auto"
    """Chat template of raw completions (`llm.steering=completion`); auto goes by the model's name."""
    first_token_s: float = Field(default=300.0, gt=0)
    """Seconds to wait for the first token."""
    idle_s: float = Field(default=60.0, gt=0)
    """Seconds a reply that has begun may stand still."""
    retries: int = Field(default=4, ge=0, le=20)
    """Times a call is tried again at once when its provider stumbles, before its provider counts as away."""
    patience: float = Field(default=1800.0, ge=0)
    """Seconds to wait for a provider that is away; evaluations go on meanwhile."""
    prices: Mapping[str, Price] = Field(default_factory=dict)
    """Prices of your own, by model: `{my-model: {input: 0.5, output: 2.0}}`, US dollars a million tokens."""
    replay: Path | None = None
    """A run whose recorded replies are given instead of asking anybody; needs no network."""

    def of(self, role: Role) -> RoleSettings:
        """Return what a role has, its own first, then what holds for all."""
        own: RoleSettings = getattr(self, role.value)
        mine = own.model or own.base_url
        return RoleSettings(
            model=own.model or self.model,
            # an address or key of the common model says nothing of a role's own model
            base_url=own.base_url if mine else self.base_url,
            key_env=own.key_env or (None if mine else self.key_env),
            temperature=self.temperature if own.temperature is None else own.temperature,
            effort=own.effort or self.effort,
        )

    @property
    def is_named(self) -> bool:
        """Return True when there is a model to ask."""
        return self.model is not None or self.coder.model is not None or self.replay is not None
