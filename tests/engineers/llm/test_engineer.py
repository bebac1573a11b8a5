"""The engineer: plan and code, what a proposal says, contexts that overflow, descriptions that are too long."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from tests.engineers.llm.sessions import GOOD, TOOLED, Case, answer, call, use, used

from mlmaster.core.chat import Finish, ModelFacts, Reply, Request, Role
from mlmaster.core.node import Operator
from mlmaster.core.tokens import estimate_tokens
from mlmaster.engineers.llm.conversation import request_tokens
from mlmaster.errors import BudgetSpent, ContextOverflow, ProposalRefused, ProviderError
from mlmaster.testing.scripted_desk import ScriptedDesk

PLANNER = ModelFacts("scripted:planner", has_schema=True)
TWO = {Role.PLANNER: PLANNER}
CHANGES = ["split PassengerId", "count the group"]
PLAN = {"name": "group_size", "plan": "Add the size of the group.", "changes": CHANGES}
LONG = "The column means something that takes many words to say. " * 2_000


def test_it_names_its_model_and_has_every_operator() -> None:
    engineer = Case([]).engineer
    assert (engineer.name, engineer.operators) == ("llm (scripted:model)", frozenset(Operator))


def test_a_proposal_says_what_it_took() -> None:
    case = Case([used(5_000, use("read_log", "3")), used(6_000, answer(GOOD))])
    proposal = case.propose()
    assert (proposal.usage.calls, proposal.usage.tokens, proposal.turns) == (2, 11_000, 2)
    assert proposal.prompt_tokens == max(map(request_tokens, case.requests))
    assert proposal.memory.startswith("path 4, siblings 3")
    assert all(node == case.desk.node for node, _ in case.llm.requests)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GroupSize", "group_size"),
        ("Add the size of the group and whether somebody travels alone", "add_the_size_of"),
        ("", "improve"),
        ("加总", "improve"),
    ],
)
def test_a_change_has_a_short_name(name: str, expected: str) -> None:
    case = Case([call("submit", name=name, plan="Sum it.", code=GOOD)], facts=TOOLED)
    assert case.propose().edit == expected


def test_a_plan_is_bounded_and_never_made_up() -> None:
    assert Case([f"```python\n{GOOD}```"]).propose().plan == "The model gave no plan."
    assert len(Case([answer(GOOD, plan="So it goes on. " * 1_000)]).propose().plan) <= 2_000


def test_the_same_context_and_replies_give_the_same_proposal() -> None:
    assert Case([answer(GOOD)]).propose() == Case([answer(GOOD)]).propose()


def test_refusals_are_told_to_the_next_attempt() -> None:
    case = Case([answer(GOOD)])
    case.propose(refusals=("duplicate: the script is that of node 3",))
    assert "the script is that of node 3" in case.requests[0].messages[-1].text


# ---- plan, then code


@pytest.mark.parametrize(
    ("plan", "roles", "is_apart"),
    [("auto", {}, False), ("auto", TWO, True), ("together", TWO, False), ("apart", {}, True)],
)
def test_two_steps_where_the_planner_is_another_model_or_it_is_asked_for(
    plan: str, roles: dict[Role, ModelFacts], is_apart: bool
) -> None:
    case = Case([json.dumps(PLAN), answer(GOOD)] if is_apart else [answer(GOOD)], roles=roles, plan=plan)
    assert case.propose().code == GOOD
    assert [each.role for each in case.requests] == [*([Role.PLANNER] * is_apart), Role.CODER]


def test_the_coder_is_told_the_plan_and_the_planner_has_a_schema_where_it_takes_one() -> None:
    case = Case([json.dumps(PLAN), answer(GOOD, plan="", name="")], roles=TWO)
    proposal = case.propose()
    planner, coder = case.requests
    assert planner.schema is not None
    assert planner.tools == coder.tools == ()
    for words in ("Add the size of the group.", *CHANGES):
        assert words in coder.messages[-1].text
        assert words in proposal.plan
    assert (proposal.edit, proposal.turns, proposal.usage.calls) == ("group_size", 1, 2)


@pytest.mark.parametrize(
    "said",
    [
        f"```json\n{json.dumps(PLAN, indent=2)}\n```",
        f"Here is my plan:\n{json.dumps(PLAN)}\nI hope it helps.",
        "{'name': 'group_size', 'plan': 'Add the size of the group.',}",
        "<think>hm</think>Add the size of the group.",
    ],
    ids=["fenced", "words-around", "loose", "prose"],
)
def test_a_plan_is_read_however_it_is_written(said: str) -> None:
    case = Case([said, answer(GOOD)], plan="apart")
    case.propose()
    assert "Add the size of the group." in case.requests[1].messages[-1].text
    assert "hm" not in case.requests[1].messages[-1].text.split("```")[1]
    assert case.requests[0].schema is None


def test_a_planner_that_declines_is_asked_once_more() -> None:
    no = Reply("", finish=Finish.FILTERED)
    assert Case([no, json.dumps(PLAN), answer(GOOD)], plan="apart").propose().code == GOOD
    with pytest.raises(ProposalRefused) as refused:
        Case([no, no], plan="apart").propose()
    assert refused.value.reason == "declined"


def test_a_planner_that_says_nothing_is_an_outcome() -> None:
    with pytest.raises(ProposalRefused) as refused:
        Case(["```python\nprint(1)\n```"], plan="apart").propose()
    assert refused.value.reason == "unusable"


def test_the_caps_hold_for_both_steps() -> None:
    case = Case([used(59_500, json.dumps(PLAN)), used(5_000, use("read_log", "3"))], plan="apart", tokens=60_000)
    with pytest.raises(ProposalRefused, match=r"session\.tokens"):
        case.propose()


# ---- overflow


def holding(limit: int, named: int | None = None) -> Callable[[Request, int], str]:
    """Return a model whose context holds so many tokens."""

    def reply(request: Request, node: int) -> str:
        if request_tokens(request) + request.max_output_tokens > limit:
            raise ContextOverflow(f"this model takes {limit} tokens", named)
        return answer(GOOD)

    return reply


def test_a_context_that_overflows_is_told_less() -> None:
    code = GOOD + "".join(f"# a remark, number {number}\n" for number in range(2_000))
    case = Case(holding(12_000, named=12_000))
    assert case.propose(parent_code=code).code == GOOD
    first, second = case.requests
    assert request_tokens(first) > 12_000 >= request_tokens(second) + second.max_output_tokens
    assert first.messages[0] == second.messages[0]


def test_without_a_named_limit_the_prompt_is_halved_three_times_at_most() -> None:
    case = Case(holding(0))
    code = GOOD + "".join(f"# a remark, number {number}\n" for number in range(2_000))
    with pytest.raises(ProviderError, match="larger context") as failed:
        case.propose(parent_code=code)
    assert failed.value.cause == "request"
    sizes = [request_tokens(each) for each in case.requests]
    assert len(sizes) == 4
    assert all(size <= most for size, most in zip(sizes, (32_000, 16_000, 8_000), strict=False))


def test_a_model_of_known_size_is_asked_no_more_than_it_holds() -> None:
    code = GOOD + "".join(f"# a remark, number {number}\n" for number in range(2_000))
    for reply in (3_000, 9_000):
        case = Case([answer(GOOD)], facts=ModelFacts("m", context_tokens=10_000, max_output_tokens=reply))
        case.propose(parent_code=code)
        assert request_tokens(case.requests[0]) + case.requests[0].max_output_tokens <= 10_000


def test_the_first_request_is_bounded_by_the_setting() -> None:
    code = GOOD + "".join(f"# a remark, number {number}\n" for number in range(5_000))
    case = Case([answer(GOOD)], context_tokens=12_000)
    assert case.propose(parent_code=code, description=LONG[:9_000]).prompt_tokens <= 12_000
    case = Case([answer(GOOD)], tokens=20_000)
    assert case.propose(parent_code=code).prompt_tokens <= 10_000


# ---- long descriptions


def summarising(request: Request, node: int) -> str:
    return "It is about passengers." if request.role is Role.SUMMARISER else answer(GOOD)


def test_a_long_description_is_shortened_once_in_a_run() -> None:
    case = Case(summarising)
    first, second = (case.propose(operator, description=LONG) for operator in (Operator.DRAFT, Operator.IMPROVE))
    assert [each.role for each in case.requests] == [Role.SUMMARISER, Role.CODER, Role.CODER]
    assert case.llm.requests[0][0] == 0
    assert all("It is about passengers." in each.messages[1].text for each in case.requests[1:])
    assert (first.usage.calls, second.usage.calls) == (2, 1)


def test_a_description_that_fits_is_not_shortened() -> None:
    case = Case(summarising)
    case.propose(description=LONG[:10_000])
    assert [each.role for each in case.requests] == [Role.CODER]


@pytest.mark.parametrize(
    "said",
    [Reply("", finish=Finish.FILTERED), "I'm sorry, but I can't help with that.", "  ", ContextOverflow("too long")],
)
def test_a_description_nobody_shortens_is_cut(said: Reply | str | ContextOverflow) -> None:
    case = Case([said, answer(GOOD), answer(GOOD)])
    for _ in range(2):
        case.propose(description=LONG)
    assert len(case.requests) == 3
    assert LONG[:200] in case.requests[1].messages[1].text
    assert estimate_tokens(case.requests[1].messages[1].text) < 16_000


def test_a_summariser_that_cannot_be_asked_is_asked_again() -> None:
    case = Case([BudgetSpent("cost", "nothing is left"), "It is about passengers.", answer(GOOD)])
    with pytest.raises(BudgetSpent):
        case.propose(description=LONG)
    assert case.propose(description=LONG).code == GOOD


# ---- threads


def test_proposals_at_once_do_not_meet() -> None:
    together = Event()
    scripts = {number: GOOD.replace("SEED = 7", f"SEED = {number}") for number in range(8)}

    def reply(request: Request, node: int) -> str:
        if request.role is Role.SUMMARISER:
            return "It is about passengers."
        if len(case.requests) >= 5:
            together.set()
        assert together.wait(10)
        return answer(scripts[node])

    case = Case(reply, facts=TOOLED)
    desks = [ScriptedDesk(node=number) for number in range(4)]
    contexts = case.context(Operator.IMPROVE, description=LONG)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda desk: case.engineer.propose(contexts, desk), desks))
    assert [each.code for each in found] == [scripts[number] for number in range(4)]
    assert sum(each.role is Role.SUMMARISER for each in case.requests) == 1
