from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest

from mlmaster.core.chat import Message, Request, Role
from mlmaster.llm.capabilities import Capabilities
from mlmaster.llm.providers.chat import ChatProvider
from mlmaster.llm.providers.headers import is_at, keep_own
from mlmaster.llm.providers.messages import MessagesProvider
from mlmaster.llm.providers.provider import Options, Provider
from mlmaster.llm.providers.responses import ResponsesProvider
from mlmaster.testing.llm_server import LLMServer, Said

KEY = "our-own-key"
PROVIDERS: dict[str, Callable[[str], Provider]] = {
    "chat": lambda address: ChatProvider("m", address=address, key=KEY),
    "responses": lambda address: ResponsesProvider("m", address=address, key=KEY),
    "messages": lambda address: MessagesProvider(Capabilities("x:m"), "m", address=address, key=KEY, key_env=None),
}


@pytest.mark.parametrize("protocol", PROVIDERS)
def test_what_the_environment_has_for_the_maker_of_an_sdk_goes_to_nobody_else(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "a-secret")
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "X-Team: a-secret\nAuthorization: a-secret\nX-Api-Key: a-secret")
    with LLMServer(lambda received: Said("Hello.")) as server:
        provider = PROVIDERS[protocol](server.openai_url)
        list(provider.stream(Request(Role.CODER, (Message("user", "Hello?"),)), Options()))
        provider.close()
        [received] = server.received
    assert not [name for name, value in received.headers.items() if "a-secret" in value]
    assert [value for value in received.headers.values() if KEY in value]


@pytest.mark.parametrize(
    ("address", "is_makers"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://openai.com.evil.org/v1", False),
        ("https://evilopenai.com/v1", False),
        ("http://localhost:8000/v1", False),
    ],
)
def test_the_maker_gets_all_that_its_sdk_sets(address: str, is_makers: bool) -> None:
    assert is_at(address, "openai.com") is is_makers
    request = httpx2.Request("POST", address, headers={"OpenAI-Organization": "org-1", "X-Stainless-Lang": "python"})
    keep_own(address, "openai.com", "k")(request)
    assert ("openai-organization" in request.headers) is is_makers
    assert request.headers["x-stainless-lang"] == "python"
    assert "host" in request.headers
