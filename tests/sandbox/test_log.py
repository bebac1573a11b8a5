import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.sandbox.log import Log, last_exception


def log_of(limit: int, *chunks: bytes) -> str:
    log = Log(limit)
    for chunk in chunks:
        log.write(chunk)
    return log.text()


def test_short_output_is_kept_whole() -> None:
    assert log_of(1000, b"one\n", b"two\n") == "one\ntwo\n"


def test_long_output_keeps_both_ends_and_says_how_much_is_missing() -> None:
    text = log_of(1064, b"a" * 5000, b"z" * 5000)
    assert text == "a" * 250 + "\n[... 9000 bytes left out ...]\n" + "z" * 750


@given(st.integers(0, 400), st.lists(st.binary(max_size=300), max_size=8))
def test_never_longer_than_its_limit(limit: int, chunks: list[bytes]) -> None:
    assert len(log_of(limit, *chunks).encode()) <= limit


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_chunks_do_not_matter(chunks: list[bytes]) -> None:
    assert log_of(300, *chunks) == log_of(300, b"".join(chunks))


def test_last_exception() -> None:
    chained = (
        "Traceback (most recent call last):\n"
        '  File "solution.py", line 1, in <module>\n'
        "KeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "solution.py", line 3, in <module>\n'
        "    raise mine.Trouble('with: colons')\n"
        "mine.Trouble: with: colons\nsecond line of the message\n"
    )
    assert last_exception(chained) == "mine.Trouble: with: colons"
    assert last_exception('  File "solution.py", line 1\n    x = (\n        ^\nSyntaxError: never closed\n') == (
        "SyntaxError: never closed"
    )
    assert last_exception("[LightGBM] [Fatal] no data\n\n") == "[LightGBM] [Fatal] no data"
    assert last_exception("") == ""
    assert len(last_exception("ValueError: " + "x" * 5000)) == 300


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text\x1b]8;;http://x\x1b\\", "text"),
        (b"\x1b[2J\x1b[1;1Hover", "over"),
        (b"10 %\r20 %\r\ndone\n", "10 %\n20 %\ndone\n"),
        (b"\x00\x08\x07\x7f\x1bc\xc2\x9b31m\t", "????" + "?c" + "?31m\t"),
        ("é ✓ 漢\n".encode(), "é ✓ 漢\n"),
    ],
)
def test_a_log_does_not_steer_a_terminal(printed: bytes, shown: str) -> None:
    log = Log(1000)
    log.write(printed)
    assert log.text() == shown
