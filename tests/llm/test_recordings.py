import threading
from dataclasses import replace

import pytest

from mlmaster.core.calls import Answered, Asked, Call
from mlmaster.core.chat import Message, Reply, Request, Role
from mlmaster.core.usage import Usage
from mlmaster.errors import ProviderError
from mlmaster.llm.recordings import Recordings

USED = Usage(100, 20, cost_usd=0.5, calls=1)


def ask(text: str, role: Role = Role.CODER) -> Request:
    return Request(role, (Message("system", "Be brief."), Message("user", text)), prompt="draft@1")


def said(node: int, question: str, reply: str, role: Role = Role.CODER) -> Call:
    return Call(
        1, 0.0, Asked(node, "m", ask(question, role), USED), Answered("answered", USED, Reply(reply, usage=USED))
    )


def text(reply: Reply | None) -> str | None:
    return None if reply is None else reply.text


# ---- of this run


def test_what_was_answered_before_is_recalled_once_and_in_order() -> None:
    recordings = Recordings([said(1, "a", "first"), said(1, "b", "other"), said(1, "a", "second")])
    assert [text(recordings.find(1, ask("a"))) for _ in range(3)] == ["first", "second", None]
    assert recordings.words() == "2 replies recalled that had been paid for before"


def test_only_the_very_same_question_of_the_same_node_is_recalled() -> None:
    recordings = Recordings([said(1, "a", "first")])
    others = [
        (2, ask("a")),
        (1, ask("a ")),
        (1, ask("a", Role.PLANNER)),
        (1, replace(ask("a"), max_output_tokens=5)),
        (1, replace(ask("a"), thoughts="hm")),
    ]
    assert [recordings.find(node, request) for node, request in others] == [None] * 5
    assert recordings.words() == ""
    assert text(recordings.find(1, ask("a"))) == "first"


def turns(*texts: str, most: int = 900) -> Request:
    """A session: the prompt, then in turn what the model said and what it was told."""
    authors = ("user", "assistant")
    messages = tuple(Message(authors[place % 2], each) for place, each in enumerate(texts))  # type: ignore[arg-type]
    return Request(Role.CODER, messages, max_output_tokens=most)


def test_a_session_that_measures_anew_is_recalled_all_the_same() -> None:
    """The script of a recalled reply is run again, and takes another time and other memory."""
    before = turns("draft 1", "x = 0.5", "It ran in 1.2 s and 96 MB.\n\n5 replies left, and about 14 min.")
    again = turns("draft 1", "x = 0.5", "It ran in 12 s and 1.1 GB.\n\n5 replies left, and about 1 h.", most=880)
    recordings = Recordings([replace(said(1, "", "submit"), asked=Asked(1, "m", before, USED))])
    others = [
        turns("draft 2", *(message.text for message in before.messages[1:])),
        turns("draft 1", "x = 0.7", before.messages[2].text),
        turns("draft 1", "x = 0.5", "It failed in 1.2 s and 96 MB.\n\n5 replies left, and about 14 min."),
    ]
    assert [recordings.find(1, request) for request in others] == [None] * 3
    assert recordings.find(2, again) is None
    assert [text(recordings.find(1, again)) for _ in range(2)] == ["submit", None]


def test_of_two_like_turns_the_very_same_one_is_recalled() -> None:
    asked = [turns("draft", "a", f"in {i} s") for i in range(3)]
    recordings = Recordings([replace(said(1, "", f"reply {i}"), asked=Asked(1, "m", asked[i], USED)) for i in range(3)])
    found = [text(recordings.find(1, asked[i])) for i in (2, 0, 0)]
    assert found == ["reply 2", "reply 0", "reply 1"]


def test_what_was_never_answered_is_asked_again() -> None:
    open_ = replace(said(1, "a", ""), answered=None)
    failed = replace(said(1, "a", ""), answered=Answered("failed", USED, detail="half a reply"))
    assert Recordings([open_, failed]).find(1, ask("a")) is None


def test_a_reply_is_as_it_was() -> None:
    call = said(1, "a", "first")
    for recordings in (Recordings([call]), Recordings((), [call])):
        assert recordings.find(1, ask("a")) == Reply("first", usage=USED)


# ---- of another run


def test_a_node_gets_its_replies_to_the_letter_whatever_the_order() -> None:
    recordings = Recordings((), [said(1, "a", "A"), said(1, "b", "B"), said(2, "a", "A2"), said(1, "a", "A again")])
    found = [text(recordings.find(*each)) for each in ((1, ask("b")), (2, ask("a")), (1, ask("a")), (1, ask("a")))]
    assert found == ["B", "A2", "A", "A again"]
    assert recordings.words() == "4 replies replayed: 4 asked for to the letter, 0 by the turn, 0 found at another node"


def test_a_prompt_that_tells_another_time_gets_the_reply_of_its_turn() -> None:
    recordings = Recordings((), [said(1, f"{i} s left", f"reply {i}") for i in (9, 5, 1)])
    assert [text(recordings.find(1, ask(f"{i} s left"))) for i in (9, 4, 0)] == ["reply 9", "reply 5", "reply 1"]
    assert "1 asked for to the letter, 2 by the turn" in recordings.words()


def test_a_turn_is_that_of_a_role() -> None:
    calls = [
        said(1, "plan 3", "a plan", Role.PLANNER),
        said(1, "code 3", "a script"),
        said(1, "look 3", "fine", Role.FEEDBACK),
    ]
    recordings = Recordings((), calls)
    roles = (Role.FEEDBACK, Role.CODER, Role.PLANNER)
    assert [text(recordings.find(1, ask("else", role))) for role in roles] == ["fine", "a script", "a plan"]


def test_the_next_turn_is_the_one_after_the_last_that_was_given() -> None:
    recordings = Recordings((), [said(1, "a", "A"), said(1, "b", "B"), said(1, "c", "C")])
    assert [text(recordings.find(1, ask(question))) for question in ("b", "else")] == ["B", "C"]


def test_another_node_lends_its_reply_and_keeps_it() -> None:
    recordings = Recordings((), [said(7, "a", "A")])
    assert [text(recordings.find(node, ask("a"))) for node in (1, 2, 7)] == ["A", "A", "A"]
    assert recordings.words() == "3 replies replayed: 1 asked for to the letter, 0 by the turn, 2 found at another node"


@pytest.mark.parametrize("recorded", [[], [said(1, "a", "A")]], ids=["nothing recorded", "all given"])
def test_without_a_reply_nobody_is_asked(recorded: list[Call]) -> None:
    recordings = Recordings([said(1, "b", "of this run")], recorded)
    for _ in recorded:
        recordings.find(1, ask("a"))
    with pytest.raises(
        ProviderError, match=r"no reply to what node 1 asks the coder \(draft@1\).*leave out --replay"
    ) as info:
        recordings.find(1, ask("b"))
    assert info.value.cause == "request"


def test_a_replay_that_was_killed_begins_the_node_anew() -> None:
    recorded = [said(1, "9 s left", "A"), said(1, "5 s left", "B")]
    before = said(1, "8 s left", "A")
    recordings = Recordings([before], recorded)
    assert [text(recordings.find(1, ask(f"{i} s left"))) for i in (8, 3)] == ["A", "B"]


def test_threads_never_share_a_reply() -> None:
    recordings = Recordings([said(1, "a", str(i)) for i in range(200)])
    found: list[str | None] = []

    def work() -> None:
        found.extend(text(recordings.find(1, ask("a"))) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == sorted(map(str, range(200)))
