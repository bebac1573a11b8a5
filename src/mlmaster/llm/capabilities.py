"""What a model can do: as its preset declares it, and as its refusals have taught.

Both only say; who leaves something out of a request, and tells the user of it, is `models.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from mlmaster.core.chat import ModelFacts, Placement
from mlmaster.llm.presets import Caching, Preset, Spoken, Thinking
from mlmaster.llm.settings import LLMSettings, RoleSettings

_LEFT_OUT: Mapping[str, str] = {
    "temperature": "takes no temperature; it is left out",
    "effort": "takes no reasoning effort; it is left out",
    "system": "takes no system message; it opens the first message of the user instead",
    "tools": "takes no tools natively; they are offered in words",
    "schema": "takes no schema of an answer; it is asked for in words",
    "max_output_tokens": "does not take the limit of a reply by its usual name; it goes by another, or is left out",
    "stream_usage": "does not count tokens while streaming; they are estimated",
    "cache": "takes no marks for its prompt cache; they are left out",
    "prefill": "does not go on with a begun answer; memory is placed in the prompt",
}

_BEGUN = (Placement.CONTINUE, Placement.COMPLETION)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a preset declares of one model.

    Attributes:
        name: As the user would write it.
        protocol: How it is spoken to, unless the user says otherwise.
        has_tools, has_schema: It takes tools, and enforces schemas.
        caching: Whether it caches prompts, and whether they must be marked for that.
        placements: Where thoughts can be placed besides the prompt, the best first.
        on_request: Ways taken only when asked for.
        context_tokens: Room for a request and its reply; None when not known.
        max_output_tokens: Most tokens of one reply; None when not known.
        refuses: Of `mlmaster.llm.providers.provider.PARAMETERS`, those that need no try.
        thinking: How it is made to think; None when it does not, or not so.
    """

    name: str
    protocol: Spoken = "chat"
    has_tools: bool = False
    has_schema: bool = False
    caching: Caching = "none"
    placements: tuple[Placement, ...] = ()
    on_request: tuple[Placement, ...] = ()
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    refuses: frozenset[str] = frozenset()
    thinking: Thinking | None = None


def capabilities(preset: Preset, model: str) -> Capabilities:
    """Return what a preset declares of a model."""
    entry = preset.entry(model)
    return Capabilities(
        name=preset.full_name(model),
        protocol=preset.protocol,
        has_tools=preset.has_tools and "tools" not in entry.refuses,
        has_schema=preset.has_schema and "schema" not in entry.refuses,
        caching=preset.caching,
        placements=preset.placements,
        on_request=preset.on_request,
        context_tokens=entry.context_tokens,
        max_output_tokens=entry.max_output_tokens,
        refuses=entry.refuses,
        thinking=entry.thinking,
    )


@dataclass(slots=True)
class Learned:
    """What one model has refused, remembered for all requests that follow. May be used from several threads.

    Attributes:
        declared: What its preset says it refuses; dropped from the beginning, and no news to anybody.
    """

    declared: frozenset[str] = frozenset()
    _refused: frozenset[str] = frozenset()
    _context_tokens: int | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def dropped(self) -> frozenset[str]:
        """Return the parameters that are left out."""
        return self.declared | self._refused

    @property
    def context_tokens(self) -> int | None:
        """Return what an overflow has said fits; None before one."""
        return self._context_tokens

    def drop(self, parameter: str) -> bool:
        """Leave a parameter out from now on; return True the first time it is told."""
        with self._lock:
            if parameter in self.dropped:
                return False
            self._refused |= {parameter}
            return True

    def overflowed(self, limit_tokens: int) -> bool:
        """Remember what an overflow says fits; return True when that is less than was known of it."""
        with self._lock:
            if self._context_tokens is not None and self._context_tokens <= limit_tokens:
                return False
            self._context_tokens = limit_tokens
            return True


def left_out(name: str, parameter: str) -> str:
    """Return the words for a user that a parameter is left out: `openai:o4-mini takes no temperature; it is left out`."""
    return f"{name} {_LEFT_OUT[parameter]}."


def unheard(declared: Capabilities, role: RoleSettings) -> tuple[str, ...]:
    """Return the words for what a user has set and a model is known not to take."""
    asked = {"temperature": role.temperature is not None, "effort": role.effort is not None}
    return tuple(left_out(declared.name, each) for each in asked if asked[each] and each in declared.refuses)


def facts(
    declared: Capabilities,
    learned: Learned,
    settings: LLMSettings,
    placement: Placement = Placement.PROMPT,
    usual_context_tokens: int | None = None,
) -> ModelFacts:
    """Return what an engineer is told of a model.

    Args:
        declared: By its preset.
        learned: From its refusals; what it says of itself stands above all other knowledge of its context.
        settings: `llm.context_limit` stands above what is declared, `llm.max_output_tokens` bounds it.
        placement: Where its provider places thoughts.
        usual_context_tokens: What is known of it elsewhere (`mlmaster.llm.prices.Prices.context_tokens`), where neither
            user nor preset says.
    """
    dropped = learned.dropped
    known = settings.context_limit or declared.context_tokens or usual_context_tokens
    limits = [limit for limit in (known, learned.context_tokens) if limit is not None]
    context_tokens = min(limits, default=None)
    output = min(settings.max_output_tokens, declared.max_output_tokens or settings.max_output_tokens)
    if context_tokens is not None:
        # a reply as long as the context would leave no room for what is asked
        output = min(output, context_tokens // 2)
    return ModelFacts(
        name=declared.name,
        context_tokens=context_tokens,
        max_output_tokens=output,
        has_tools=declared.has_tools and "tools" not in dropped and placement is not Placement.COMPLETION,
        # a schema would bind the begun answer too, which is none of it
        has_schema=declared.has_schema and "schema" not in dropped and placement not in _BEGUN,
        placement=Placement.PROMPT if "prefill" in dropped else placement,
    )
