"""What gives rows away: keys in texts, names that differ in form."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmaster.tasks.traces import differ_in_form, find_words, is_telling


@pytest.mark.parametrize(
    ("key", "telling"),
    [
        ("0001_01", True),
        ("id26305", True),
        ("a1", False),
        ("123456789", False),
        ("-1.25e10", False),
        ("12.5.2020", True),
    ],
)
def test_telling_keys_are_long_and_no_numbers(key: str, telling: bool) -> None:
    assert is_telling(key) == telling


def test_keys_are_found_between_any_marks_and_within_fields(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "`id00001`, (id00002). 'id00003';id00004|id00005\tBraund, Mr. Owen,\nid=id00006! {id00007: 1} xid00008x",
        encoding="utf-8",
    )
    words = find_words(tmp_path / "a.md")
    assert {f"id0000{i}" for i in range(1, 8)} <= words
    assert "Braund" in words
    assert "Mr. Owen" in words
    assert "id00008" not in words


def names(form: str, count: int = 30) -> list[str]:
    return [form.format(i) for i in range(10, 10 + count)]


@pytest.mark.parametrize(
    ("ours", "theirs", "at_most", "differ"),
    [
        (names("{}.png"), names("{}.png"), 0.5, False),
        (names("{}.png"), names("{}.jpg"), 0.0, True),
        (names("{}.png"), names("x{}.png"), 0.0, True),
        (names("{}.1"), names("{}.2"), 0.0, False),  # a number after a point is no ending
        (names("{}.png", 5), names("{}.jpg"), 0.0, False),  # too few to say
        ([*names("{}.png"), *names("{}.jpg", 10)], names("{}.jpg"), 0.0, False),
        ([*names("{}.png"), *names("{}.jpg", 10)], names("{}.jpg"), 0.5, True),
    ],
)
def test_forms_differ_when_hardly_any_name_could_be_the_others(
    ours: list[str], theirs: list[str], at_most: float, differ: bool
) -> None:
    assert differ_in_form(ours, theirs, at_most) == differ
    assert differ_in_form(theirs, ours, at_most) == differ
