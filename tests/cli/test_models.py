"""`mlmaster models` and `run --dry-run`: what is said of language models without, and with one, short call."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.cli.folders import Invoke

from mlmaster.llm.presets import presets
from mlmaster.testing.llm_server import LLMServer
from mlmaster.testing.llm_wire.exchange import Said

DRY = ("run", "breast-cancer", "--model", "openai:gpt-5", "--time", "30m", "--dry-run")


@pytest.fixture
def server() -> Iterator[LLMServer]:
    with LLMServer(lambda _: Said("Hello, I can be reached."), models=["small"]) as running:
        yield running


def test_every_provider_is_listed_with_its_key(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-decoy")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    rows = {row["name"]: row for row in json.loads(invoke("models", "--json").stdout)}
    assert set(rows) == set(presets())
    assert rows["openai"]["has_key"] is True
    assert rows["anthropic"]["has_key"] is False
    assert rows["ollama"]["has_key"] is True
    listed = invoke("models").output
    assert all(name in listed for name in presets())
    assert "sk-decoy" not in listed


def test_a_model_is_checked_by_one_call(invoke: Invoke, server: LLMServer) -> None:
    result = invoke("models", "compatible:small", "--base-url", server.openai_url)
    assert result.exit_code == 0, result.output
    assert "said         Hello, I can be reached." in result.output
    assert "compatible:small" in result.output
    assert len(server.received) == 1


def test_a_check_as_data(invoke: Invoke, server: LLMServer) -> None:
    found = json.loads(invoke("models", "compatible:small", "--base-url", server.openai_url, "--json").stdout)
    assert found["reply"]["text"] == "Hello, I can be reached."
    assert found["facts"]["name"] == "compatible:small"
    assert found["reply"]["usage"]["calls"] == 1


def test_a_model_that_is_not_there(invoke: Invoke, server: LLMServer) -> None:
    result = invoke("models", "compatible:large", "--base-url", server.openai_url)
    assert result.exit_code == 2
    assert "no such model" in result.output
    assert "Traceback" not in result.output


def test_a_dry_run_asks_nobody_and_needs_no_key(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = invoke(*DRY)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("model        openai:gpt-5; nothing was run, and nobody was asked")
    found = json.loads(invoke(*DRY, "--cost", "0.5", "--json").stdout)
    assert found["limits"]["cost_usd"] == 0.5
    assert found["low"]["usage"]["cost_usd"] <= found["high"]["usage"]["cost_usd"] <= 0.5


def test_a_dry_run_of_the_offline_engineer_is_refused(invoke: Invoke) -> None:
    result = invoke("run", "breast-cancer", "--dry-run")
    assert result.exit_code == 2
    assert "--model" in result.output
