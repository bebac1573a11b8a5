"""The scripted double passes the suite of the port, and counts what it is asked."""

from collections.abc import Iterator
from threading import Event as Flag

import pytest

from mlmaster.core.chat import Message, ModelFacts, Placement, Reply, Request, Role
from mlmaster.core.usage import Usage
from mlmaster.errors import BudgetSpent, ProviderError
from mlmaster.ports import LLM
from mlmaster.testing.llm import LLMConformance, OpenLLM
from mlmaster.testing.llm_server import Brain
from mlmaster.testing.scripted_llm import ScriptedLLM, spoken

REQUEST = Request(Role.CODER, (Message("system", "You code."), Message("user", "Write it.")))


class _Scripted(LLMConformance):
    has_key = False
    placement: Placement

    @pytest.fixture
    def open_llm(self) -> Iterator[OpenLLM]:
        opened: list[LLM] = []

        def open_llm(brain: Brain, *, is_key_right: bool = True) -> LLM:
            facts = ModelFacts("scripted:model", has_tools=True, placement=self.placement)
            opened.append(ScriptedLLM(spoken(brain), facts))
            return opened[-1]

        yield open_llm
        for llm in opened:
            llm.close()


class TestPrompt(_Scripted):
    placement = Placement.PROMPT

    def test_thoughts_reach_the_model(self, open_llm: OpenLLM) -> None:
        pytest.skip("a script is given thoughts apart from the messages, wherever they would be placed")


class TestPrefix(_Scripted):
    placement = Placement.PREFIX


def ask(llm: ScriptedLLM, node: int = 1, request: Request = REQUEST) -> Reply:
    return llm.ask(request, node=node, cancel=Flag())


def test_replies_come_in_turn_and_errors_are_raised() -> None:
    llm = ScriptedLLM(["One.", ProviderError("quota", "the account is empty"), Reply("Two.")])
    assert ask(llm).text == "One."
    with pytest.raises(ProviderError, match="empty"):
        ask(llm, 2)
    assert ask(llm, 2).text == "Two."
    assert [node for node, _ in llm.requests] == [1, 2, 2]
    with pytest.raises(AssertionError, match="3 replies"):
        ask(llm)


def test_function_knows_request_and_node_and_may_raise() -> None:
    def answer(request: Request, node: int) -> str:
        if node == 2:
            raise BudgetSpent("cost", "nothing is left")
        return f"{request.messages[-1].text} {node}"

    llm = ScriptedLLM(answer)
    assert ask(llm).text == "Write it. 1"
    with pytest.raises(BudgetSpent):
        ask(llm, 2)


def test_an_error_of_timing_out_is_the_scripts() -> None:
    def answer(request: Request, node: int) -> str:
        raise TimeoutError("of the script")

    with pytest.raises(TimeoutError, match="of the script"):
        ask(ScriptedLLM(answer))


def test_usage_is_kept_by_node() -> None:
    llm = ScriptedLLM(
        ["a" * 330, Reply("x", usage=Usage(5, 6, calls=1, cost_usd=2.0)), ProviderError("away", "x")], None, 0.5
    )
    first = ask(llm, 1)
    ask(llm, 2)
    with pytest.raises(ProviderError):
        ask(llm, 2)
    assert first.usage.output_tokens == 101
    assert llm.of(1) == first.usage
    assert llm.of(2) == Usage(5, 6, calls=2, cost_usd=2.5)
    assert llm.of(3) == Usage()
    assert llm.total() == llm.of(1) + llm.of(2)


def test_longer_requests_count_more() -> None:
    llm = ScriptedLLM(lambda request, node: "ok")
    long = Request(Role.CODER, (Message("user", "word " * 1000),), thoughts="more " * 1000)
    assert ask(llm, request=long).usage.input_tokens > ask(llm).usage.input_tokens + 2500
