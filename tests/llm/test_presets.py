from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from mlmaster.core.chat import Placement
from mlmaster.errors import SettingsError
from mlmaster.llm.presets import ModelEntry, Preset, find_preset, presets


def test_the_providers_that_were_promised_are_there() -> None:
    assert list(presets()) == [
        "openai",
        "anthropic",
        "gemini",
        "deepseek",
        "dashscope",
        "dashscope-cn",
        "openrouter",
        "vllm",
        "sglang",
        "ollama",
        "llamacpp",
        "compatible",
    ]


@pytest.mark.parametrize("preset", presets().values(), ids=presets())
def test_a_preset_makes_sense(preset: Preset) -> None:
    assert preset.title
    if preset.base_url is not None:
        assert urlsplit(preset.base_url).scheme == ("http" if preset.is_local else "https")
        assert (urlsplit(preset.base_url).hostname == "localhost") is preset.is_local
    assert (Placement.PREFIX in preset.placements) is (preset.prefix_url is not None)
    assert Placement.PROMPT not in (*preset.placements, *preset.on_request)
    assert not (preset.is_local and preset.prices)
    for entry in preset.models:
        assert all(name == name.lower() for name in entry.names)
        assert (entry.thinking is None) or preset.protocol == "messages"


@pytest.mark.parametrize(
    ("model", "base_url", "expected"),
    [
        ("openai:gpt-5", None, ("openai", "gpt-5")),
        ("gpt-5", None, ("openai", "gpt-5")),
        ("GPT-4o-mini", None, ("openai", "GPT-4o-mini")),
        ("o3", None, ("openai", "o3")),
        ("o4-mini", None, ("openai", "o4-mini")),
        ("openai:ft:gpt-4o:us::1", None, ("openai", "ft:gpt-4o:us::1")),
        ("claude-sonnet-4-5", None, ("anthropic", "claude-sonnet-4-5")),
        ("gemini-2.5-pro", None, ("gemini", "gemini-2.5-pro")),
        ("deepseek-reasoner", None, ("deepseek", "deepseek-reasoner")),
        ("qwen3-max", None, ("dashscope", "qwen3-max")),
        ("dashscope-cn:qwen-plus", None, ("dashscope-cn", "qwen-plus")),
        ("ollama:qwen3:8b", None, ("ollama", "qwen3:8b")),
        ("openrouter:anthropic/claude-sonnet-4.5", None, ("openrouter", "anthropic/claude-sonnet-4.5")),
        ("vllm:Qwen/Qwen3-8B", "http://gpu:8000/v1", ("vllm", "Qwen/Qwen3-8B")),
        ("Qwen/Qwen3-8B", "http://gpu:8000/v1", ("compatible", "Qwen/Qwen3-8B")),
        ("qwen3:8b", "http://localhost:11434/v1", ("compatible", "qwen3:8b")),
        # a key is never sent to another's address because of a model's name
        ("gpt-5", "http://localhost:8000/v1", ("compatible", "gpt-5")),
        ("gpt-5", "https://api.openai.com/v1/", ("openai", "gpt-5")),
        ("openai:gpt-5", "https://proxy.example/v1", ("openai", "gpt-5")),
        (" deepseek-chat ", "https://api.deepseek.com", ("deepseek", "deepseek-chat")),
    ],
)
def test_a_name_leads_to_its_preset(model: str, base_url: str | None, expected: tuple[str, str]) -> None:
    preset, name = find_preset(model, base_url)
    assert (preset.name, name) == expected


@pytest.mark.parametrize(
    ("model", "base_url", "words"),
    [
        ("opneai:gpt-5", None, "did you mean openai:gpt-5?"),
        ("openrouter/auto", None, "did you mean openrouter:auto?"),
        ("phi4:14b", None, "did you mean ollama:phi4:14b?"),
        ("qwen3:8b", None, "did you mean ollama:qwen3:8b?"),
        ("my-model", None, "llm.base_url"),
        ("Qwen/Qwen3-8B", None, "does not say whose model"),
        ("gpt-oss-20b", None, "one of openai, anthropic"),
        ("openai:", None, "openai:MODEL"),
        ("", None, "empty"),
        ("m", "localhost:8000", "'localhost:8000' is no address"),
        ("m", "ftp://host/v1", "is no address"),
        ("m", "http://", "is no address"),
        ("m", "http://[::1", "is no address"),
        ("openai:gpt-5", "nonsense", "'nonsense' is no address"),
    ],
)
def test_what_is_not_known_is_refused_with_advice(model: str, base_url: str | None, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        find_preset(model, base_url)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "address", ["https://me:hunter2@host/v1", "https://host/v1?api_key=hunter2", "https://host/v1#hunter2"]
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(SettingsError) as error:
        find_preset("m", address)
    assert "llm.key_env" in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "refuses", "max_output_tokens"),
    [
        ("o4-mini", {"temperature"}, 100_000),
        ("o1-mini", {"temperature", "effort", "system", "tools", "schema"}, 32_768),
        ("gpt-5-mini", {"temperature"}, 128_000),
        ("gpt-5.1", set(), None),
        ("gpt-5-chat-latest", {"effort"}, 16_384),
        ("gpt-4o-2024-11-20", {"effort"}, 16_384),
        ("claude-sonnet-4-5-20250929", set(), 64_000),
        ("claude-opus-4-20250514", {"schema"}, 32_000),
        ("claude-3-5-haiku-latest", {"effort", "schema"}, 8_192),
        ("claude-opus-4-7", {"temperature"}, 128_000),
        ("claude-opus-5", {"temperature"}, 128_000),
        ("claude-opus-5-5", {"temperature"}, 128_000),
        ("claude-somewhat-9", set(), None),
    ],
)
def test_what_is_known_of_single_models(model: str, refuses: set[str], max_output_tokens: int | None) -> None:
    preset, name = find_preset(model)
    entry = preset.entry(name)
    assert (set(entry.refuses), entry.max_output_tokens) == (refuses, max_output_tokens)


@pytest.mark.parametrize(
    ("model", "kind", "is_default", "turned_off_by"),
    [
        ("claude-3-7-sonnet-20250219", "budget", False, None),
        ("claude-haiku-4-5", "budget", False, None),
        ("claude-opus-4-6", "adaptive", False, "disabled"),
        ("claude-sonnet-5", "adaptive", True, "disabled"),
        ("claude-sonnet-5-5", "adaptive", True, "between_tools"),
        ("claude-opus-5-5", "adaptive", True, None),
        ("claude-fable-5-1", "adaptive", True, None),
    ],
)
def test_how_models_of_anthropic_think(model: str, kind: str, is_default: bool, turned_off_by: str | None) -> None:
    thinking = presets()["anthropic"].entry(model).thinking
    assert thinking is not None
    assert (thinking.kind, thinking.is_default, thinking.turned_off_by) == (kind, is_default, turned_off_by)


def test_a_preset_that_refuses_what_is_no_parameter_is_wrong() -> None:
    with pytest.raises(ValidationError, match="tempreature"):
        ModelEntry(names=("x",), refuses=frozenset({"tempreature"}))
