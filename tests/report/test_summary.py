"""A run's summary: facts folded from its records."""

from __future__ import annotations

import pytest

from mlmaster.core.budget import Budget
from mlmaster.core.events import Decided, Event, JudgeOpened, Record, Rescored, RunEnded, RunResumed, Selected
from mlmaster.core.node import Operator
from mlmaster.report.summary import summarise
from mlmaster.testing.recorded import LIMITS, recorded_run, unfinished_run


def extended(records: list[Record], *events: Event) -> list[Record]:
    last = records[-1]
    return records + [
        Record(seq=last.seq + i, at=last.at + i, elapsed_s=last.elapsed_s + i, event=event)
        for i, event in enumerate(events, start=1)
    ]


DRAFT = Decided(node=8, operator=Operator.DRAFT, parents=(0,), chain="new", reason="r", budget=Budget(limits=LIMITS))
SELECTED = Selected(choice="best single", members=((3, 1.0),), guide=0.9, judge=0.8)


def test_ended_run() -> None:
    summary = summarise(recorded_run())
    assert (summary.state, summary.reason, summary.resumed) == ("ended", "time", 1)
    assert summary.states == {"scored": 3, "failed": 1, "raced": 1, "refused": 1, "proposed": 1}
    assert (summary.faults, summary.refusals) == ({"timeout": 1}, {"exhausted": 1})
    assert (summary.nodes, summary.in_flight) == (6, 1)
    assert summary.guide_best is not None
    assert (summary.guide_best.node, summary.guide_best.edit) == (3, "target_encoding")
    assert summary.estimate is not None
    assert summary.estimate.expected == (0.81, 0.87)
    assert summary.submission == "blend of 2"
    assert summary.first_submission_s == 16.0
    assert summary.elapsed_s == 2.0 * len(recorded_run())


def test_no_records() -> None:
    summary = summarise([])
    assert (summary.state, summary.nodes, summary.guide_best, summary.estimate) == ("empty", 0, None, None)


def test_unfinished_run_has_no_estimate() -> None:
    summary = summarise(unfinished_run())
    assert (summary.state, summary.reason, summary.estimate) == ("unfinished", None, None)
    assert summary.submission == "node 3"


@pytest.mark.parametrize("event", [RunResumed(version="0.1.0"), DRAFT])
def test_an_ended_run_that_goes_on_is_unfinished(event: Event) -> None:
    assert summarise(extended(recorded_run(), event)).state == "unfinished"


def test_judge_is_reused_only_when_the_search_went_on_before_the_choice() -> None:
    opened = JudgeOpened(finalists=("a",))
    first = summarise(recorded_run()).estimate
    after = summarise(extended(recorded_run(), DRAFT)).estimate
    chosen_again = summarise(extended(recorded_run(), DRAFT, opened, SELECTED, RunEnded(reason="time"))).estimate
    assert first is not None
    assert after is not None
    assert chosen_again is not None
    assert (first.is_judge_reused, after.is_judge_reused, chosen_again.is_judge_reused) == (False, False, True)


def test_only_the_last_choice_s_fresh_scores_count() -> None:
    fell = Rescored(choice="blend of 2", value=0.6, reference=0.9, error=0.01, holds=False)
    stood = Rescored(choice="best single", value=0.9, reference=0.9, error=0.01, holds=True)
    estimate = summarise(extended(recorded_run(), DRAFT, fell, stood, SELECTED)).estimate
    assert estimate is not None
    assert [(each.choice, each.holds) for each in estimate.again] == [("blend of 2", False), ("best single", True)]


def test_a_choice_repeated_after_a_crash_reuses_nothing() -> None:
    opened = JudgeOpened(finalists=("a",))
    estimate = summarise(extended(unfinished_run(), opened, RunResumed(version="0.1.0"), opened, SELECTED)).estimate
    assert estimate is not None
    assert not estimate.is_judge_reused


def test_a_run_that_went_on_in_another_sandbox_names_both() -> None:
    first = "namespaces, warm, cgroup v1"
    assert summarise(recorded_run()).sandboxes == (first,)
    resumed = extended(unfinished_run(), RunResumed(version="0.1.0", sandbox="none, cold, memory watched"))
    assert summarise(resumed).sandboxes == (first, "none, cold, memory watched")
    assert summarise(extended(resumed, RunResumed(version="0.1.0", sandbox=first))).sandboxes[0] == first
