"""What a session does with replies: tries, answers, ends by its caps, and hands in the best there is."""

from __future__ import annotations

import contextlib
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engineers.llm.sessions import (
    BETTER,
    FAULTY,
    GOOD,
    PARENT,
    TOOLED,
    WRONG,
    Case,
    answer,
    call,
    edit_answer,
    fails,
    refuses,
    use,
    used,
)

from mlmaster.core.chat import Finish, ModelFacts, Placement, Reply, Request, ToolCall
from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Trial
from mlmaster.core.usage import Usage
from mlmaster.engineers.llm.conversation import request_tokens
from mlmaster.errors import BudgetSpent, CallCancelled, ContextOverflow, LLMError, ProposalRefused, ProviderError
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.contexts import SCRIPTS
from mlmaster.testing.scripted_desk import ScriptedDesk

DECLINING = "I'm sorry, but I can't help with that."


# ---- a reply that passes


@pytest.mark.parametrize("operator", list(Operator))
def test_a_script_that_passes_is_handed_in(operator: Operator) -> None:
    case = Case([answer(GOOD)])
    proposal = case.propose(operator)
    assert (proposal.code, proposal.edit, proposal.turns) == (GOOD, "spend_sum", 1)
    assert proposal.plan == "Sum what was billed: sleepers spend nothing."
    assert (case.desk.checked, case.desk.smoked) == ([GOOD], [GOOD])
    assert proposal.usage == case.llm.of(1)


def test_edits_change_the_parent() -> None:
    case = Case([edit_answer(("SEED = 7", "SEED = 9"))])
    assert case.propose().code == PARENT.replace("SEED = 7", "SEED = 9")


def test_a_failing_script_is_answered_and_mended() -> None:
    case = Case([answer(WRONG), edit_answer(("SEED = 7 / 0", "SEED = 8"), plan="", name="")])
    proposal = case.propose()
    assert (proposal.code, proposal.turns) == (BETTER, 2)
    assert proposal.edit == "spend_sum"
    assert "ZeroDivisionError: division by zero" in case.told(1)
    assert "Traceback: line 6" in case.told(1)


def test_a_repair_is_no_new_plan() -> None:
    mended = edit_answer(("SEED = 7 / 0", "SEED = 8"), plan="Nothing can be divided by zero.", name="no_division")
    proposal = Case([answer(WRONG), mended]).propose()
    assert proposal.edit == "spend_sum"
    assert proposal.plan.startswith("Sum what was billed")
    assert proposal.plan.endswith("Repaired after `error`: Nothing can be divided by zero.")


def test_what_follows_a_refusal_is_a_plan_of_its_own() -> None:
    other = answer(BETTER, plan="Count the cabins.", name="cabin_counts")
    case = Case([answer(GOOD), other], desk=ScriptedDesk(check=refuses("duplicate", GOOD)))
    proposal = case.propose()
    assert (proposal.edit, proposal.plan) == ("cabin_counts", "Count the cabins.")


def test_without_a_trial_first_a_script_is_handed_in_at_once_but_for_a_debug() -> None:
    assert Case([answer(WRONG)], try_first=False).propose().code == WRONG
    case = Case([answer(WRONG), answer(GOOD)], try_first=False)
    assert case.propose(Operator.DEBUG).code == GOOD


@pytest.mark.parametrize("reason", ["no_op", "duplicate", "syntax", "no_submission", "policy"])
def test_what_the_desk_refuses_is_answered(reason: str) -> None:
    case = Case([answer(GOOD), answer(BETTER)], desk=ScriptedDesk(check=refuses(reason, GOOD)))
    assert case.propose().code == BETTER
    assert reason in case.told(1)
    assert f"this is {reason}" in case.told(1)
    assert case.desk.smoked == [BETTER]


def test_what_can_never_work_is_answered_before_it_is_tried() -> None:
    hidden = GOOD.replace("SEED = 7", 'import subprocess\nsubprocess.run(["pip", "install", "x"])\nSEED = 7')
    case = Case([answer(hidden), answer(GOOD)])
    assert case.propose().code == GOOD
    assert "policy" in case.told(1)
    assert case.desk.smoked == [GOOD]


def test_a_package_that_is_not_there_is_answered() -> None:
    case = Case([answer(GOOD), answer(GOOD.replace("catboost", "lightgbm").replace("CatBoost", "LGBM"))])
    proposal = case.propose(modules=frozenset({"numpy", "pandas", "lightgbm", "sklearn"}))
    assert "lightgbm" in proposal.code
    assert "catboost is not installed" in case.told(1)


def test_a_script_of_200_kilobytes_is_refused_by_its_size() -> None:
    huge = GOOD + "ROWS = [\n" + "    'some words of a row of the data',\n" * 5_500 + "]\n"
    assert len(huge) > 200_000
    case = Case([answer(huge), answer(GOOD)])
    assert case.propose().code == GOOD
    assert "bytes, and 100,000 are allowed" in case.told(1)
    assert huge not in case.desk.checked


def test_a_failure_of_the_harness_is_not_blamed_on_the_script() -> None:
    broken = ScriptedDesk(lambda _: Trial(Fault.INFRASTRUCTURE, "the disk is full", ""))
    assert Case([answer(GOOD)], desk=broken).propose().code == GOOD


# ---- edits


def test_edits_that_fit_nowhere_are_answered_with_the_nearest_lines() -> None:
    case = Case([edit_answer(("SEED == 7\nrows", "SEED = 9")), edit_answer(("SEED = 7", "SEED = 9"))])
    assert case.propose().code == PARENT.replace("SEED = 7", "SEED = 9")
    assert re.search(r"\d+ \| ", case.told(1))


def test_half_of_the_edits_are_kept_and_the_other_half_asked_for() -> None:
    half = edit_answer(("SEED = 7", "SEED = 9"), ("test = pd.read_parquet()", "test = None"))
    rest = edit_answer(("random_state=SEED", "random_state=SEED + 1"))
    case = Case([half, rest])
    assert case.propose().code == PARENT.replace("SEED = 7", "SEED = 9").replace("=SEED)", "=SEED + 1)")
    assert "1 edit was applied" in case.told(1)


def test_half_of_a_change_is_never_handed_in() -> None:
    half = edit_answer(("SEED = 7", "SEED = 9"), ("test = pd.read_parquet()", "test = None"))
    with pytest.raises(ProposalRefused, match="edits cannot be applied") as refused:
        Case([half, half.replace("SEED = 7", "SEED = 8")], turns=2).propose()
    assert refused.value.reason == "edit"


def test_edits_that_change_nothing_are_answered() -> None:
    case = Case([edit_answer(("SEED = 7", "SEED = 7")), answer(GOOD)])
    assert case.propose().code == GOOD
    assert "changes nothing" in case.told(1)


# ---- what is no script


def test_prose_is_answered_once_and_then_refused() -> None:
    case = Case(["I would add the group size.", "As I said, the group size."])
    with pytest.raises(ProposalRefused, match="no script was found") as refused:
        case.propose()
    assert refused.value.reason == "unusable"
    assert "no script in your reply" in case.told(1)


def test_an_empty_reply_is_asked_for_again() -> None:
    case = Case([Reply("", finish=Finish.LENGTH), answer(GOOD)])
    assert case.propose().code == GOOD
    assert [each.author for each in case.requests[1].messages] == ["system", "user", "user"]


@pytest.mark.parametrize("said", [DECLINING, Reply("", finish=Finish.FILTERED)], ids=["in-words", "filtered"])
def test_a_refusal_is_asked_once_more_in_other_words(said: Reply | str) -> None:
    case = Case([said, answer(GOOD)])
    assert case.propose().code == GOOD
    assert "ordinary modelling task" in case.told(1)
    assert all(each.author != "assistant" for each in case.requests[1].messages)


def test_two_refusals_are_an_outcome() -> None:
    with pytest.raises(ProposalRefused) as refused:
        Case([DECLINING, DECLINING]).propose()
    assert refused.value.reason == "declined"


def test_the_same_script_for_ever_is_counted_and_ends() -> None:
    case = Case(lambda request, node: answer(WRONG), turns=50)
    proposal = case.propose()
    assert (proposal.code, proposal.plan) == (WRONG, "Sum what was billed: sleepers spend nothing.")
    assert len(case.requests) == 4
    assert case.desk.smoked == [WRONG]
    assert "very script that was refused before" in case.told(2)


def test_an_answer_in_another_language_is_as_good() -> None:
    case = Case([f"我把所有消费加总。\n\n名称: spend_sum\n\n```python\n{GOOD}```\n"])
    proposal = case.propose()
    assert (proposal.code, proposal.edit) == (GOOD, "spend_sum")
    assert "消费" in proposal.plan


# ---- cut replies


def test_a_reply_that_is_cut_is_continued() -> None:
    whole = answer(GOOD)
    first, rest = whole[:600], whole[600:]
    case = Case([Reply(first, finish=Finish.LENGTH), rest], turns=1)
    proposal = case.propose()
    assert (proposal.code, proposal.turns) == (GOOD, 1)
    assert case.requests[1].messages[-2].text == first
    assert "Go on exactly where it ended" in case.told(1)
    assert proposal.usage.calls == 2


def test_a_reply_that_ends_within_its_script_is_continued_whatever_its_provider_says() -> None:
    whole = answer(GOOD)
    assert Case([whole[:600], whole[600:]], turns=1).propose().code == GOOD


def test_a_reply_is_continued_three_times_at_most() -> None:
    case = Case(lambda request, node: Reply("```python\nimport numpy\nx = (1,\n", finish=Finish.LENGTH), turns=1)
    with pytest.raises(ProposalRefused):
        case.propose()
    assert len(case.requests) == 4


def test_arguments_that_are_cut_are_not_carried_out() -> None:
    cut = Reply("", calls=call("submit", code=GOOD).calls, finish=Finish.LENGTH)
    case = Case([cut, call("submit", 2, name="spend", plan="Sum.", code=BETTER)], facts=TOOLED)
    assert case.propose().code == BETTER
    assert case.desk.checked == [BETTER]


# ---- a single shot


def test_a_single_shot_offers_no_tools_and_tries_nothing() -> None:
    case = Case([answer(WRONG)], turns=1, facts=TOOLED)
    proposal = case.propose()
    assert (proposal.code, proposal.turns) == (WRONG, 1)
    assert case.desk.smoked == []
    assert case.requests[0].tools == ()
    assert "<tool" not in case.requests[0].messages[0].text


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I would add the group size.", "unusable"),
        (DECLINING, "declined"),
        (answer(GOOD), "no_op"),
        (edit_answer(("nothing like it stands there", "x")), "edit"),
        (answer(GOOD.replace("SEED = 7", "import requests\nrequests.get('http://x')")), "policy"),
    ],
)
def test_what_a_single_shot_cannot_use_is_refused_with_its_reason(said: str, reason: str) -> None:
    case = Case([said], turns=1, desk=ScriptedDesk(check=refuses("no_op", GOOD)))
    with pytest.raises(ProposalRefused) as refused:
        case.propose()
    assert refused.value.reason == reason
    assert len(case.requests) == 1
    assert "\n" not in refused.value.detail


# ---- caps


def test_after_the_last_reply_a_failing_script_is_handed_in_for_want_of_a_better_one() -> None:
    assert Case([answer(WRONG)] * 2, turns=2).propose().code == WRONG
    later = WRONG.replace("7 / 0", "8 / 0")
    assert Case([answer(WRONG), answer(later)], turns=2, desk=ScriptedDesk(fails(WRONG, later))).propose().code == later


def test_a_script_that_passed_is_handed_in_before_one_that_was_not_tried_or_failed() -> None:
    replies = [use("run_on_smoke", f"```python\n{GOOD}```"), answer(WRONG), use("read_log", "3")]
    proposal = Case(replies, turns=3).propose()
    assert proposal.code == GOOD
    replies = [use("run_on_smoke", f"```python\n{WRONG}```"), use("edit", edit_answer(("SEED = 7 / 0", "SEED = 8")))]
    assert Case(replies, turns=2).propose().code == BETTER


def test_what_passed_must_still_be_a_solution() -> None:
    replies = [use("run_on_smoke", f"```python\n{GOOD}```"), use("read_log", "3")]
    with pytest.raises(ProposalRefused) as refused:
        Case(replies, turns=2, desk=ScriptedDesk(check=refuses("duplicate", GOOD))).propose()
    assert refused.value.reason == "duplicate"


def test_a_session_without_a_script_ends_with_a_reason() -> None:
    with pytest.raises(ProposalRefused, match=r"after 2 replies \(session.turns\)"):
        Case(lambda request, node: use("read_log", "3"), turns=2).propose()


def test_a_session_ends_when_its_tokens_are_spent() -> None:
    case = Case(lambda request, node: used(30_000, use("read_log", "3")), tokens=100_000, turns=50)
    with pytest.raises(ProposalRefused, match=r"session\.tokens"):
        case.propose()
    assert len(case.requests) == 4
    assert case.requests[-1].max_output_tokens <= 10_000


def test_a_session_of_few_tokens_still_asks_once() -> None:
    assert Case([answer(GOOD)], tokens=1_000).propose().code == GOOD


def test_tokens_are_estimated_where_the_provider_counts_none() -> None:
    case = Case(
        lambda request, node: Reply(use("read_log", "x " * 20_000), usage=Usage(calls=1)), tokens=50_000, turns=50
    )
    with pytest.raises(ProposalRefused, match=r"session\.tokens"):
        case.propose()
    assert len(case.requests) < 5


def test_a_session_ends_when_its_time_is_over() -> None:
    clock = FakeClock()

    def slowly(request: object, node: int) -> str:
        clock.advance(400)
        return answer(WRONG) if len(case.requests) < 3 else last

    last = answer(GOOD)
    case = Case(slowly, clock=clock, time_s=900)
    assert case.propose().code == GOOD
    assert case.desk.smoked == [WRONG]  # no time was left to try the last one
    last = answer(WRONG)
    case = Case(slowly, clock=clock, time_s=900, turns=9)
    assert case.propose().code == WRONG
    assert len(case.requests) == 3


def test_the_model_is_told_what_is_left() -> None:
    case = Case(
        [answer(WRONG), answer(WRONG + "\n"), answer(GOOD)], turns=3, desk=ScriptedDesk(fails(WRONG, WRONG + "\n"))
    )
    case.propose()
    assert "2 replies left" in case.told(1)
    assert "last reply" in case.told(2)


# ---- what ends a proposal from outside


def test_a_budget_that_ends_within_the_session_leaves_what_passed() -> None:
    spent = BudgetSpent("cost", "nothing is left")
    assert Case([use("run_on_smoke", f"```python\n{GOOD}```"), spent]).propose().code == GOOD
    with pytest.raises(BudgetSpent):
        Case([answer(WRONG), spent]).propose()


@pytest.mark.parametrize("error", [ProviderError("away", "no answer"), CallCancelled("the run ended")])
def test_other_errors_pass_through(error: ProviderError | CallCancelled) -> None:
    with pytest.raises(type(error)):
        Case([use("run_on_smoke", f"```python\n{GOOD}```"), error]).propose()


def test_a_run_that_ends_during_a_trial_ends_the_session() -> None:
    desk = ScriptedDesk(lambda _: Trial(Fault.CANCELLED, "the run ends", ""))
    with pytest.raises(CallCancelled):
        Case([answer(GOOD)], desk=desk).propose()


def test_no_more_is_asked_once_the_run_has_ended() -> None:
    desk = ScriptedDesk()

    def fail(code: str) -> Trial:
        desk.cancel.set()
        return FAULTY

    desk.smoke = fail  # type: ignore[method-assign]
    case = Case([answer(GOOD)], desk=desk)
    with pytest.raises(CallCancelled):
        case.propose()
    assert len(case.requests) == 1


# ---- room


def test_a_conversation_that_overflows_says_less_and_goes_on() -> None:
    log = "x" * 6_000
    looks = [use("look_at_data", f"print({i})") for i in range(3)]
    case = Case(
        [*looks, ContextOverflow("too long"), answer(GOOD)], desk=ScriptedDesk(look=lambda _: Trial(None, "", log))
    )
    assert case.propose().code == GOOD
    before, after = case.requests[3].messages, case.requests[4].messages
    assert [each.text for each in after[:3]] == [each.text for each in before[:3]]
    assert sum(len(each.text) for each in after) < sum(len(each.text) for each in before)
    assert after[-1].text == before[-1].text


def test_a_conversation_that_overflows_for_ever_ends_with_the_best() -> None:
    overflows: list[str | LLMError] = [ContextOverflow("too long") for _ in range(5)]
    replies = [use("run_on_smoke", f"```python\n{GOOD}```"), *overflows]
    assert Case(replies).propose().code == GOOD


def test_a_conversation_is_made_shorter_three_times_at_most() -> None:
    def reply(request: Request, node: int) -> str:
        if len(case.requests) > 10:
            raise ContextOverflow("too long", limit_tokens=request_tokens(request) + 990)
        return use("look_at_data", f"print({len(case.requests)})")

    desk = ScriptedDesk(look=lambda _: Trial(None, "", "y" * 9_000))
    case = Case(reply, desk=desk, turns=20, facts=ModelFacts("m", max_output_tokens=1_000))
    with pytest.raises(ProposalRefused):
        case.propose()
    assert len(case.requests) == 14


def test_old_results_are_left_out_before_the_context_is_full() -> None:
    facts = ModelFacts("scripted:model", context_tokens=12_000, max_output_tokens=2_000)
    desk = ScriptedDesk(look=lambda _: Trial(None, "", "y" * 9_000))
    case = Case([*(use("look_at_data", f"print({i})") for i in range(5)), answer(GOOD)], facts=facts, desk=desk)
    assert case.propose().code == GOOD
    for request in case.requests:
        assert request_tokens(request) + request.max_output_tokens <= 12_000
        assert [each.text for each in request.messages[:3]] == [each.text for each in case.requests[0].messages[:3]]
    assert any("[Left out" in each.text for each in case.requests[-1].messages)


def test_requests_grow_at_their_end_and_say_how_far_they_may_be_cached() -> None:
    case = Case(
        [use("read_log", "3"), answer(WRONG), answer(GOOD)], desk=ScriptedDesk(fails(WRONG), logs={3: "epoch 1"})
    )
    case.propose()
    texts = [[each.text for each in request.messages] for request in case.requests]
    assert texts[1][: len(texts[0])] == texts[0]
    assert texts[2][: len(texts[1])] == texts[1]
    assert all(request.messages[-1].is_stable for request in case.requests)


# ---- thoughts


def test_thoughts_stand_in_the_first_request_and_their_memory_in_the_prompt_from_then_on() -> None:
    facts = ModelFacts("scripted:model", placement=Placement.CONTINUE)
    case = Case([answer(WRONG), answer(GOOD)], facts=facts)
    assert case.propose().placement == "continue"
    first, second = case.requests
    assert "GroupSize" not in first.thoughts
    assert "group" in first.thoughts
    assert second.thoughts == ""
    assert first.thoughts in second.messages[2].text


def test_without_a_place_for_thoughts_all_of_it_stands_in_the_prompt() -> None:
    case = Case([answer(WRONG), answer(GOOD)])
    assert case.propose().placement == "prompt"
    assert case.requests[0].thoughts == ""
    assert case.requests[1].messages[2].text == case.requests[0].messages[2].text


def test_thinking_that_is_written_into_the_text_is_not_shown_again() -> None:
    case = Case([f"<think>\nLet me divide by zero.\n</think>\n{answer(WRONG)}", answer(GOOD)])
    case.propose()
    assert case.requests[1].messages[3].text == answer(WRONG).strip()


# ---- whatever is said

PIECES = st.sampled_from(
    [
        "Let me think about it.",
        "",
        DECLINING,
        Reply("", finish=Finish.FILTERED),
        Reply(answer(GOOD)[:500], finish=Finish.LENGTH),
        answer(WRONG),
        answer(BETTER),
        answer("import nothing_like_it\n"),
        answer("print('no answer'\n"),
        edit_answer(("SEED = 7", "SEED = 9")),
        edit_answer(("SEED = 7", "SEED = 9"), ("no such line", "x")),
        use("edit", edit_answer(("SEED = 7", "SEED = 11"))),
        use("run_on_smoke", f"```python\n{WRONG}```"),
        use("run_on_smoke", ""),
        use("look_at_data", "print(1)"),
        use("submit", ""),
        call("run_on_smoke", code=BETTER),
        call("submit", name="a", plan="b"),
        call("edit", edits="nothing"),
        call("no_such_tool"),
        Reply("", calls=(ToolCall("1", "submit", '{"code": "import'),), finish=Finish.LENGTH),
        ContextOverflow("too long"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=8), st.integers(1, 6), st.booleans(), st.sampled_from(list(Operator)))
def test_whatever_a_model_says_a_session_ends_with_a_new_script_or_a_reason(
    said: list[Reply | str | LLMError], turns: int, is_native: bool, operator: Operator
) -> None:
    rest = itertools.cycle(said)

    def reply(request: object, node: int) -> Reply | str:
        following = next(rest)
        if isinstance(following, LLMError):
            raise following
        return following

    desk = ScriptedDesk(fails(WRONG), check=refuses("no_op", PARENT, SCRIPTS[12]))
    case = Case(reply, turns=turns, desk=desk, facts=TOOLED if is_native else None)
    with contextlib.suppress(ProposalRefused, ProviderError):
        proposal = case.propose(operator)
        assert proposal.code in desk.checked
        assert proposal.code not in (PARENT, SCRIPTS[12])
        assert proposal.plan
        assert proposal.edit
        assert 1 <= proposal.turns <= turns
    assert len(case.requests) <= 4 * turns + 4 * turns


# ---- a second opinion

SUSPICIOUS = GOOD.replace(
    "target = train",
    'train["Mean"] = train.groupby("HomePlanet")["Transported"].transform("mean")\ntarget = train',
)


@pytest.mark.parametrize("turns", [1, 4])
def test_a_confirmed_leak_is_told(turns: int) -> None:
    verdict = 'Yes.\n{"leak": true, "why": "the target is averaged over the row itself", "fix": "fold it out"}'
    case = Case([answer(SUSPICIOUS), verdict, answer(GOOD)], turns=turns)
    if turns == 1:
        with pytest.raises(ProposalRefused, match="averaged over the row itself fold it out") as refused:
            case.propose()
        assert refused.value.reason == "leak"
    else:
        assert case.propose().code == GOOD
        assert "averaged over the row itself" in case.told(2)
    assert str(case.requests[1].role) == "feedback"
    assert "HomePlanet" in case.requests[1].messages[-1].text


@pytest.mark.parametrize(
    "said", ['{"leak": false, "why": "out of fold", "fix": ""}', "I cannot tell.", '{"leak": "no"}']
)
def test_a_suspicion_that_is_not_confirmed_changes_nothing(said: str) -> None:
    assert Case([answer(SUSPICIOUS), said]).propose().code == SUSPICIOUS


def test_suspicion_alone_changes_nothing() -> None:
    assert Case([answer(SUSPICIOUS)], review=False).propose().code == SUSPICIOUS
    assert Case([answer(SUSPICIOUS)]).propose(refusals=("leak: it was thought to leak",)).code == SUSPICIOUS
    for turns in (1, 4):
        case = Case([answer(SUSPICIOUS), BudgetSpent("tokens", "none left")], turns=turns)
        assert case.propose().code == SUSPICIOUS


def test_a_second_opinion_is_asked_for_once() -> None:
    again = SUSPICIOUS.replace("SEED = 7", "SEED = 8")
    case = Case([answer(SUSPICIOUS), '{"leak": true, "why": "it averages the target"}', answer(again)])
    assert case.propose().code == again


def test_a_script_that_leaks_is_not_handed_in_at_the_end() -> None:
    verdict = '{"leak": true, "why": "it averages the target", "fix": ""}'
    with pytest.raises(ProposalRefused, match="averages the target") as refused:
        Case([answer(SUSPICIOUS), verdict, use("read_log", "3")], turns=2).propose()
    assert refused.value.reason == "leak"
