"""The tools of a session, in both protocols: what is offered, what each does, and that every result is bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engineers.llm.sessions import BETTER, GOOD, PARENT, TOOLED, WRONG, Case, answer, call, fails, use

from mlmaster.core.chat import ModelFacts, Reply, ToolCall
from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Trial
from mlmaster.core.tokens import estimate_tokens
from mlmaster.engineers.llm.replies import arguments
from mlmaster.engineers.llm.replies.actions import describe_tools
from mlmaster.engineers.llm.replies.edits import Edit, write_edits
from mlmaster.engineers.llm.tools import TOOLS
from mlmaster.testing.scripted_desk import ScriptedDesk

TEXT = ModelFacts("scripted:model")


def in_text(tool: str, **given: Any) -> str:
    edits = given.pop("edits", None)
    if edits is not None:
        given["edits"] = write_edits(Edit(each["search"], each["replace"]) for each in edits)
    return use(tool, "\n".join(f"<{name}>\n{value}\n</{name}>" for name, value in given.items()))


PROTOCOLS = pytest.mark.parametrize(("said", "facts"), [(call, TOOLED), (in_text, TEXT)], ids=["native", "text"])
Said = Callable[..., Any]
SEED_9 = {"search": "SEED = 7", "replace": "SEED = 9"}


def test_what_is_offered_is_what_is_read() -> None:
    offered = {tool.name: tuple(tool.parameters["properties"]) for tool in TOOLS}
    assert offered == dict(arguments.TOOLS)
    assert all(set(tool.parameters["required"]) <= set(tool.parameters["properties"]) for tool in TOOLS)


@pytest.mark.parametrize(
    ("setting", "facts", "is_native"),
    [
        ("auto", TOOLED, True),
        ("auto", TEXT, False),
        ("native", TEXT, False),
        ("native", TOOLED, True),
        ("text", TOOLED, False),
    ],
)
def test_tools_are_offered_natively_where_the_model_has_them(setting: str, facts: ModelFacts, is_native: bool) -> None:
    case = Case([answer(GOOD)], facts=facts, tools=setting)
    case.propose()
    (request,) = case.requests
    assert request.tools == (TOOLS if is_native else ())
    assert (describe_tools(TOOLS).strip() in request.messages[0].text) is not is_native


@PROTOCOLS
def test_lines_that_look_at_the_data_are_run_and_answered(said: Said, facts: ModelFacts) -> None:
    desk = ScriptedDesk(fails(), look=lambda code: Trial(None, "", "(6954, 14)\n"))
    case = Case([said("look_at_data", code="print(train.shape)"), answer(GOOD)], facts=facts, desk=desk)
    assert case.propose().turns == 2
    assert [each.strip() for each in desk.looked] == ["print(train.shape)"]
    assert "(6954, 14)" in case.told(1)


@PROTOCOLS
def test_a_look_that_fails_tells_why(said: Said, facts: ModelFacts) -> None:
    desk = ScriptedDesk(fails(), look=lambda code: Trial(Fault.ERROR, "KeyError: 'Age2'", ""))
    case = Case([said("look_at_data", code="print(train['Age2'])"), answer(GOOD)], facts=facts, desk=desk)
    case.propose()
    assert "KeyError: 'Age2'" in case.told(1)


@PROTOCOLS
def test_a_script_that_ran_through_is_handed_in_without_running_it_again(said: Said, facts: ModelFacts) -> None:
    replies = [said("run_on_smoke", code=GOOD.strip()), said("submit", name="spend_sum", plan="Sum what was billed.")]
    case = Case(replies, facts=facts)
    proposal = case.propose()
    assert (proposal.code.strip(), proposal.edit, proposal.plan) == (GOOD.strip(), "spend_sum", "Sum what was billed.")
    assert len(case.desk.smoked) == 1
    assert "ran through" in case.told(1)
    assert "best iteration 412" in case.told(1)
    assert "Forecast: fits" in case.told(1)


def test_the_same_script_is_run_once_unless_the_harness_failed() -> None:
    trials = [Trial(Fault.INFRASTRUCTURE, "the disk is full", ""), Trial(None, "", "it ran\n")]
    desk = ScriptedDesk(lambda code: trials.pop(0))
    case = Case([*(use("run_on_smoke", f"```python\n{GOOD}```") for _ in range(3)), answer(GOOD)], desk=desk)
    assert case.propose().code == GOOD
    assert len(desk.smoked) == 2
    assert "the disk is full" in case.told(1)
    assert "says nothing of the script" in case.told(1)
    assert "Find the cause" not in case.told(1)
    assert "it ran" in case.told(3)


@PROTOCOLS
def test_edits_are_of_the_script_as_it_stands(said: Said, facts: ModelFacts) -> None:
    replies = [
        said("edit", edits=[SEED_9]),
        said("run_on_smoke", edits=[{"search": "SEED = 9", "replace": "SEED = 11"}]),
        said("submit", name="seed", plan="Another seed.", edits=[{"search": "SEED = 11", "replace": "SEED = 13"}]),
    ]
    case = Case(replies, facts=facts)
    assert case.propose().code == PARENT.replace("SEED = 7", "SEED = 13")
    assert case.desk.smoked == [PARENT.replace("SEED = 7", f"SEED = {seed}") for seed in (11, 13)]
    assert f"{len(PARENT.splitlines())} lines" in case.told(1)


@PROTOCOLS
def test_edits_that_fit_nowhere_are_told_with_the_nearest_lines(said: Said, facts: ModelFacts) -> None:
    replies = [said("edit", edits=[{"search": "SEED == 7", "replace": "SEED = 9"}]), answer(GOOD)]
    case = Case(replies, facts=facts)
    case.propose()
    assert "no edit was applied" in case.told(1)
    assert "SEED = 7" in case.told(1)


@PROTOCOLS
def test_logs_are_read_by_the_number_of_a_node(said: Said, facts: ModelFacts) -> None:
    desk = ScriptedDesk(fails(), logs={3: "epoch 1: 0.69\n"})
    replies = [said("read_log", node=3), said("read_log", node=4), said("read_log", node="three"), answer(GOOD)]
    case = Case(replies, facts=facts, desk=desk)
    case.propose()
    assert "epoch 1: 0.69" in case.told(1)
    assert "no log of #4" in case.told(2)
    assert "the number of a solution is needed" in case.told(3)


@PROTOCOLS
@pytest.mark.parametrize("digits", [10, 300, 5_000])
def test_a_number_that_no_node_has_ends_nothing(digits: int, said: Said, facts: ModelFacts) -> None:
    case = Case([said("read_log", node="9" * digits), answer(GOOD)], facts=facts, desk=ScriptedDesk(fails()))
    case.propose()
    assert "the number of a solution is needed" in case.told(1)
    assert len(case.told(1)) < 400


@PROTOCOLS
@pytest.mark.parametrize(
    ("tool", "given", "told"),
    [
        ("look_at_data", {}, "no code to run"),
        ("edit", {}, "no edits"),
        ("edit", {"edits": []}, "no edits"),
        ("run_on_smoke", {}, "whole script is needed"),
        ("submit", {"name": "first", "plan": "A first one."}, "whole script is needed"),
    ],
)
def test_a_tool_without_what_it_needs_says_so(
    said: Said, facts: ModelFacts, tool: str, given: dict[str, Any], told: str
) -> None:
    case = Case([said(tool, **given), answer(GOOD)], facts=facts)
    assert case.propose(Operator.DRAFT).code == GOOD
    assert told in case.told(1)


def test_a_tool_that_is_not_there_is_told_which_are() -> None:
    case = Case([call("train_model", code="x"), answer(GOOD)], facts=TOOLED)
    case.propose()
    assert "look_at_data, run_on_smoke, read_log, edit, submit" in case.told(1)


def test_every_native_call_is_answered_by_its_id() -> None:
    calls = tuple(ToolCall(f"c{number}", "read_log", '{"node": 3}') for number in range(12))
    asked = Reply("Let me read.", calls=calls, carried={"signature": "s1"})
    case = Case([asked, answer(GOOD)], facts=TOOLED)
    case.propose()
    said, *told = case.requests[1].messages[3:]
    assert (said.author, said.calls, said.carried) == ("assistant", calls, {"signature": "s1"})
    assert [each.answers for each in told] == [each.id for each in calls]
    assert "Not carried out" in told[-1].text


@PROTOCOLS
def test_results_are_bounded(said: Said, facts: ModelFacts) -> None:
    long = "a long line of what was printed\n" * 2_000
    desk = ScriptedDesk(
        lambda code: Trial(Fault.ERROR, "d" * 5_000, long), look=lambda _: Trial(None, "", long), logs={3: long}
    )
    misses = [{"search": f"nothing like it {i}\n" * 40, "replace": "x"} for i in range(20)]
    replies = [
        said("look_at_data", code="print(train)"),
        said("read_log", node=3),
        said("run_on_smoke", code=WRONG),
        said("edit", edits=misses),
        said("submit", name="a", plan="b", code=BETTER),
    ]
    case = Case(replies, facts=facts, desk=desk, turns=5)
    case.propose()
    for number in range(1, 5):
        assert estimate_tokens(case.told(number)) < 2_600


def test_a_script_in_words_beside_native_tools_is_submitted() -> None:
    assert Case([answer(GOOD)], facts=TOOLED).propose().code == GOOD


def test_words_beside_other_tools_are_no_plan() -> None:
    handed_in = f"<name>spend</name>\n<plan>Sum it.</plan>\n<code>\n{GOOD}</code>"
    proposal = Case([use("read_log", "3"), use("submit", handed_in)]).propose()
    assert (proposal.edit, proposal.plan) == ("spend", "Sum it.")
