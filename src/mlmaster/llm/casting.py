"""Who plays which role: from settings to models that can be asked. Roles with the same model at one address share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from mlmaster.core.calls import Call
from mlmaster.core.chat import ModelFacts, Placement, Request, Role
from mlmaster.errors import SettingsError
from mlmaster.llm.asking import Model
from mlmaster.llm.capabilities import Capabilities, Learned, capabilities, facts, unheard
from mlmaster.llm.patience import Circuit
from mlmaster.llm.presets import Preset, find_preset
from mlmaster.llm.prices import Prices
from mlmaster.llm.providers.making import choose_address, choose_placement, make_provider
from mlmaster.llm.providers.provider import Options, Part, Provider
from mlmaster.llm.settings import LLMSettings, RoleSettings
from mlmaster.ports import Clock

_NOT_IN_COMPLETIONS = frozenset({"effort", "tools", "schema"})
"""What raw completions have no place for."""


@dataclass(frozen=True, slots=True)
class Player:
    """The model that plays a role, and how.

    Attributes:
        model: Shared by all roles it plays.
        options: How this role's requests are put to it.
        facts: Tells what is known of it now; refusals may change that.
    """

    model: Model
    options: Options
    facts: Callable[[], ModelFacts]


@dataclass(frozen=True, slots=True)
class Casting:
    """Finds the players of all roles.

    Attributes:
        settings: Which models are asked, and how.
        environ: The environment, for keys.
        clock: The time.
        say: Tells the user something.
        patience_s: Seconds to wait for a provider that is away.
        has_cost_limit: Dollars are bounded.
        recorded: Calls of a run that is replayed; then nobody is asked, and no key is needed.
    """

    settings: LLMSettings
    environ: Mapping[str, str]
    clock: Clock
    say: Callable[[str], None]
    patience_s: float
    has_cost_limit: bool = False
    recorded: Sequence[Call] | None = None

    def players(self) -> dict[Role, Player]:
        """Return who plays each role.

        Raises:
            SettingsError: A model is not known, has no key or no address, or cannot be steered as wanted.
        """
        models: dict[tuple[str, str, str, str | None], Model] = {}
        found = {}
        told: set[str] = set()
        for role in Role:
            own = self._of(role)
            preset, name = find_preset(own.model or "", own.base_url)
            placement = choose_placement(preset, name, self.settings)
            address = "" if self._is_replay else choose_address(preset, name, own, placement)
            declared = capabilities(preset, name)
            if placement is Placement.COMPLETION:
                declared = replace(declared, refuses=declared.refuses | _NOT_IN_COMPLETIONS)
            key = (preset.name, name, address, own.key_env)
            if key not in models:
                models[key] = self._model(preset, name, address, own, declared)
            model = models[key]
            told.update(unheard(declared, own))
            usual = Prices({}).context_tokens(name, preset, address or None)
            found[role] = Player(
                model,
                # providers call it "none", which is what a setting that is not given is called here
                Options(temperature=own.temperature, effort="none" if own.effort == "off" else own.effort),
                partial(facts, declared, model.learned, self.settings, placement, usual),
            )
        for line in sorted(told):
            self.say(line)
        return found

    @property
    def _is_replay(self) -> bool:
        return self.recorded is not None

    def _of(self, role: Role) -> RoleSettings:
        """Return the settings of a role; one without a model has the coder's, in a replay the recorded one."""
        own = self.settings.of(role)
        if own.model is not None:
            return own
        coder = self.settings.of(Role.CODER)
        if coder.model is not None:
            return own.model_copy(update={"model": coder.model, "base_url": coder.base_url, "key_env": coder.key_env})
        recorded = self.recorded or ()
        names = [call.asked.model for call in recorded if call.asked.role is role]
        names += [call.asked.model for call in recorded]
        if not names:
            raise SettingsError(
                "no model is named; name one with --model, for example --model openai:gpt-5 (`mlmaster models` lists the "
                "providers)"
            )
        return own.model_copy(update={"model": names[0]})

    def _model(self, preset: Preset, name: str, address: str, own: RoleSettings, declared: Capabilities) -> Model:
        prices = Prices(self.settings.prices)
        provider: Provider
        if self._is_replay:
            provider = _Nobody()
        else:
            provider = make_provider(preset, name, own, self.settings, self.environ)
            if prices.worst(name, preset, 1_000, 1_000, address).unpriced_tokens:
                unbound = ", so --cost does not bound it" if self.has_cost_limit else ""
                self.say(
                    f"The price of {declared.name} is not known: its tokens are counted, not its dollars{unbound}. A price "
                    "can be given with llm.prices."
                )
        return Model(
            name=declared.name,
            provider=provider,
            learned=Learned(declared.refuses),
            circuit=Circuit(
                declared.name,
                self.clock,
                retries=self.settings.retries,
                patience_s=self.patience_s,
                say=self.say,
                random=Random(),
            ),
            price=lambda usage: prices.price(name, preset, usage, address),
            worst=lambda read, written: prices.worst(name, preset, read, written, address),
        )


class _Nobody:
    """Stands where a provider would, when a run is replayed."""

    def placement(self, request: Request, options: Options) -> Placement:  # noqa: ARG002 - the protocol's arguments
        return Placement.PROMPT

    def stream(self, request: Request, options: Options) -> Iterator[Part]:  # noqa: ARG002 - as above
        raise AssertionError("a replay asks nobody")

    def close(self) -> None:
        pass
