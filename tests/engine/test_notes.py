"""`notes.json`: what is kept, what is left out, and what is said about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlmaster.engine.notes import read_notes
from mlmaster.engine.telling import TellingValues

GOOD = {
    "best_rounds": 113,
    "features": ["Deck", "Size"],
    "cv": {"fold 0": 0.81, "is_stable": True},
    "hint": "Deck helps",
}


def read(notes: Any, tmp_path: Path, values: TellingValues) -> tuple[dict[str, Any], str]:
    path = tmp_path / "notes.json"
    path.write_text(notes if isinstance(notes, str) else json.dumps(notes))
    return read_notes(path, values)


def test_small_facts_are_kept(passengers: TellingValues, tmp_path: Path) -> None:
    assert read(GOOD, tmp_path, passengers) == (GOOD, "")
    assert read_notes(tmp_path / "absent.json", passengers) == ({}, "")


@pytest.mark.parametrize(
    ("notes", "problem"),
    [
        ({f"k{i}": "x" * 90 for i in range(45)}, "bytes"),
        ({f"k{i}": i for i in range(51)}, "51 entries"),
        ({"a": {"b": list(range(49))}}, "51 entries"),
        ({"a": {"b": {"c": {"d": 1}}}}, "deep"),
        ({"a": "x" * 201}, "201 characters"),
        ([1, 2], "not an object"),
        ('{"a": NaN}', "not finite"),
        ("{'a': 1}", "no JSON"),
        ("[" * 3000, "no JSON"),
        ("", "no JSON"),
    ],
)
def test_what_breaks_a_bound_is_left_out_and_said(
    passengers: TellingValues, tmp_path: Path, notes: Any, problem: str
) -> None:
    kept, line = read(notes, tmp_path, passengers)
    assert kept == {}
    assert problem in line


def test_entries_with_rows_are_left_out(
    passengers: TellingValues, read_rows: Callable[[str, Path], list[dict[str, str]]], tmp_path: Path
) -> None:
    row = read_rows("passengers", tmp_path)[3]
    rows = {"row": row["PassengerId"], row["PassengerId"]: 1, "said": row["Remark"], "y": [0, 1] * 15}
    kept, line = read({**GOOD, **rows}, tmp_path, passengers)
    assert kept == GOOD
    assert "4 entries" in line
