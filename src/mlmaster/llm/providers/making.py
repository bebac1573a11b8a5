"""Making the provider that settings ask for: over which protocol, at which address, with which key, steered how.

Keys are read from the environment here and given to providers; nobody else ever holds one. Proxies and certificates are the
environment's too (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`), read by the HTTP client itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from mlmaster.core.chat import Placement
from mlmaster.errors import SettingsError
from mlmaster.llm.capabilities import capabilities
from mlmaster.llm.presets import Preset, Spoken, check_address
from mlmaster.llm.providers.faults import scrub
from mlmaster.llm.providers.provider import Provider
from mlmaster.llm.providers.templates import TEMPLATES, template_of
from mlmaster.llm.settings import LLMSettings, RoleSettings


def make_provider(
    preset: Preset, model: str, role: RoleSettings, settings: LLMSettings, environ: Mapping[str, str]
) -> Provider:
    """Return what speaks to a model; nothing is sent.

    Args:
        preset: The provider the model's name led to.
        model: As the provider knows it.
        role: Settings of the role it is made for.
        settings: Settings of all roles.
        environ: The environment, for the key.

    Raises:
        SettingsError: No address or no key is known, the provider cannot be steered as wanted, or the certificates that
            the environment names cannot be read.
    """
    placement = choose_placement(preset, model, settings)
    address = choose_address(preset, model, role, placement)
    key, key_env = find_key(preset, model, role, environ)
    try:
        return _speaking(preset, model, settings, placement, address=address, key=key, key_env=key_env)
    except OSError as error:
        raise SettingsError(
            f"the certificates for {preset.full_name(model)} cannot be read ({error}); SSL_CERT_FILE or SSL_CERT_DIR, where "
            "they are set, must name what is there."
        ) from error


def choose_protocol(preset: Preset, settings: LLMSettings) -> Spoken:
    """Return how a provider is spoken to."""
    return preset.protocol if settings.protocol == "auto" else settings.protocol


def choose_placement(preset: Preset, model: str, settings: LLMSettings) -> Placement:
    """Return where thoughts are placed: as the user says, else in the best way that the provider offers.

    Raises:
        SettingsError: It does not offer what the user says.
    """
    name = preset.full_name(model)
    has_template = template_of(model, settings.template) is not None
    is_steerable = choose_protocol(preset, settings) == "chat" and "prefill" not in preset.entry(model).refuses
    if settings.steering == "auto":
        ways = [way for way in preset.placements if has_template or way is not Placement.COMPLETION]
        return ways[0] if ways and is_steerable else Placement.PROMPT
    wanted = Placement(settings.steering)
    offered = [*preset.placements, *preset.on_request] if is_steerable else []
    if wanted is not Placement.PROMPT and wanted not in offered:
        raise SettingsError(
            f"llm.steering={wanted.value}: {name} cannot be steered so; "
            f"it takes {', '.join(['auto', 'prompt', *offered])}."
        )
    if wanted is Placement.COMPLETION and not has_template:
        raise SettingsError(
            f"llm.steering=completion: the chat template of {name} is not known by its name; "
            f"say which it is with llm.template: {', '.join(TEMPLATES)}."
        )
    return wanted


def choose_address(preset: Preset, model: str, role: RoleSettings, placement: Placement) -> str:
    """Return where a provider is found.

    Raises:
        SettingsError: It has no address of its own, and none was given.
    """
    if role.base_url is not None:
        check_address(role.base_url)
    address = role.base_url or preset.base_url
    if address is None:
        raise SettingsError(
            f"{preset.full_name(model)} needs the address of its server: set llm.base_url, as in http://localhost:8000/v1."
        )
    if placement is Placement.PREFIX and preset.prefix_url is not None and _host(address) == _host(preset.prefix_url):
        return preset.prefix_url
    return address


def find_key(
    preset: Preset, model: str, role: RoleSettings, environ: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Return the key and the name of the variable that holds it, or would; None for what there is not.

    At an address of the user's own a key is sent if there is one, and not missed else.

    Raises:
        SettingsError: There is none, and the provider answers nobody without.
    """
    full_name = preset.full_name(model)
    if role.key_env is not None and not re.fullmatch(r"[A-Za-z_]\w*", role.key_env):
        # not shown, since it may be a key that was taken for a setting
        raise SettingsError(
            f"llm.key_env, for {full_name}, is no name of an environment variable; put the key into a variable, and give "
            "its name."
        )
    names = preset.key_envs if role.key_env is None else (role.key_env,)
    for name in names:
        if key := environ.get(name, "").strip():
            return key, name
    if role.key_env is not None:
        raise SettingsError(
            f"llm.key_env={scrub(role.key_env)}: there is no such variable in the environment, or it is empty; "
            f"set it to the key for {full_name}."
        )
    if preset.needs_key and role.base_url is None:
        raise SettingsError(
            f"{full_name} needs a key: set {' or '.join(names)}, or name the environment variable that holds it with "
            "llm.key_env."
        )
    return None, next(iter(names), None)


def _speaking(
    preset: Preset,
    model: str,
    settings: LLMSettings,
    placement: Placement,
    *,
    address: str,
    key: str | None,
    key_env: str | None,
) -> Provider:
    # here, since the SDKs take a second to load
    match choose_protocol(preset, settings):
        case "messages":
            from mlmaster.llm.providers.messages import MessagesProvider

            declared = capabilities(preset, model)
            return MessagesProvider(declared, model, address=address, key=key, key_env=key_env)
        case "responses":
            from mlmaster.llm.providers.responses import ResponsesProvider

            return ResponsesProvider(model, address=address, key=key, key_env=key_env)
    template = template_of(model, settings.template)
    if placement is Placement.COMPLETION and template is not None:
        from mlmaster.llm.providers.completions import CompletionsProvider

        return CompletionsProvider(model, template, address=address, key=key, key_env=key_env)
    from mlmaster.llm.providers.chat import ChatProvider

    return ChatProvider(model, address=address, key=key, key_env=key_env, placement=placement)


def _host(address: str) -> str | None:
    return urlsplit(address).hostname
