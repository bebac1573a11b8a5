import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import astuple, fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlmaster.core.calls import Answered, Asked, Call, request_hash
from mlmaster.core.chat import Finish, Message, Placement, Reply, Request, Role, Tool, ToolCall
from mlmaster.core.usage import Usage
from mlmaster.errors import InfrastructureError, RunDirectoryError
from mlmaster.store.calls import CallBook
from mlmaster.store.journal import Journal
from mlmaster.store.run_directory import RunDirectory

QUESTION = Request(
    Role.CODER, (Message("system", "You write scripts."), Message("user", "Draft one.")), prompt="draft@1"
)
RESERVED = Usage(100, 50, calls=1)
USED = Usage(80, 20, cost_usd=0.25, calls=1)


def ask(node: int = 1, *texts: str, reserved: Usage = RESERVED) -> Asked:
    messages = tuple(Message("user", text) for text in texts)
    return Asked(node, "test:model", replace(QUESTION, messages=QUESTION.messages + messages), reserved)


def answer(text: str = "fine", used: Usage = USED) -> Answered:
    return Answered("answered", used, Reply(text, usage=used))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[CallBook]:
    opened = CallBook(tmp_path, writable=True, now=lambda: 7.0)
    yield opened
    opened.disconnect()


def test_a_call_is_on_disk_before_it_is_sent(book: CallBook, tmp_path: Path) -> None:
    assert book.open(ask(3)) == 1
    reader = CallBook(tmp_path, writable=False)
    assert reader.read() == [Call(1, 7.0, ask(3), None)]
    assert reader.total() == ask(3).reserved
    book.close(1, answer())
    assert reader.read() == [Call(1, 7.0, ask(3), answer())]
    assert reader.total() == answer().usage
    reader.disconnect()


def test_calls_are_read_in_order_and_by_node(book: CallBook) -> None:
    ids = [book.open(ask(node)) for node in (2, 0, 2)]
    assert ids == [1, 2, 3]
    book.close(3, answer("third"))
    assert [call.id for call in book.read()] == [1, 2, 3]
    assert [call.id for call in book.read(2)] == [1, 3]
    assert [call.id for call in book.read(0)] == [2]
    assert book.read(5) == []


def test_numbers_go_on_after_reopening(book: CallBook, tmp_path: Path) -> None:
    book.open(ask())
    book.disconnect()
    again = CallBook(tmp_path, writable=True)
    assert again.open(ask()) == 2
    again.disconnect()


def test_an_open_call_counts_with_what_was_reserved_and_a_failed_one_with_what_it_used(book: CallBook) -> None:
    open_, failed, answered = (book.open(ask(node, reserved=Usage(10, 5, cost_usd=1.0, calls=1))) for node in (1, 1, 2))
    book.close(failed, Answered("failed", Usage(3, 0, cost_usd=0.25, calls=2), detail="half a reply"))
    book.close(answered, answer(used=Usage(7, 1, 2, 1, 8, 0.5, 1)))
    assert open_ == 1
    assert book.total() == Usage(20, 6, 2, 1, 8, 1.75, 4)
    assert book.of(1) == Usage(13, 5, cost_usd=1.25, calls=3)
    assert book.of(2) == Usage(7, 1, 2, 1, 8, 0.5, 1)
    assert book.of(9) == Usage()
    assert book.wasted() == book.of(1)


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed before", "never opened"])
def test_only_an_open_call_ends(book: CallBook, is_closed: bool) -> None:
    call = book.open(ask()) if is_closed else 4
    if is_closed:
        book.close(call, answer())
    with pytest.raises(InfrastructureError, match=f"call {call} is not open"):
        book.close(call, answer("another"))
    assert [c.answered for c in book.read()] == [answer()] * is_closed


def test_a_reader_adds_nothing(book: CallBook, tmp_path: Path) -> None:
    reader = CallBook(tmp_path, writable=False)
    with pytest.raises(InfrastructureError, match="reading only"):
        reader.open(ask())
    with pytest.raises(InfrastructureError, match="reading only"):
        reader.close(1, answer())
    reader.disconnect()


def test_a_reader_may_come_before_the_first_call(tmp_path: Path) -> None:
    reader = CallBook(tmp_path, writable=False)
    assert (reader.read(), reader.total(), list(tmp_path.iterdir())) == ([], Usage(), [])
    writer = CallBook(tmp_path, writable=True)
    writer.open(ask())
    assert len(reader.read()) == 1
    reader.disconnect()
    writer.disconnect()


# ---- what is kept is what was said

TEXT = st.text(max_size=30) | st.text("a\ud83d\x00é", max_size=30)
TEXTS = TEXT | TEXT.map(lambda text: text * 40) | TEXT.map("sha256:".__add__)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
TOOL_CALLS = st.lists(st.builds(ToolCall, TEXT, TEXT, TEXTS), max_size=2).map(tuple)
MESSAGES = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    TEXTS,
    TOOL_CALLS,
    TEXT,
    st.none() | OBJECTS,
    st.booleans(),
)
REQUESTS = st.builds(
    Request,
    st.sampled_from(Role),
    st.lists(MESSAGES, max_size=3).map(tuple),
    TEXTS,
    st.lists(st.builds(Tool, TEXT, TEXTS, OBJECTS), max_size=2).map(tuple),
    st.none() | OBJECTS,
    st.integers(1, 10**6),
    TEXT,
)
COUNTS = st.integers(0, 10**9)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.floats(0, 1e6), COUNTS)
REPLIES = st.builds(
    Reply,
    TEXTS,
    TEXTS,
    TOOL_CALLS,
    st.sampled_from(Finish),
    USAGES,
    TEXT,
    st.sampled_from(Placement),
    st.none() | OBJECTS,
    st.floats(0, 1e6),
)
ANSWERS = st.builds(
    Answered,
    st.sampled_from(["answered", "failed"]),
    USAGES,
    st.none() | REPLIES,
    TEXTS,
    st.lists(TEXT, max_size=2).map(tuple),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(request=REQUESTS, reserved=USAGES, answered=st.none() | ANSWERS)
def test_every_call_is_read_as_it_was_written(
    book: CallBook, request: Request, reserved: Usage, answered: Answered | None
) -> None:
    asked = Asked(1, "test:model", request, reserved)
    call = book.open(asked)
    if answered is not None:
        book.close(call, answered)
    found = book.read()[-1]
    assert found == Call(call, 7.0, asked, answered)
    assert request_hash(found.asked.request) == request_hash(request)


def test_the_columns_are_those_of_the_schema_version(tmp_path: Path) -> None:
    """A field that is added to `Usage` needs a new version here, and a way to read files of the old one."""
    names = [field.name for field in fields(Usage)]
    assert names == [
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "unpriced_tokens",
        "cost_usd",
        "calls",
    ]
    assert len(astuple(Usage())) == len(names)


# ---- size


def test_a_session_grows_by_what_is_new(book: CallBook, tmp_path: Path) -> None:
    """Twenty turns of 10,000 characters each, all of them said again at every turn, are kept once each."""
    turns = [f"turn {i} ".ljust(10_000, str(i % 10)) for i in range(20)]
    for i, turn in enumerate(turns):
        call = book.open(ask(1, *turns[: i + 1]))
        book.close(call, answer(turn.upper()))
    book.disconnect()
    said = 2 * sum(map(len, turns))
    assert said <= (tmp_path / "calls.db").stat().st_size < 2 * said
    again = CallBook(tmp_path, writable=False)
    assert [message.text for message in again.read()[-1].asked.request.messages[2:]] == turns
    again.disconnect()


def test_sums_read_no_text(book: CallBook, tmp_path: Path) -> None:
    book.close(book.open(ask(1, "x" * 1000)), answer("y" * 1000))
    connection = sqlite3.connect(tmp_path / "calls.db")
    connection.execute("DELETE FROM text")
    connection.execute("UPDATE call SET request = 'no JSON', reply = 'none either'")
    connection.commit()
    connection.close()
    assert book.total() == book.of(1) == answer().usage


# ---- together with others


def test_many_threads_keep_every_call(book: CallBook) -> None:
    def work(node: int) -> None:
        for i in range(10):
            call = book.open(ask(node, f"{node}:{i} " * 100))
            book.close(call, answer(f"{node}:{i} " * 100))

    threads = [threading.Thread(target=work, args=(node,)) for node in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls = book.read()
    assert [call.id for call in calls] == list(range(1, 61))
    assert all(
        call.answered is not None
        and call.answered.reply is not None
        and call.answered.reply.text == call.asked.request.messages[-1].text
        for call in calls
    )
    assert book.total() == Usage(80 * 60, 20 * 60, cost_usd=15.0, calls=60)


def test_a_full_disk_is_said_and_loses_nothing(book: CallBook, tmp_path: Path) -> None:
    call = book.open(ask())
    assert book._connection is not None
    pages = book._connection.execute("PRAGMA page_count").fetchone()[0]
    book._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(RunDirectoryError, match=r"no space left for .*calls\.db; free some"):
        book.open(ask(1, "x" * 50_000))
    with pytest.raises(RunDirectoryError, match="no space left"):
        book.close(call, answer("y" * 50_000))
    assert book.total() == ask().reserved
    book._connection.execute("PRAGMA max_page_count=100000")
    book.close(call, answer("y" * 50_000))
    assert [c.answered for c in book.read()] == [answer("y" * 50_000)]


@pytest.mark.parametrize("is_writable", [True, False], ids=["writer", "reader"])
def test_a_newer_or_damaged_file_is_named(tmp_path: Path, is_writable: bool) -> None:
    CallBook(tmp_path, writable=True).disconnect()
    connection = sqlite3.connect(tmp_path / "calls.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(RunDirectoryError, match=r"calls\.db has schema version 99.*newer"):
        CallBook(tmp_path, writable=is_writable)
    (tmp_path / "calls.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(RunDirectoryError, match=r"calls\.db is damaged"):
        CallBook(tmp_path, writable=is_writable)


def test_a_run_directory_has_its_calls(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path, Journal(tmp_path, writable=True))
    run.calls().open(ask(2))
    assert run.calls() is run.calls()
    reader = RunDirectory.open_for_reading(tmp_path)
    assert [call.asked.node for call in reader.calls().read()] == [2]
    with pytest.raises(InfrastructureError, match="reading only"):
        reader.calls().open(ask())
    reader.close()
    run.close()
    with pytest.raises(InfrastructureError, match="closed"):
        run.calls().read()


def test_a_run_without_a_model_has_no_calls(tmp_path: Path) -> None:
    Journal(tmp_path, writable=True).close()
    reader = RunDirectory.open_for_reading(tmp_path)
    assert (reader.calls().read(), reader.calls().total()) == ([], Usage())
    reader.close()
    assert not (tmp_path / "calls.db").exists()
