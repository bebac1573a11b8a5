import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.events import Proposed
from mlmaster.report.foreign import inert, visible
from mlmaster.report.markdown import render
from mlmaster.testing.recorded import recorded_run

HOSTILE = (
    "Fine\x1b[2J\x1b]0;owned\x07 \u202etxt\x9b1m <img src=x onerror=alert(1)> [free](https://x) ![a](https://x) "
    "[a][b] </td> | a < b, a<3, <!-- x"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, \u00e9\t\u2013 and\nlines", "plain text, \u00e9\t\u2013 and\nlines"),
        ("\x1b[31mred\x1b[0m", "\u241b[31mred\u241b[0m"),
        ("a\x00b\x07c\x7fd", "a\u2400b\u2407c\u2421d"),
        ("\x9b2J\u202eabc\u2066", "\ufffd2J\ufffdabc\ufffd"),
        ("half \ud83d", "half \ufffd"),
        ("10%\r20%\r\n30%", "10%\n20%\n30%"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, expected: str) -> None:
    assert visible(text) == expected


@given(st.text(st.characters()))
def test_nothing_is_left_that_a_terminal_obeys_or_cannot_encode(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert all(character.isprintable() or character in "\t\n" or ord(character) > 0x9F for character in shown)
    assert "\n" not in inert(text)


def test_words_in_a_page_are_neither_tags_nor_links_nor_cells() -> None:
    found = inert(HOSTILE)
    for dangerous in ("<img", "](", "][", "</td", "<!--", " | ", "\x1b", "\u202e"):
        assert dangerous not in found
    assert "a < b" in found
    assert "a<3" in found


def test_a_report_obeys_no_plan() -> None:
    records = [
        record.model_copy(update={"event": record.event.model_copy(update={"plan": HOSTILE})})
        if isinstance(record.event, Proposed)
        else record
        for record in recorded_run()
    ]
    page = render(records)
    assert "Fine" in page
    for dangerous in ("<img", "](https", "\x1b", "\u202e", "\x9b"):
        assert dangerous not in page
