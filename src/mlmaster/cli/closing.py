"""What is said of a run when a command is done with it: a few lines for a person, or one JSON object."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlmaster.core.events import PROVIDER, Record, Refused, RunEnded
from mlmaster.report import text
from mlmaster.report.summary import Estimate, Summary


def closing_lines(summary: Summary, directory: Path) -> Iterator[str]:
    """Yield what came of the run and where it lies."""
    estimate, best = summary.estimate, summary.guide_best
    if estimate is not None:
        yield f"chosen       {estimate.choice}"
    if estimate is not None and summary.is_self_reported:
        yield f"score        {text.score(estimate.guide)} {summary.metric}, self-reported: the script's own word"
        yield "estimate     none: nothing was hidden, so no honest estimate can be had"
    elif estimate is not None:
        yield from _values(estimate, summary.metric)
        if estimate.expected is not None:
            yield f"expected     {text.interval(estimate.expected)} (90 %)"
        if estimate.predicted is not None:
            yield f"on the test  {text.interval(estimate.predicted)} (90 %, on a test of this size)"
        for again in estimate.again:
            said = text.again(again.value, again.reference, holds=again.holds)
            yield f"fresh key    {said}" + ("" if again.choice == estimate.choice else f" ({again.choice})")
        if estimate.note and estimate.basis == "none":
            yield f"estimate     {estimate.note}"
    elif best is not None:
        yield f"best so far  {summary.score_name} {text.score(best.guide)} {summary.metric}, #{best.node} {best.edit}"
    else:
        yield "best so far  no solution has been scored"
    faults = f", faults: {text.counts(summary.faults)}" if summary.faults else ""
    if summary.spent.calls:
        yield f"models       {text.spent(summary.spent)} in {summary.spent.calls:,} calls"
    yield f"solutions    {summary.nodes} in {text.duration(summary.elapsed_s)}{faults}"
    if summary.submission is not None:
        yield f"predictions  {directory / 'best' / 'submission.csv'}"
        yield f"scripts      {directory / 'best'}"


MORE = {
    "out_of_memory": "more memory, by --set engine.memory_gb=… or fewer --slots",
    "disk": "more disk, by --set engine.disk_gb=…",
    "timeout": "more time, by --time or --set engine.script_timeout_s=…",
}
"""What a new run may give scripts, by the fault that says they lack it."""


def hint_at_more(summary: Summary) -> str:
    """Return why there is no solution, and where a limit ended most, what would raise it; the report says the rest."""
    if summary.refusals and not summary.faults:
        return f"nothing was proposed that could be run ({text.counts(summary.refusals)}); the report says more"
    most = max(summary.faults, key=lambda name: summary.faults[name], default="")
    more = f", mostly for {most}: a new run may give scripts {MORE[most]}" if most in MORE else ""
    return f"no solution ran through{more}; the report says what failed"


def hint_at_mending(records: Sequence[Record], directory: Path) -> str | None:
    """Return why a search ended before its time, and how to go on; None for one that ended otherwise."""
    reason = next((record.event.reason for record in reversed(records) if isinstance(record.event, RunEnded)), None)
    if reason != PROVIDER:
        return None
    refused = [
        record.event for record in records if isinstance(record.event, Refused) and record.event.reason == PROVIDER
    ]
    why = refused[-1].detail.rstrip(".") if refused else "no model could be asked"
    return (
        f"the search ended early: {why}. When that is mended, go on with: mlmaster resume {shlex.quote(str(directory))}"
    )


def _values(estimate: Estimate, metric: str) -> Iterator[str]:
    """Yield the values of the choice; without a judge, what the intervals rest on instead."""
    if estimate.judge is None:
        yield f"{text.GUIDE}  {text.score(estimate.guide)} {metric}; no judge"
        if estimate.basis == "repeats":
            yield "estimate     from the rows that guided the search, corrected for that: too few for a judge"
    else:
        judge = "judge score (judge reused)" if estimate.is_judge_reused else "judge score"
        yield f"{judge:<12} {text.score(estimate.judge)} {metric} ({text.GUIDE} {text.score(estimate.guide)})"


def as_object(summary: Summary, directory: Path, **more: Any) -> dict[str, Any]:
    """Return the run as plain data: paths, then everything the summary knows."""
    best = directory / "best"
    has_best = summary.submission is not None
    return {
        "run": str(directory),
        "best": str(best) if has_best else None,
        "submission": str(best / "submission.csv") if has_best else None,
        **more,
        "summary": summary.model_dump(mode="json"),
    }


def print_json(data: Any) -> None:
    """Print one JSON object on stdout; NaN and infinities, which JSON has not, become null."""
    print(json.dumps(_finite(data), ensure_ascii=False, indent=2, allow_nan=False))


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if data - data == 0 else None
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data
