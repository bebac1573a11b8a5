from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.chat import Message, Placement, Request, Role
from mlmaster.core.clock import SystemClock
from mlmaster.errors import ProviderError, SettingsError
from mlmaster.llm.casting import Casting, Player
from mlmaster.llm.models import Models, make_models
from mlmaster.llm.settings import LLMSettings, Price, RoleSettings
from mlmaster.store.calls import CallBook
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.llm_server import LLMServer, Said

REQUEST = Request(Role.CODER, (Message("system", "You write."), Message("user", "Write.")), prompt="draft@1")
ENVIRON = {"OPENAI_API_KEY": "sk-" + "a" * 40, "MY_KEY": "sk-" + "b" * 40}


def cast(environ: Mapping[str, str] = ENVIRON, *, has_cost_limit: bool = False, **settings: Any) -> Cast:
    said: list[str] = []
    casting = Casting(
        LLMSettings(**settings), environ, FakeClock(), said.append, patience_s=60, has_cost_limit=has_cost_limit
    )
    return Cast(casting.players(), said)


class Cast:
    def __init__(self, players: Mapping[Role, Player], said: list[str]) -> None:
        self.players = players
        self.said = said


def test_roles_with_the_same_model_share_it() -> None:
    found = cast(model="openai:gpt-5", planner=RoleSettings(effort="high"))
    assert len({id(player.model) for player in found.players.values()}) == 1
    assert found.players[Role.PLANNER].options.effort == "high"
    assert found.players[Role.CODER].options.effort is None
    assert found.players[Role.CODER].model.name == found.players[Role.CODER].facts().name == "openai:gpt-5"
    assert found.said == []


def test_roles_with_another_model_address_or_key_have_their_own() -> None:
    found = cast(
        model="ollama:qwen3:8b",
        planner=RoleSettings(model="openai:gpt-5"),
        feedback=RoleSettings(base_url="http://localhost:9/v1", model="ollama:qwen3:8b"),
        summariser=RoleSettings(key_env="MY_KEY"),
    )
    assert len({id(player.model) for player in found.players.values()}) == 4
    assert found.players[Role.PLANNER].model.name == "openai:gpt-5"


def test_where_only_the_coder_is_named_it_plays_all_roles() -> None:
    found = cast(
        coder=RoleSettings(model="openai:gpt-5"),
        feedback=RoleSettings(effort="low"),
        planner=RoleSettings(effort="off"),
    )
    assert found.players[Role.PLANNER].options.effort == "none"
    assert len({id(player.model) for player in found.players.values()}) == 1
    assert found.players[Role.FEEDBACK].options.effort == "low"


def test_without_any_model_there_is_none() -> None:
    with pytest.raises(SettingsError, match="--model"):
        cast()


def test_what_a_model_is_known_to_refuse_is_left_out_and_said_where_it_was_set() -> None:
    found = cast(model="openai:gpt-5", temperature=0.3)
    assert found.players[Role.CODER].model.learned.dropped == {"temperature"}
    assert found.said == ["openai:gpt-5 takes no temperature; it is left out."]


@pytest.mark.parametrize(
    ("settings", "has_cost_limit", "words"),
    [
        (
            {"model": "foo", "base_url": "http://localhost:9/v1"},
            False,
            "its tokens are counted, not its dollars. A price",
        ),
        ({"model": "foo", "base_url": "http://localhost:9/v1"}, True, "so --cost does not bound it"),
        (
            {"model": "foo", "base_url": "http://localhost:9/v1", "prices": {"foo": Price(input=1, output=2)}},
            True,
            None,
        ),
        ({"model": "ollama:qwen3:8b"}, True, None),
        ({"model": "openai:gpt-5"}, True, None),
    ],
)
def test_a_price_that_is_not_known_is_said(settings: dict[str, Any], has_cost_limit: bool, words: str | None) -> None:
    found = cast(has_cost_limit=has_cost_limit, **settings)
    assert len(found.said) == (words is not None)
    assert words is None or words in found.said[0]


def test_refusals_and_overflows_change_the_facts() -> None:
    player = cast(model="openai:gpt-4o").players[Role.CODER]
    assert player.facts().has_tools
    player.model.learned.drop("tools")
    player.model.learned.overflowed(5_000)
    assert not player.facts().has_tools
    assert player.facts().context_tokens == 5_000


def test_raw_completions_have_no_tools() -> None:
    for steering, has_tools in (("prompt", True), ("completion", False)):
        player = cast(model="llamacpp:qwen3-8b", steering=steering).players[Role.CODER]
        assert player.facts().placement == Placement(steering)
        assert player.facts().has_tools is player.facts().has_schema is has_tools
    assert cast(model="llamacpp:qwen3-8b", steering="completion", effort="low").said == [
        "llamacpp:qwen3-8b takes no reasoning effort; it is left out."
    ]


@pytest.fixture
def open_models(tmp_path: Path) -> Iterator[Callable[..., tuple[Models, CallBook, list[str]]]]:
    with ExitStack() as stack:

        def open_models(name: str, settings: LLMSettings, **more: Any) -> tuple[Models, CallBook, list[str]]:
            (tmp_path / name).mkdir(exist_ok=True)
            book = CallBook(tmp_path / name, writable=True)
            stack.callback(book.disconnect)
            said: list[str] = []
            models = make_models(
                settings,
                limits=BudgetLimits(),
                log=book,
                environ=ENVIRON,
                clock=SystemClock(),
                say=said.append,
                patience_s=60,
                **more,
            )
            return stack.enter_context(closing(models)), book, said

        yield open_models


def test_a_real_exchange_is_recalled_and_replayed(
    open_models: Callable[..., tuple[Models, CallBook, list[str]]],
) -> None:
    with LLMServer(lambda _: Said("It is written.")) as server:
        settings = LLMSettings(model="vllm:foo", base_url=server.openai_url)
        models, book, _ = open_models("one", settings)
        reply = models.ask(REQUEST, node=1, cancel=Flag())
        assert reply.text == "It is written."
        assert models.total() == book.total() == reply.usage
        assert reply.usage.tokens > 0
        assert reply.usage.cost_usd == 0
        again, _, _ = open_models("one", settings)
        assert again.ask(REQUEST, node=1, cancel=Flag()) == reply
        assert len(server.received) == 1
    # nobody is there any more, no model is named and no key is known
    replay, copied, said = open_models("two", LLMSettings(), recorded=book.read())
    assert replay.facts(Role.CODER).name == "vllm:foo"
    assert replay.ask(REQUEST, node=1, cancel=Flag()) == reply
    assert replay.total().tokens == 0
    assert [call.asked.model for call in copied.read()] == ["vllm:foo"]
    assert said == []
    with pytest.raises(ProviderError, match="replayed"):
        replay.ask(Request(Role.FEEDBACK, REQUEST.messages), node=5, cancel=Flag())


def test_a_wrong_key_is_an_error_that_does_not_show_it(
    open_models: Callable[..., tuple[Models, CallBook, list[str]]],
) -> None:
    with LLMServer(lambda _: Said("Hello."), key="sk-right") as server:
        models, book, said = open_models(
            "one", LLMSettings(model="openai:gpt-4o", base_url=server.openai_url, key_env="MY_KEY")
        )
        with pytest.raises(ProviderError, match="MY_KEY") as raised:
            models.ask(REQUEST, node=1, cancel=Flag())
    assert raised.value.cause == "key"
    shown = "".join(traceback.format_exception(raised.value)) + repr(book.read()) + repr(said)
    assert ENVIRON["MY_KEY"] not in shown
