"""The last lines of a command: what the choice's score rests on, in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmaster.cli.closing import closing_lines, hint_at_mending, hint_at_more
from mlmaster.core.events import Event, Record, Refused, RunEnded
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
    ("faults", "refusals", "words"),
    [
        ({"out_of_memory": 3, "error": 1}, {}, "mostly for out_of_memory: a new run may give scripts more memory"),
        ({"error": 3, "out_of_memory": 1}, {}, "no solution ran through; the report"),
        ({"error": 1}, {"unusable": 3}, "no solution ran through; the report"),
        ({}, {"unusable": 3, "declined": 1}, "nothing was proposed that could be run (unusable 3, declined 1)"),
        ({}, {}, "no solution ran through; the report"),
    ],
)
def test_without_a_solution_the_limit_that_ended_most_is_named(
    faults: dict[str, int], refusals: dict[str, int], words: str
) -> None:
    changes = {"faults": faults, "refusals": refusals}
    assert words in hint_at_more(summarise(recorded_run()).model_copy(update=changes))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("provider", "ended early: the account is empty. When that is mended, go on with: mlmaster resume 'my run'"),
        ("tokens", None),
        (None, None),
    ],
)
def test_a_search_that_nobody_answered_says_why_and_how_to_go_on(reason: str | None, words: str | None) -> None:
    events: list[Event] = [
        Refused(node=7, reason="provider", detail="the account is empty."),
        Refused(node=8, reason="unusable"),
    ]
    if reason is not None:
        events.append(RunEnded(reason=reason))
    records = [Record(seq=i, at=0.0, elapsed_s=0.0, event=event) for i, event in enumerate(events, start=1)]
    said = hint_at_mending(records, Path("my run"))
    assert (said is None) if words is None else (said is not None and words in said)
