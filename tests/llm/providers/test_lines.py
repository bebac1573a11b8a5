"""Connections of calls: each its own, ended by any thread, and every error a fault."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from threading import Thread
from typing import Any

import pytest

from mlmaster.llm.providers.lines import Conversation, Speaker
from mlmaster.llm.providers.provider import Fault, Part
from mlmaster.testing.canned_server import Canned, CannedServer, events, whole

KEY = "sk-0123456789abcdef"
CHUNK = {"choices": [{"delta": {"content": "x"}}]}


def parts(found: Iterator[Mapping[str, Any]]) -> Iterator[Part]:
    for each in found:
        yield Part(text=json.dumps(each))


def ask(address: str, key: str | None = KEY) -> Conversation:
    speaker = Speaker("m", address, key, "EXAMPLE_API_KEY")
    return speaker.ask("/chat/completions", {"stream": True}, parts, lambda error: speaker.fault(error))


def test_nothing_is_sent_before_the_first_part_is_asked_for() -> None:
    with CannedServer(events(CHUNK)) as server:
        conversation = ask(server.address)
        assert not server.bodies
        assert len(list(conversation)) == 1
        assert server.bodies == [{"stream": True}]
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_without_a_key_none_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with CannedServer(events(CHUNK)) as server:
        list(ask(server.address, key=None))
        assert KEY not in str(server.headers)


def test_a_key_is_in_no_text_of_what_holds_it() -> None:
    assert KEY not in repr(Speaker("m", "http://127.0.0.1:1/v1", KEY, "EXAMPLE_API_KEY"))


@pytest.mark.parametrize("is_mute", [False, True], ids=["in the middle of a reply", "before any answer"])
def test_closing_from_another_thread_ends_a_connection_that_is_waited_for(*, is_mute: bool) -> None:
    answer = events(CHUNK, end=False)
    with CannedServer(Canned(answer.body, hangs=True, is_mute=is_mute)) as server:
        conversation = ask(server.address)
        received: list[Part] = []
        reader = Thread(target=lambda: received.extend(conversation))
        reader.start()
        assert server.is_hanging.wait(10)
        conversation.close()
        reader.join(10)
        assert not reader.is_alive()
        assert server.was_left.wait(10)


def test_closing_between_two_parts_ends_the_connection() -> None:
    with CannedServer(Canned(events(CHUNK, end=False).body, hangs=True)) as server:
        conversation = ask(server.address)
        assert next(conversation).text
        conversation.close()
        assert server.was_left.wait(10)
        assert list(conversation) == []


def test_closing_before_the_beginning_sends_nothing() -> None:
    with CannedServer(events(CHUNK)) as server:
        conversation = ask(server.address)
        conversation.close()
        assert list(conversation) == []
        assert not server.bodies


def test_closing_a_speaker_ends_all_its_connections() -> None:
    with CannedServer(Canned(events(CHUNK, end=False).body, hangs=True)) as server:
        speaker = Speaker("m", server.address)
        conversation = speaker.ask("/x", {}, parts, lambda error: speaker.fault(error))
        next(conversation)
        speaker.close()
        assert server.was_left.wait(10)


FAULTS = {
    "key": (whole({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401), "key"),
    "busy": (whole({"error": {"message": "Rate limit reached"}}, 429, **{"Retry-After": "7"}), "busy"),
    "500": (whole({"error": {"message": "oops"}}, 500), "away"),
    "a page with 502": (whole("<html><title>502 Bad Gateway</title></html>", 502), "away"),
    "a page": (whole("<html><body>Welcome</body></html>"), "address"),
    "moved": (Canned(status=301, headers={"Location": "https://127.0.0.1:1/"}), "address"),
    "an error with 200": (whole({"error": {"message": "model 'm' not found"}}), "model"),
    "no choices": (whole({"ok": True}), "garbled"),
    "no JSON": (Canned((b"Service starting",), headers={"Content-Type": "application/json"}), "garbled"),
    "no JSON in a stream": (events(CHUNK, '{"choices": [{"del'), "garbled"),
    "JSON without end": (events("[" * 100_000), "garbled"),
    "an error in a stream": (events(CHUNK, {"error": {"message": "Overloaded", "type": "overloaded_error"}}), "away"),
    "a code in a stream": (events({"error": {"message": "Too many", "code": 429}}), "busy"),
    "text in a stream": (events({"error": "the request exceeds the available context size"}), "overflow"),
    "half an answer": (Canned(events(CHUNK, end=False).body, length=10_000), "away"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_every_error_is_a_fault_without_the_key(case: str) -> None:
    answer, kind = FAULTS[case]
    with CannedServer(answer) as server:
        with pytest.raises(Fault) as found:
            list(ask(server.address))
        assert found.value.kind == kind
        assert server.address in found.value.message
        assert KEY not in found.value.message
        assert len(server.bodies) == 1


def test_how_long_to_wait_is_read_from_the_headers() -> None:
    with CannedServer(FAULTS["busy"][0]) as server, pytest.raises(Fault) as found:
        list(ask(server.address))
    assert found.value.retry_after_s == 7.0


def test_an_answer_in_one_piece_is_one_event() -> None:
    with CannedServer(whole(CHUNK)) as server:
        assert [json.loads(part.text) for part in ask(server.address)] == [CHUNK]


def test_nobody_at_the_address_is_waited_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(Fault) as found:
            next(ask(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    assert found.value.kind == "away"
    assert "nothing answers there" in found.value.message


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/v1", "127.0.0.1/v1"])
def test_an_address_that_is_none_is_said_so(address: str) -> None:
    with pytest.raises(Fault) as found:
        next(ask(address))
    assert found.value.kind == "address"


@pytest.mark.parametrize("key", ["clé-0123456789", "sk-0123456789\n", "ключ-0123456789"])
def test_a_key_that_cannot_be_sent_is_said_so_without_it(key: str) -> None:
    with CannedServer(events(CHUNK)) as server, pytest.raises(Fault) as found:
        next(ask(server.address, key))
    assert found.value.kind == "key"
    assert "EXAMPLE_API_KEY" in found.value.message
    assert "0123456789" not in found.value.message
