"""The providers that are known by name: data in `presets.yaml`, and how a model's name leads to one of them.

Nothing here speaks to anybody: what a preset and a model together can do is `capabilities.py`, and a provider is made of them
in `making.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, field_validator

from mlmaster.core.chat import Placement
from mlmaster.errors import SettingsError
from mlmaster.llm.providers.provider import PARAMETERS

Caching = Literal["none", "automatic", "marked"]
Spoken = Literal["chat", "responses", "messages"]

COMPATIBLE = "compatible"


class Thinking(BaseModel):
    """How a model of Anthropic's is told to think.

    Attributes:
        kind: `budget` of tokens, or `adaptive`: it decides, guided by an effort.
        is_default: It thinks without being asked.
        turned_off_by: The `thinking.type` that turns it off; None where it thinks only when asked, or always.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["budget", "adaptive"]
    is_default: bool = False
    turned_off_by: Literal["disabled", "between_tools"] | None = None


class ModelEntry(BaseModel):
    """What is known of the models whose names fit one of some patterns.

    Attributes:
        names: Patterns as in a shell, of lower-case names.
        context_tokens: Room for a request and its reply together.
        max_output_tokens: Most tokens of one reply.
        refuses: Of `mlmaster.llm.providers.provider.PARAMETERS`, those that are not worth a try.
        thinking: How to make it think; only of the protocol `messages`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    refuses: frozenset[str] = frozenset()
    thinking: Thinking | None = None

    @field_validator("refuses")
    @classmethod
    def _are_parameters(cls, refuses: frozenset[str]) -> frozenset[str]:
        if unknown := refuses - set(PARAMETERS):
            raise ValueError(f"not among {', '.join(PARAMETERS)}: {', '.join(sorted(unknown))}")
        return refuses


class Preset(BaseModel):
    """A provider that is known by name.

    Attributes:
        name: As written before the colon of a model.
        title: For people.
        protocol: How it is spoken to.
        base_url: Its address; None where the user must give one.
        prefix_url: Its address for begun answers (`Placement.PREFIX`), where that is another one.
        key_envs: Environment variables that may hold its key, the usual one first.
        is_local: It runs on the user's own machines: it needs no key, and asking it costs nothing.
        prices: What `genai-prices` calls it; None where it has no prices of it.
        names: Patterns of model names that are known to be its own, and need no preset before them.
        has_tools: It takes tools natively without being set up for it.
        has_schema: It enforces the schema of an answer.
        caching: Whether it caches the beginnings of prompts: of itself, or where they are `marked`.
        placements: Where thoughts can be placed besides the prompt, the best first.
        on_request: Ways to place thoughts that it may have, taken only when `llm.steering` says so.
        models: What is known of single models; the first entry that fits counts.
        note: What a user should know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    protocol: Spoken
    base_url: str | None = None
    prefix_url: str | None = None
    key_envs: tuple[str, ...] = ()
    is_local: bool = False
    prices: str | None = None
    names: tuple[str, ...] = ()
    has_tools: bool = False
    has_schema: bool = False
    caching: Caching = "none"
    placements: tuple[Placement, ...] = ()
    on_request: tuple[Placement, ...] = ()
    models: tuple[ModelEntry, ...] = ()
    note: str = ""

    @property
    def needs_key(self) -> bool:
        """Return True when it answers nobody without a key."""
        return bool(self.key_envs) and not self.is_local

    def full_name(self, model: str) -> str:
        """Return a model's name as a user would write it."""
        return f"{self.name}:{model}"

    def entry(self, model: str) -> ModelEntry:
        """Return what is known of a model; an entry that says nothing for one that is not."""
        return next((entry for entry in self.models if _fits(model, entry.names)), ModelEntry(names=()))


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name, in the order of the file."""
    loaded = yaml.safe_load((files("mlmaster.llm") / "presets.yaml").read_text(encoding="utf-8"))
    found = TypeAdapter(list[Preset]).validate_python([{"name": name, **fields} for name, fields in loaded.items()])
    return {preset.name: preset for preset in found}


def find_preset(model: str, base_url: str | None = None) -> tuple[Preset, str]:
    """Return the preset a model's name leads to, and the name the provider knows the model by.

    Args:
        model: `preset:model`; or a bare name, which some preset knows as its own or which is found at `base_url`. Only a
            known preset before the first colon counts as one, since names of models may have colons too (`qwen3:8b`).
        base_url: An address of the user's own.

    Raises:
        SettingsError: Nothing is known by that name, or the address is none.
    """
    model = model.strip()
    if base_url is not None:
        check_address(base_url)
    first, colon, rest = model.partition(":")
    if colon and first in presets():
        if not rest.strip():
            raise SettingsError(f"llm.model={model!r} names no model; write it after the colon: {first}:MODEL.")
        return presets()[first], rest.strip()
    if not model:
        raise SettingsError("llm.model is empty; write provider:model, as in openai:gpt-5 or ollama:qwen3:8b.")
    if base_url is not None:
        return _preset_at(base_url), model
    for preset in presets().values():
        if not colon and "/" not in model and _fits(model, preset.names):
            return preset, model
    raise SettingsError(_unknown(model, first if colon else ""))


def check_address(base_url: str) -> None:
    """Refuse what is no address of a provider.

    Raises:
        SettingsError: It does not begin with http:// or https://, has no host, or a password or a query in it.
    """
    try:
        parts = urlsplit(base_url)
        host, has_user = parts.hostname, parts.username is not None
    except ValueError:
        parts, host, has_user = None, None, False
    if has_user:
        raise SettingsError(
            "llm.base_url has a user or password in it, which would be kept in the run's files; "
            "put the key into an environment variable and name that in llm.key_env."
        )
    if parts is not None and (parts.query or parts.fragment):
        # not shown, since a key may be in it
        raise SettingsError(
            "llm.base_url has a query (`?…`) or a fragment (`#…`), which are not sent and would be kept in the run's files; "
            "give the address without, and a key in an environment variable that llm.key_env names."
        )
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise SettingsError(
            f"llm.base_url={base_url!r} is no address; write it in full, as in http://localhost:8000/v1."
        )


def _fits(model: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(model.lower(), pattern) for pattern in patterns)


def _preset_at(base_url: str) -> Preset:
    # a port of this machine says nothing of the server behind it
    host = urlsplit(base_url).hostname
    for preset in presets().values():
        if preset.base_url is not None and not preset.is_local and urlsplit(preset.base_url).hostname == host:
            return preset
    return presets()[COMPATIBLE]


def _unknown(model: str, before_colon: str) -> str:
    known = list(presets())
    named, _, rest = model.partition(":" if before_colon else "/")
    if near := get_close_matches(named.lower(), known, n=1):
        said = f"no provider is called {named!r}; did you mean {near[0]}:{rest or 'MODEL'}?"
    elif before_colon:
        said = f"no provider is called {named!r}; did you mean ollama:{model}?"
    else:
        said = "that name does not say whose model it is."
    return (
        f"llm.model={model!r}: {said} Write provider:model, where the provider is one of {', '.join(known)}, "
        "or give the address of its server with llm.base_url."
    )
