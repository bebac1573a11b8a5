"""The last lines of a command: what the choice's score rests on, in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmaster.cli.closing import closing_lines, hint_at_more
from mlmaster.report.summary import summarise
from mlmaster.testing.recorded import recorded_run


def lines(**changes: Any) -> str:
    summary = summarise(recorded_run())
    assert summary.estimate is not None
    changed = summary.model_copy(update={"estimate": summary.estimate.model_copy(update=changes)})
    return "\n".join(closing_lines(changed, Path("run")))


def test_a_choice_with_a_judge() -> None:
    said = lines()
    assert "judge score  0.84 roc_auc (guide score 0.86)" in said
    assert "fresh key    0.855 (0.86 before): holds" in said


def test_a_choice_that_rests_on_repeats() -> None:
    said = lines(basis="repeats", judge=None)
    assert "guide score  0.86 roc_auc; no judge" in said
    assert "corrected for that: too few for a judge" in said
    assert "expected     0.81 to 0.87" in said


def test_a_choice_without_an_estimate_says_why() -> None:
    said = lines(basis="none", judge=None, expected=None, predicted=None, note="no honest estimate: one class only")
    assert "estimate     no honest estimate: one class only" in said
    assert "expected" not in said


def test_a_finalist_that_fell_is_named() -> None:
    summary = summarise(recorded_run())
    assert summary.estimate is not None
    fell = summary.estimate.again[0].model_copy(update={"holds": False, "choice": "best single (node 3)"})
    assert "does not hold (best single (node 3))" in lines(again=(fell, *summary.estimate.again))


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"out_of_memory": 3, "error": 1}, "mostly for out_of_memory: a new run may give scripts more memory"),
        ({"error": 3, "out_of_memory": 1}, "no solution ran through; the report"),
        ({}, "no solution ran through; the report"),
    ],
)
def test_without_a_solution_the_limit_that_ended_most_is_named(faults: dict[str, int], words: str) -> None:
    assert words in hint_at_more(summarise(recorded_run()).model_copy(update={"faults": faults}))
