"""What tokens cost: by the user's table, else by the data that `genai-prices` brings along; nothing is ever fetched.

Models on the user's own machines cost nothing, and tokens of a model whose price nobody knows are counted as such, so that
a total of dollars never looks complete when it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mlmaster.core.usage import Usage
from mlmaster.llm.presets import Preset
from mlmaster.llm.settings import Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider


@dataclass(frozen=True, slots=True)
class MeteredUsage(Usage):
    """Usage of one call as its provider counts it, before it has a price.

    Attributes:
        written_tokens: Of `input_tokens`, those written into the provider's cache, which costs more than reading them.
    """

    written_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """What calls cost.

    Attributes:
        table: The user's own prices, by a model's full name (`openai:gpt-5`), its bare name, or a pattern with `*`.
    """

    table: Mapping[str, Price]

    def price(self, model: str, preset: Preset, usage: Usage, address: str | None = None) -> Usage:
        """Return a usage with what it costs: in `cost_usd`, or in `unpriced_tokens` where the price is not known.

        The user's table is asked first, then `genai-prices`. What runs on the user's own machines (vLLM, SGLang, Ollama,
        llama.cpp, at whatever address) costs nothing unless the table says otherwise.

        Args:
            model: As its provider knows it.
            preset: Its provider.
            usage: What was used; a `MeteredUsage` has tokens written into a cache priced as such.
            address: Of the provider, by which one without a preset may be known.
        """
        counted = Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            calls=usage.calls,
        )
        cost = self._cost(model, preset, usage, address)
        if cost is None:
            return replace(counted, unpriced_tokens=usage.tokens)
        return replace(counted, cost_usd=cost)

    def worst(
        self, model: str, preset: Preset, input_tokens: int, output_tokens: int, address: str | None = None
    ) -> Usage:
        """Return the most that a call of so many tokens may cost: nothing of it cached, all of it, or all written there."""
        plain = MeteredUsage(input_tokens=input_tokens, output_tokens=output_tokens, calls=1)
        read = replace(plain, cached_tokens=input_tokens)
        # who caches unasked may count what is written too, and a price of it is the user's to name
        written = replace(plain, written_tokens=input_tokens)
        dearest = max(
            (self.price(model, preset, each, address) for each in (plain, read, written)),
            key=lambda usage: usage.cost_usd,
        )
        return replace(dearest, cached_tokens=0)

    def context_tokens(self, model: str, preset: Preset, address: str | None = None) -> int | None:
        """Return the context of a model, where `genai-prices` knows it."""
        found = _listed(model, preset, address)
        return None if found is None else found[1].context_window

    def _cost(self, model: str, preset: Preset, usage: Usage, address: str | None) -> float | None:
        read = min(usage.cached_tokens, usage.input_tokens)
        metered = usage.written_tokens if isinstance(usage, MeteredUsage) else 0
        written = min(metered, usage.input_tokens - read)
        if (own := self._own(model, preset)) is not None:
            plain = usage.input_tokens - read - written
            dollars = (
                plain * own.input
                + read * (own.input if own.cached is None else own.cached)
                + written * (own.input if own.written is None else own.written)
                + usage.output_tokens * own.output
            )
            return dollars / 1e6
        if preset.is_local:
            return 0.0
        return _known(model, preset, usage, read, written, address)

    def _own(self, model: str, preset: Preset) -> Price | None:
        names = (preset.full_name(model), model)
        for name in names:
            if name in self.table:
                return self.table[name]
        for pattern, price in self.table.items():
            if "*" in pattern and any(fnmatchcase(name, pattern) for name in names):
                return price
        return None


def _known(model: str, preset: Preset, usage: Usage, read: int, written: int, address: str | None) -> float | None:
    import genai_prices

    found = _listed(model, preset, address)
    if found is None:
        return None
    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=usage.output_tokens,
    )
    provider, listed = found
    try:
        calculation = listed.calc_price(counted, provider)
    except ValueError:  # priced by what is not counted here, as pictures
        return None
    # some are listed without a price of their tokens, which would make them free
    prices = calculation.model_price
    return None if prices.input_mtok is None or prices.output_mtok is None else float(calculation.total_price)


def _listed(model: str, preset: Preset, address: str | None) -> tuple[Provider, ModelInfo] | None:
    from genai_prices.data_snapshot import get_snapshot

    # a preset without an address of its own is known by the user's, if at all
    url = address if preset.prices is None and preset.base_url is None else None
    if preset.prices is None and url is None:
        return None
    try:
        return get_snapshot().find_provider_model(model, None, preset.prices, url)
    except LookupError:
        return None
