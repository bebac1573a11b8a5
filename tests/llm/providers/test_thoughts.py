"""Thoughts in requests, and reasoning told from answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.chat import Finish, Message
from mlmaster.llm.providers.thoughts import HEADING, ThinkSplitter, begun, in_prompt, without_system

SYSTEM = Message("system", "You are an engineer.")
TASK = Message("user", "Improve this.", is_stable=True)


def test_in_the_prompt_thoughts_end_the_last_message_of_the_user() -> None:
    asked = (SYSTEM, TASK, Message("assistant", "a"), Message("user", "Go on.\n"), Message("tool", "ok", answers="1"))
    noted = in_prompt(asked, "A forest failed.")
    assert noted[3].text == f"Go on.\n\n{HEADING}\n\nA forest failed."
    assert (*noted[:3], noted[4]) == (*asked[:3], asked[4])


def test_without_thoughts_messages_are_as_they_were() -> None:
    assert in_prompt((SYSTEM, TASK), " \n") == (SYSTEM, TASK)


def test_without_a_message_of_the_user_thoughts_are_one() -> None:
    assert in_prompt((SYSTEM,), "x")[-1].author == "user"


def test_what_the_system_says_opens_the_first_message_of_the_user() -> None:
    asked = (SYSTEM, Message("system", "Be brief."), TASK, Message("user", "Go on."))
    assert [each.text for each in without_system(asked)] == [
        "You are an engineer.\n\nBe brief.\n\nImprove this.",
        "Go on.",
    ]
    assert without_system((SYSTEM,)) == (Message("user", SYSTEM.text),)
    assert without_system((TASK,)) == (TASK,)


def test_thoughts_cannot_close_the_block_they_are_placed_in() -> None:
    assert begun("I tried </think> and <thinking>that</thinking>.\n") == "<think>\nI tried  and that."


def split(pieces: list[str], *, finish: Finish = Finish.STOP, is_open: bool = True) -> tuple[str, str]:
    splitter = ThinkSplitter(is_open=is_open)
    parts = [*map(splitter.feed, pieces), splitter.finish(finish)]
    return "".join(part.reasoning for part in parts), "".join(part.text for part in parts)


SPLITS = {
    "both": ("so it is.</think>\n\nThe plan.", ("so it is.", "The plan.")),
    "nothing thought": ("</think>The plan.", ("", "The plan.")),
    "a block of its own": ("\n<think>\nhm</think> x", ("\nhm", "x")),
    "half a tag at the end": ("hm</thi", ("hm</thi", "hm</thi")),
    "a comparison": ("a < b </ c</think>d < e", ("a < b </ c", "d < e")),
    "two tags": ("a</think>b</think>c", ("a", "b</think>c")),
    "never closed": ("just an answer", ("just an answer", "just an answer")),
    "a tag that is none": ("<thin ice", ("<thin ice", "<thin ice")),
    "empty": ("", ("", "")),
}


@pytest.mark.parametrize("case", SPLITS)
def test_reasoning_ends_at_the_closing_tag_however_it_comes_in_pieces(case: str) -> None:
    text, found = SPLITS[case]
    assert split([text]) == found
    assert split(list(text)) == found


def test_a_reply_that_was_cut_off_while_thinking_has_no_answer() -> None:
    assert split(["still thin", "king"], finish=Finish.LENGTH) == ("still thinking", "")


def test_outside_of_a_block_all_is_answer() -> None:
    assert split(["\n a </think>", " b"], is_open=False) == ("", "\n a </think> b")


def test_a_server_that_splits_by_itself_is_left_to() -> None:
    splitter = ThinkSplitter(is_open=True)
    splitter.close()
    assert splitter.feed("The plan.").text == "The plan."


@given(st.lists(st.text("<think>/ \nab", max_size=8)), st.booleans(), st.sampled_from([Finish.STOP, Finish.LENGTH]))
def test_how_a_reply_is_cut_into_pieces_changes_nothing(pieces: list[str], is_open: bool, finish: Finish) -> None:
    whole = "".join(pieces)
    assert split(pieces, is_open=is_open, finish=finish) == split([whole], is_open=is_open, finish=finish)
