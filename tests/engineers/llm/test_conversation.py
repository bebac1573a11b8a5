"""What is left out of a conversation, in which order, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.chat import Message
from mlmaster.engineers.llm.conversation import Conversation

PROMPT = (Message("system", "the rules"), Message("user", "the task"), Message("user", "the work"))
LONG, SHORT = "a long result " * 200, "no log of #3"


def conversation(*told: str) -> Conversation:
    found = Conversation(PROMPT, left_out="[left out]")
    for number, text in enumerate(told):
        found.add(Message("assistant", f"step {number:02}"), [Message("user", text)])
    return found


def texts(found: Conversation) -> list[str]:
    return [message.text for message in found.request(100).messages]


def test_nothing_is_left_out_while_there_is_room() -> None:
    found = conversation(LONG, LONG)
    assert not found.shorten(found.tokens)
    assert texts(found).count(LONG) == 2


def test_the_oldest_results_go_first_and_short_ones_stay() -> None:
    found = conversation(SHORT, LONG, LONG, LONG)
    assert found.shorten(found.tokens - 1)
    assert texts(found)[3:] == ["step 00", SHORT, "step 01", "[left out]", "step 02", LONG, "step 03", LONG]


def test_so_much_is_left_out_at_once_that_it_is_not_done_for_every_request() -> None:
    found = conversation(*[LONG] * 8)
    before = found.tokens
    found.shorten(before - 1)
    assert found.tokens <= 0.75 * before
    assert "step 00" in texts(found)


def test_then_the_oldest_turns_go_and_the_last_one_stays() -> None:
    found = conversation(*["some words, not many " * 5] * 20)
    assert found.shorten(found.tokens // 2)
    assert texts(found)[:3] == ["the rules", "the task", "the work"]
    assert "step 00" not in texts(found)
    assert "step 19" in texts(found)
    found = conversation(LONG, LONG)
    assert found.shorten(1)
    assert texts(found)[3:] == ["step 01", LONG]
    assert not found.shorten(1)


@pytest.mark.parametrize("turns", [0, 2])
def test_other_words_are_added_to_the_last_message(turns: int) -> None:
    found = conversation(*[SHORT] * turns)
    found.ask_otherwise("Answer as asked.")
    assert texts(found)[-1] == f"{SHORT if turns else 'the work'}\n\nAnswer as asked."


@given(st.lists(st.integers(0, 400), max_size=12), st.integers(0, 3_000))
def test_the_prompt_and_the_last_turn_always_stay(sizes: list[int], tokens: int) -> None:
    found = conversation(*("word " * size for size in sizes))
    before = texts(found)
    is_shorter = found.shorten(tokens)
    after = texts(found)
    assert after[:3] == before[:3]
    assert after[-1] == before[-1]
    assert is_shorter == (after != before)
    assert found.tokens <= max(tokens, conversation(*("word " * size for size in sizes[-1:])).tokens)
