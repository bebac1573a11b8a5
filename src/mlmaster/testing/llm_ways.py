"""The six ways in which a run can ask a model of `LLMServer`, each as the settings a user would give.

    with LLMServer(CompetentCoder(), key="any") as server:
        mlmaster.solve("wine", settings=WAYS["prefix"].settings(server))

What they differ in is the protocol and where memory stands; keys are read from the variables named in `KEYS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mlmaster.core.chat import Placement
from mlmaster.testing.llm_server import LLMServer
from mlmaster.testing.llm_wire.exchange import Speech

KEYS: Sequence[str] = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "VLLM_API_KEY")
"""Environment variables that the models' providers take their key from."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking.

    Attributes:
        name: Short, for tables and tests.
        model: As a user would name it; its preset knows the way, unless `more` says it.
        protocol: What the server then hears.
        placement: Where memory then stands.
        has_tools: Tools are called natively.
        address: Which of the server's addresses is the provider's.
        more: Further settings.
    """

    name: str
    model: str
    protocol: Speech
    placement: Placement = Placement.PROMPT
    has_tools: bool = True
    address: Literal["url", "openai_url", "beta_url"] = "openai_url"
    more: Mapping[str, str] = field(default_factory=dict)

    def settings(self, server: LLMServer) -> dict[str, str]:
        """Return the settings by dotted key."""
        return {"llm.model": self.model, "llm.base_url": getattr(server, self.address), **self.more}

    @property
    def is_steered(self) -> bool:
        """Return True where memory stands in the model's own reasoning."""
        return self.placement is not Placement.PROMPT


WAYS: Mapping[str, Way] = {
    way.name: way
    for way in (
        Way("chat", "openai:gpt-5", "chat", more={"llm.protocol": "chat"}),
        Way("responses", "openai:gpt-5", "responses"),
        Way("messages", "anthropic:claude-sonnet-4-5", "messages", address="url"),
        Way("continue", "vllm:qwen3-8b", "chat", Placement.CONTINUE, has_tools=False),
        Way("prefix", "deepseek:deepseek-chat", "chat", Placement.PREFIX, address="beta_url"),
        Way(
            "completion",
            "vllm:qwen3-8b",
            "completions",
            Placement.COMPLETION,
            has_tools=False,
            more={"llm.steering": "completion"},
        ),
    )
}
"""All ways by name."""
