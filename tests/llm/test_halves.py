import json

import pytest

from mlmaster.core.chat import Message, Reply, Request, Role, ToolCall
from mlmaster.llm.halves import joined_reply, joined_request, joined_text

EMOJI = "\N{GRINNING FACE}"
FIRST, SECOND = "\ud83d", "\ude00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (f"plain {EMOJI}\n\x00", f"plain {EMOJI}\n\x00"),
        (f"a{FIRST}{SECOND}b", f"a{EMOJI}b"),
        (f"a{FIRST}b", "a\ufffdb"),
        (SECOND + FIRST, "\ufffd\ufffd"),
        (f"{FIRST}{EMOJI}", f"\ufffd{EMOJI}"),
        ("caf\udce9.csv", "caf\ufffd.csv"),
    ],
)
def test_halves_that_belong_together_are_joined_and_others_marked(text: str, expected: str) -> None:
    assert joined_text(text) == expected
    joined_text(text).encode()


def test_every_text_of_a_reply_and_of_a_request_can_be_encoded() -> None:
    call = ToolCall(f"c{FIRST}", f"n{FIRST}", f"a{FIRST}")
    carried = {"chat": {f"k{FIRST}": [f"v{FIRST}", 1, None]}}
    reply = Reply(f"t{FIRST}", f"r{FIRST}", (call,), model=f"m{FIRST}", carried=carried)
    message = Message("assistant", f"t{FIRST}", (call,), f"i{FIRST}", carried)
    request = Request(Role.CODER, (message,), thoughts=f"t{FIRST}")
    for found in (joined_reply(reply), joined_request(request)):
        json.dumps(repr(found), ensure_ascii=False).encode()
        assert "\\ud83d" not in repr(found)
    whole = Request(Role.CODER, (Message("user", "plain"),))
    assert joined_request(whole) == whole
