from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event as Flag

import pytest

from mlmaster.core.chat import Finish, Message, Request, Role, ToolCall
from mlmaster.core.usage import Usage
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.streaming import StreamCancelled, Streaming, joined
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.scripted_provider import Hang, Script, ScriptedProvider, Silence, Step, says

REQUEST = Request(Role.CODER, (Message("system", "write"), Message("user", "a script")), max_output_tokens=100)
USAGE = Usage(input_tokens=10, output_tokens=5)
CALL = ToolCall("1", "submit", "{}")


def nothing() -> None:
    pass


def carry(
    script: Script, *, cancel: Flag | None = None, began: Callable[[], None] = nothing
) -> tuple[Part, ScriptedProvider]:
    clock = FakeClock()
    provider = ScriptedProvider([script], clock)
    streaming = Streaming(clock, first_token_s=300, idle_s=60)
    return streaming.carry(provider, REQUEST, Options(), cancel or Flag(), began), provider


@pytest.mark.parametrize(
    ("script", "whole"),
    [
        (says("hello", USAGE), Part(text="hello", finish=Finish.STOP, usage=USAGE, model="scripted-1")),
        (
            [Part(reasoning="so "), Part(reasoning="it is"), Part(text="42"), Part(finish=Finish.STOP)],
            Part(text="42", reasoning="so it is", finish=Finish.STOP),
        ),
        ([Part(calls=(CALL,), finish=Finish.TOOLS)], Part(calls=(CALL,), finish=Finish.TOOLS)),
        ([Part(text="cut", finish=Finish.LENGTH)], Part(text="cut", finish=Finish.LENGTH)),
        ([Part(finish=Finish.LENGTH)], Part(finish=Finish.LENGTH)),
        ([Part(finish=Finish.FILTERED)], Part(finish=Finish.FILTERED)),
        (
            [Part(reasoning="only thought"), Part(finish=Finish.STOP)],
            Part(reasoning="only thought", finish=Finish.STOP),
        ),
        (
            [Part(usage=Usage(input_tokens=10)), Part(text="x", finish=Finish.STOP), Part(usage=USAGE)],
            Part(text="x", finish=Finish.STOP, usage=USAGE),
        ),
        (
            [Part(text="x"), Part(carried={"a": 1}, finish=Finish.STOP)],
            Part(text="x", carried={"a": 1}, finish=Finish.STOP),
        ),
        # what is slow but alive: the first word after five minutes, then a part a minute
        (
            [Silence(300), Part(reasoning="a"), Silence(60), Part(reasoning="b"), Silence(60), *says("late")],
            Part(text="late", reasoning="ab", finish=Finish.STOP, model="scripted-1"),
        ),
        # a part without words is a beginning, but no word: the longer wait goes on
        (
            [Part(model="m"), Silence(299), Part(text="x", finish=Finish.STOP)],
            Part(text="x", finish=Finish.STOP, model="m"),
        ),
        # the reply is whole, and only the count of its tokens is lost
        ([Part(text="x", finish=Finish.STOP), Fault("away", "reset")], Part(text="x", finish=Finish.STOP)),
        ([Part(text="x", finish=Finish.STOP), Silence(61), Hang.HANG], Part(text="x", finish=Finish.STOP)),
    ],
)
def test_whole_replies(script: list[Step], whole: Part) -> None:
    found, provider = carry(script)
    assert found == whole
    assert provider.open_streams == 0


@pytest.mark.parametrize(
    ("script", "kind", "words", "received"),
    [
        ([], "away", "broke off", Part()),
        ([Part(text="ha"), Part(text="lf")], "away", "broke off", Part(text="half")),
        ([Fault("busy", "429")], "busy", "429", Part()),
        ([Part(text="a", usage=USAGE), Fault("away", "reset")], "away", "reset", Part(text="a", usage=USAGE)),
        ([Fault("away", "reset", received=Part(text="own"))], "away", "reset", Part(text="own")),
        ([Silence(300.5), Hang.HANG], "away", "no word of a reply came within 300 s (llm.first_token_s)", Part()),
        ([Part(model="m"), Silence(300.5), Hang.HANG], "away", "llm.first_token_s", Part(model="m")),
        ([Part(reasoning="hm"), Silence(60.5), Hang.HANG], "away", "llm.idle_s", Part(reasoning="hm")),
        ([Part(text=" \n", finish=Finish.STOP)], "garbled", "empty", Part(text=" \n", finish=Finish.STOP)),
        ([Part(finish=Finish.TOOLS)], "garbled", "empty", Part(finish=Finish.TOOLS)),
    ],
)
def test_faults_with_what_had_arrived(script: list[Step], kind: str, words: str, received: Part) -> None:
    with pytest.raises(Fault) as raised:
        carry(script)
    assert raised.value.kind == kind
    assert words in raised.value.message
    assert raised.value.received == received


def test_a_hanging_connection_is_ended() -> None:
    clock = FakeClock()
    provider = ScriptedProvider([[Part(text="a"), Silence(61), Hang.HANG]], clock)
    with pytest.raises(Fault):
        Streaming(clock, 300, 60).carry(provider, REQUEST, Options(), Flag(), nothing)
    assert provider.open_streams == 0


def test_a_tool_call_without_an_end_ends() -> None:
    def script() -> Iterator[Step]:
        for _ in range(100 * REQUEST.max_output_tokens):
            yield Part()  # a piece of the arguments, of which nothing is told before all are there
        raise AssertionError("it was listened to for ever")

    found, provider = carry(script())
    assert found == Part(finish=Finish.LENGTH)
    assert provider.open_streams == 0


def test_cancelling_in_the_middle_ends_the_connection_and_tells_all_that_had_arrived() -> None:
    def script() -> Iterator[Step]:
        yield Part(text="half ")
        yield Part(text="a reply")
        cancel.set()
        yield Hang.HANG

    cancel = Flag()
    provider = ScriptedProvider([script()])
    with pytest.raises(StreamCancelled) as raised:
        Streaming(FakeClock(), 300, 60).carry(provider, REQUEST, Options(), cancel, nothing)
    assert raised.value.received == Part(text="half a reply")
    assert provider.open_streams == 0


def test_a_stream_that_opens_after_nobody_wants_it_is_ended() -> None:
    class Slow(ScriptedProvider):
        def stream(self, request: Request, options: Options) -> Iterator[Part]:
            assert go.wait(60)
            return Connection()

    class Connection(Iterator[Part]):
        def __next__(self) -> Part:
            raise AssertionError("nobody reads this")

        def close(self) -> None:
            ended.set()

    go, ended, cancel = Flag(), Flag(), Flag()
    cancel.set()
    with pytest.raises(StreamCancelled):
        Streaming(FakeClock(), 300, 60).carry(Slow([]), REQUEST, Options(), cancel, nothing)
    assert not ended.is_set()
    go.set()
    assert ended.wait(60)


def test_told_once_when_the_first_words_come() -> None:
    told: list[int] = []
    carry(
        [Part(model="m"), Part(reasoning="a"), Part(text="b"), Part(finish=Finish.STOP)], began=lambda: told.append(1)
    )
    assert told == [1]


def test_a_reply_that_never_ends_is_cut() -> None:
    def endless() -> Iterator[Step]:
        while True:
            yield Part(text="again and again ")

    found, provider = carry(endless())
    assert found.finish is Finish.LENGTH
    assert 1_000 < len(found.text) < 2_000
    assert provider.open_streams == 0


def test_a_mistake_of_a_provider_is_raised_where_it_was_asked() -> None:
    def wrong(request: Request, options: Options) -> Script:
        raise ZeroDivisionError("a mistake")

    with pytest.raises(ZeroDivisionError, match="a mistake"):
        Streaming(FakeClock(), 300, 60).carry(ScriptedProvider(wrong), REQUEST, Options(), Flag(), nothing)


def test_no_parts_are_an_empty_part() -> None:
    assert joined([]) == Part()
