"""What a run amounts to: a fold over its records that holds facts and no formatting.

`status`, `--json`, the live view and the Markdown report all tell the same `Summary`. Read next: `markdown.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict

from mlmaster.core.blend import BlendKind
from mlmaster.core.events import (
    Decided,
    JudgeOpened,
    Proposed,
    Record,
    Refused,
    Rescored,
    RunEnded,
    RunResumed,
    RunStarted,
    Selected,
    SubmissionWritten,
)
from mlmaster.core.node import NodeState
from mlmaster.core.score import Direction
from mlmaster.core.tree import Tree
from mlmaster.core.usage import Usage
from mlmaster.report import text


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class Best(_Fact):
    """The node of the highest value on the guide rows."""

    node: int
    edit: str
    guide: float


class Again(_Fact):
    """A finalist scored once more on rows hidden under a fresh key.

    Attributes:
        choice: The finalist, in words.
        value: Metric value now; `reference` that of its earlier answers for the same rows.
        holds: False when it is worse now than noise explains: it was not chosen.
    """

    choice: str
    value: float
    reference: float
    holds: bool


class Estimate(_Fact):
    """The final choice and how well it should do.

    Attributes:
        choice: The finalist chosen, in words.
        members: (node, weight) of the blend; a single member has weight 1.
        blend: How several members are averaged.
        basis: What the intervals rest on; see `mlmaster.core.events.Selected`.
        again: Finalists scored once more, in order; the last is the one chosen unless none held.
        guide: Metric value on the rows that guided the search: flattered by the search.
        judge: Metric value on the rows the search never saw, or None.
        expected: 90 % interval of the expected score, or None.
        predicted: 90 % interval of the score on a test of this size, or None.
        is_judge_reused: True when the search had gone on after the judge rows were first opened: `judge` and the intervals
            are then no honest estimate.
        note: The selection's own words.
    """

    choice: str
    members: tuple[tuple[int, float], ...]
    blend: BlendKind
    basis: Literal["judge", "repeats", "self_reported", "none"]
    again: tuple[Again, ...]
    guide: float | None
    judge: float | None
    expected: tuple[float, float] | None
    predicted: tuple[float, float] | None
    is_judge_reused: bool
    note: str


class Spent(_Fact):
    """What language models cost; the first fields are those of `mlmaster.core.usage.Usage`, the rest those of `RunEnded`."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    unpriced_tokens: int
    cost_usd: float
    calls: int
    wasted_tokens: int
    wasted_usd: float

    @property
    def tokens(self) -> int:
        """Return all tokens, read and written."""
        return self.input_tokens + self.output_tokens


class Summary(_Fact):
    """A run in facts.

    Attributes:
        state: `empty` (nothing recorded), `unfinished` (running, or its process ended), `ended`.
        reason: Why it ended, or None.
        sandboxes: How scripts were run, in words; several where the run was resumed under others.
        is_self_reported: True when every value is its script's own word: nothing was hidden, and nothing is an estimate.
        guide_best: The best node so far on guide rows (by its own word, in a self-reported run), or None.
        first_submission_s: Active seconds until the first valid submission, or None.
        submission: What `best/` holds now, in words, or None.
        spent: On language models.
        states: Number of nodes by state; `faults` of failed nodes by kind; `refusals` by reason.
    """

    task: str
    metric: str
    direction: Direction
    engineer: str
    policy: str
    sandboxes: tuple[str, ...]
    folds: int
    seed: int
    version: str
    is_self_reported: bool
    state: Literal["empty", "unfinished", "ended"]
    reason: str | None
    elapsed_s: float
    resumed: int
    nodes: int
    in_flight: int
    states: Mapping[str, int]
    faults: Mapping[str, int]
    refusals: Mapping[str, int]
    guide_best: Best | None
    estimate: Estimate | None
    submission: str | None
    first_submission_s: float | None
    spent: Spent

    @property
    def score_name(self) -> str:
        """Return what the value of a node is called in this run."""
        return text.WORD if self.is_self_reported else text.GUIDE


def summarise(records: Sequence[Record], tree: Tree | None = None) -> Summary:
    """Fold the records of a run, in order, into its summary; `tree` saves folding it anew when it is at hand."""
    tree = Tree(record.event for record in records) if tree is None else tree
    events = [record.event for record in records]
    start = next((e for e in events if isinstance(e, RunStarted)), None)
    ending = _ending(records)
    written = [r for r in records if isinstance(r.event, SubmissionWritten)]
    last = written[-1].event if written else None
    nodes = tree.nodes.values()
    return Summary(
        task=start.task if start else "",
        metric=start.metric if start else "",
        direction=start.direction if start else Direction.MAXIMIZE,
        engineer=start.engineer if start else "",
        policy=start.policy if start else "",
        sandboxes=tuple(
            dict.fromkeys(e.sandbox for e in events if isinstance(e, RunStarted | RunResumed) and e.sandbox)
        ),
        folds=start.folds if start else 0,
        seed=start.seed if start else 0,
        version=start.version if start else "",
        is_self_reported=tree.is_self_reported,
        state="empty" if start is None else "ended" if ending else "unfinished",
        reason=ending,
        elapsed_s=records[-1].elapsed_s if records else 0.0,
        resumed=sum(isinstance(e, RunResumed) for e in events),
        nodes=tree.count_nodes(),
        in_flight=len(tree.in_flight),
        states=_counted(node.state for node in nodes),
        faults=_counted(node.fault for node in nodes if node.state is NodeState.FAILED and node.fault),
        refusals=_counted(node.detail.split(":")[0] for node in nodes if node.state is NodeState.REFUSED),
        guide_best=_best(tree),
        estimate=_estimate(records),
        submission=last.source if isinstance(last, SubmissionWritten) else None,
        first_submission_s=written[0].elapsed_s if written else None,
        spent=_spent(records),
    )


def _spent(records: Sequence[Record]) -> Spent:
    """Return what proposals have used: as the end of the run says, else as its proposals so far do."""
    usage, wasted_tokens, wasted_usd = Usage(), 0, 0.0
    for record in records:
        match record.event:
            case RunEnded() as event:
                usage, wasted_tokens, wasted_usd = event.usage, event.wasted_tokens, event.wasted_usd
            case Proposed() | Refused() as event:
                usage += event.usage
            case _:
                pass
    return Spent(**asdict(usage), wasted_tokens=wasted_tokens, wasted_usd=wasted_usd)


def _counted(names: Iterable[str]) -> dict[str, int]:
    counter = Counter(str(name) for name in names)
    return dict(counter.most_common())


def _best(tree: Tree) -> Best | None:
    if tree.best is None:
        return None
    node = tree[tree.best]
    assert node.value is not None, "a scored node has a value"
    return Best(node=node.id, edit=node.edit, guide=node.value)


def _ending(records: Sequence[Record]) -> str | None:
    """Return why the run ended, or None when it has not, or was taken up again afterwards."""
    reason = None
    for record in records:
        match record.event:
            case RunEnded():
                reason = record.event.reason
            case RunResumed() | Decided():
                reason = None
            case _:
                pass
    return reason


def _estimate(records: Sequence[Record]) -> Estimate | None:
    chosen: Selected | None = None
    has_opened = goes_on_after = is_reused = False
    checks: list[Again] = []
    again: tuple[Again, ...] = ()
    for record in records:
        match record.event:
            case JudgeOpened():
                has_opened = True
            case Decided():
                goes_on_after = has_opened
            case Rescored() as event:
                checks.append(
                    Again(choice=event.choice, value=event.value, reference=event.reference, holds=event.holds)
                )
            case Selected():
                chosen, is_reused = record.event, goes_on_after
                again, checks = tuple(checks), []
            case _:
                pass
    if chosen is None:
        return None
    return Estimate(
        choice=chosen.choice,
        members=chosen.members,
        blend=chosen.blend,
        basis=chosen.basis,
        again=again,
        guide=chosen.guide,
        judge=chosen.judge,
        expected=_interval(chosen.expected_low, chosen.expected_high),
        predicted=_interval(chosen.predicted_low, chosen.predicted_high),
        is_judge_reused=is_reused,
        note=chosen.note,
    )


def _interval(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)
