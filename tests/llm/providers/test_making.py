from __future__ import annotations

import json
from typing import Any

import pytest

from mlmaster.core.chat import Message, Placement, Request, Role
from mlmaster.errors import SettingsError
from mlmaster.llm.presets import find_preset, presets
from mlmaster.llm.providers.chat import ChatProvider
from mlmaster.llm.providers.completions import CompletionsProvider
from mlmaster.llm.providers.making import choose_address, choose_placement, find_key, make_provider
from mlmaster.llm.providers.messages import MessagesProvider
from mlmaster.llm.providers.provider import Fault, Options, Provider
from mlmaster.llm.providers.responses import ResponsesProvider
from mlmaster.llm.settings import LLMSettings, RoleSettings
from mlmaster.testing.canned_server import CannedServer, whole

KEYS = {name: f"secret-{name}" for preset in presets().values() for name in preset.key_envs}
REMEMBERING = Request(Role.CODER, (Message("system", "s"), Message("user", "u")), thoughts="Trees won.")


def make(model: str, environ: dict[str, str] | None = None, **fields: Any) -> Provider:
    settings = LLMSettings.model_validate({"model": model, **fields})
    role = settings.of(Role.CODER)
    preset, name = find_preset(model, role.base_url)
    return make_provider(preset, name, role, settings, KEYS if environ is None else environ)


@pytest.mark.parametrize(
    ("model", "fields", "kind", "placement"),
    [
        ("openai:gpt-5", {}, ResponsesProvider, Placement.PROMPT),
        ("openai:gpt-4o", {"protocol": "chat"}, ChatProvider, Placement.PROMPT),
        ("anthropic:claude-opus-5", {}, MessagesProvider, Placement.PROMPT),
        ("anthropic:claude-opus-5", {"protocol": "chat"}, ChatProvider, Placement.PROMPT),
        ("gemini:gemini-2.5-pro", {}, ChatProvider, Placement.PROMPT),
        ("deepseek:deepseek-chat", {}, ChatProvider, Placement.PREFIX),
        ("deepseek:deepseek-chat", {"steering": "prompt"}, ChatProvider, Placement.PROMPT),
        ("deepseek:deepseek-chat", {"protocol": "messages"}, MessagesProvider, Placement.PROMPT),
        ("dashscope:qwen-plus", {}, ChatProvider, Placement.PROMPT),
        ("openrouter:x/y", {}, ChatProvider, Placement.PROMPT),
        ("vllm:Qwen/Qwen3-8B", {}, ChatProvider, Placement.CONTINUE),
        ("vllm:Qwen/Qwen3-8B", {"steering": "completion"}, CompletionsProvider, Placement.COMPLETION),
        ("vllm:m", {"steering": "completion", "template": "qwen3"}, CompletionsProvider, Placement.COMPLETION),
        ("sglang:m", {}, ChatProvider, Placement.CONTINUE),
        ("ollama:qwen3:8b", {}, ChatProvider, Placement.PROMPT),
        ("llamacpp:qwen3-8b", {}, CompletionsProvider, Placement.COMPLETION),
        # without a template, raw completions are not to be had
        ("llamacpp:llama-3.3", {}, ChatProvider, Placement.PROMPT),
        ("m", {"base_url": "http://h/v1"}, ChatProvider, Placement.PROMPT),
        ("m", {"base_url": "http://h/v1", "steering": "continue"}, ChatProvider, Placement.CONTINUE),
        ("qwen3", {"base_url": "http://h/v1", "steering": "completion"}, CompletionsProvider, Placement.COMPLETION),
    ],
)
def test_a_provider_is_made_by_protocol_and_steering(
    model: str, fields: dict[str, Any], kind: type, placement: Placement
) -> None:
    made = make(model, **fields)
    assert type(made) is kind
    assert made.placement(REMEMBERING, Options()) is placement


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        ("openai:gpt-5", {"steering": "continue"}, "openai:gpt-5 cannot be steered so; it takes auto, prompt."),
        ("deepseek:deepseek-chat", {"steering": "completion"}, "it takes auto, prompt, prefix."),
        ("vllm:m", {"steering": "prefix"}, "it takes auto, prompt, continue, completion."),
        ("vllm:m", {"steering": "continue", "protocol": "responses"}, "it takes auto, prompt."),
        ("vllm:m", {"steering": "completion"}, "llm.template: deepseek, qwen3"),
    ],
)
def test_steering_that_is_not_offered_is_refused_with_what_is(model: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as error:
        make(model, **fields)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("model", "base_url", "steering", "expected"),
    [
        ("deepseek:deepseek-chat", None, "auto", "https://api.deepseek.com/beta"),
        ("deepseek:deepseek-chat", None, "prompt", "https://api.deepseek.com"),
        ("deepseek:deepseek-chat", "https://api.deepseek.com/v1", "auto", "https://api.deepseek.com/beta"),
        ("deepseek:deepseek-chat", "http://proxy/v1", "auto", "http://proxy/v1"),
        ("vllm:m", None, "auto", "http://localhost:8000/v1"),
        ("vllm:m", "http://gpu:8000/v1", "auto", "http://gpu:8000/v1"),
    ],
)
def test_addresses(model: str, base_url: str | None, steering: str, expected: str) -> None:
    preset, name = find_preset(model, base_url)
    placement = choose_placement(preset, name, LLMSettings.model_validate({"steering": steering}))
    assert choose_address(preset, name, RoleSettings(base_url=base_url), placement) == expected


def test_a_server_without_an_address_is_asked_for_one() -> None:
    with pytest.raises(SettingsError, match="compatible:m needs the address of its server"):
        make("compatible:m")


@pytest.mark.parametrize(
    ("model", "role", "environ", "expected"),
    [
        ("openai:gpt-5", {}, {"OPENAI_API_KEY": "k"}, ("k", "OPENAI_API_KEY")),
        ("openai:gpt-5", {}, {"OPENAI_API_KEY": " k\n"}, ("k", "OPENAI_API_KEY")),
        ("openai:gpt-5", {"key_env": "MINE"}, {"OPENAI_API_KEY": "k", "MINE": "m"}, ("m", "MINE")),
        ("gemini:g", {}, {"GOOGLE_API_KEY": "g"}, ("g", "GOOGLE_API_KEY")),
        ("gemini:g", {}, {"GEMINI_API_KEY": "", "GOOGLE_API_KEY": "g"}, ("g", "GOOGLE_API_KEY")),
        ("gemini:g", {}, {"GEMINI_API_KEY": "h", "GOOGLE_API_KEY": "g"}, ("h", "GEMINI_API_KEY")),
        ("vllm:m", {}, {}, (None, "VLLM_API_KEY")),
        ("vllm:m", {}, {"VLLM_API_KEY": "v"}, ("v", "VLLM_API_KEY")),
        ("ollama:m", {}, {"OPENAI_API_KEY": "k"}, (None, None)),
        # a key that is there is not sent to just anybody
        ("compatible:m", {"base_url": "http://h"}, {"OPENAI_API_KEY": "k"}, (None, None)),
        ("compatible:m", {"base_url": "http://h", "key_env": "MINE"}, {"MINE": "m"}, ("m", "MINE")),
        # behind a proxy of the user's own, none may be wanted
        ("openai:gpt-5", {"base_url": "http://h"}, {}, (None, "OPENAI_API_KEY")),
        ("openai:gpt-5", {"base_url": "http://h"}, {"OPENAI_API_KEY": "k"}, ("k", "OPENAI_API_KEY")),
    ],
)
def test_keys(model: str, role: dict[str, str], environ: dict[str, str], expected: tuple[str | None, str]) -> None:
    preset, name = find_preset(model)
    assert find_key(preset, name, RoleSettings.model_validate(role), environ) == expected


@pytest.mark.parametrize(
    ("model", "role", "words"),
    [
        ("openai:gpt-5", {}, ["openai:gpt-5 needs a key", "set OPENAI_API_KEY", "llm.key_env"]),
        ("gemini:g", {}, ["GEMINI_API_KEY or GOOGLE_API_KEY"]),
        ("openai:gpt-5", {"key_env": "MINE"}, ["llm.key_env=MINE", "no such variable", "openai:gpt-5"]),
        ("ollama:m", {"key_env": "MINE"}, ["llm.key_env=MINE"]),
        ("openai:gpt-5", {"key_env": "sk-proj-1234"}, ["no name of an environment variable"]),
        ("gemini:g", {"key_env": "AIzaSyA1234567890abcdef"}, ["llm.key_env=[key]"]),
    ],
)
def test_a_missing_key_is_asked_for_by_name(model: str, role: dict[str, str], words: list[str]) -> None:
    preset, name = find_preset(model)
    with pytest.raises(SettingsError) as error:
        find_key(preset, name, RoleSettings.model_validate(role), {})
    for word in words:
        assert word in str(error.value)
    assert "1234" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "/v1/chat/completions"),
        ({"protocol": "responses"}, "/v1/responses"),
        ({"protocol": "messages"}, "/v1/messages"),
        ({"steering": "completion", "template": "qwen3"}, "/v1/completions"),
    ],
)
def test_the_key_goes_to_the_address_and_into_no_text(fields: dict[str, str], path: str) -> None:
    environ = {"MINE": "sk-very-secret-0001", "OPENAI_API_KEY": "sk-other-0002", "ANTHROPIC_API_KEY": "sk-other-0003"}
    with CannedServer(whole({"error": {"message": "no: sk-very-secret-0001"}}, 401)) as server:
        made = make("m", environ, base_url=server.address, key_env="MINE", **fields)
        with pytest.raises(Fault) as raised:
            list(made.stream(REMEMBERING, Options()))
        made.close()
    assert server.paths == [path]
    assert "sk-very-secret-0001" in json.dumps(server.headers)
    assert "sk-other" not in json.dumps(server.headers)
    assert raised.value.kind == "key"
    assert "MINE" in raised.value.message
    assert "secret" not in f"{raised.value.message} {raised.value!r} {made!r}"


@pytest.mark.parametrize("model", ["m", "anthropic:claude-opus-5"])
def test_certificates_that_are_not_there_are_told(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/certificates.pem")
    with pytest.raises(SettingsError, match=r"certificates for .* cannot be read"):
        make(model, base_url="http://127.0.0.1:9/v1")


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with CannedServer(whole({"error": {"message": "here is the proxy"}}, 400)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.address.removesuffix("/v1"))
        for protocol in ("chat", "responses", "messages"):
            made = make("m", {}, base_url="http://provider.invalid/v1", protocol=protocol)
            with pytest.raises(Fault) as raised:
                list(made.stream(REMEMBERING, Options()))
            assert "here is the proxy" in raised.value.message
    assert [path.partition("invalid")[0] for path in proxy.paths] == ["http://provider."] * 3
