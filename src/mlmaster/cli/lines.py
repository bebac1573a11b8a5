"""Plain output: one line an event, for logs, pipes and terminals without colours."""

from __future__ import annotations

from mlmaster.core.events import (
    Deferred,
    JudgeOpened,
    NodeFinished,
    Proposed,
    Record,
    Refused,
    Remarked,
    Rescored,
    RunEnded,
    RunResumed,
    RunStarted,
    Selected,
    SubmissionWritten,
)
from mlmaster.core.tree import Tree
from mlmaster.report import text
from mlmaster.report.foreign import visible


def event_line(record: Record, tree: Tree) -> str | None:
    """Return the line that tells the event, or None for events not worth one; `tree` has the event applied."""
    words = _words(record, tree)
    return None if words is None else f"[{text.duration(record.elapsed_s):>9}] {' '.join(visible(words).splitlines())}"


def _words(record: Record, tree: Tree) -> str | None:
    match record.event:
        case RunStarted() as event:
            return (
                f"{event.task}: {event.metric} ({event.direction}), {_evaluated(event)}, "
                f"{event.engineer} engineer, {event.policy} policy, {text.sandbox(event.sandbox)}, seed {event.seed}"
            )
        case RunResumed() as event:
            where = f", {text.sandbox(event.sandbox)}" if event.sandbox else ""
            return f"resumed with {tree.count_nodes()} nodes{where}"
        case Proposed() as event:
            return f"{text.label(tree[event.node])}: {_first_sentence(event.plan)}{_asked(event)}"
        case Refused() as event:
            paid = f" ({text.spent(event)})" if event.calls else ""
            return f"{text.label(tree[event.node])}: nothing to run, {' '.join(tree[event.node].detail.split())}{paid}"
        case Remarked() as event:
            return f"note: {' '.join(event.text.split())}"
        case Deferred() as event:
            return f"{text.label(tree[event.node])}: put off, {event.detail}"
        case NodeFinished() as event:
            return _finished(event, tree)
        case SubmissionWritten() as event:
            return f"best/ now holds {event.source}: {event.rows} rows"
        case JudgeOpened() as event:
            return f"judge rows opened for {', '.join(event.finalists)}"
        case Selected() as event if event.basis == "self_reported":
            return f"chosen: {event.choice}, {text.WORD} {text.score(event.guide)}; no honest estimate"
        case Rescored() as event:
            said = text.again(event.value, event.reference, holds=event.holds)
            return f"under a fresh key: {event.choice} {said}"
        case Selected() as event:
            judge = "no judge" if event.judge is None else f"judge score {text.score(event.judge)}"
            return f"chosen: {event.choice}, {judge}, {text.GUIDE} {text.score(event.guide)}"
        case RunEnded() as event:
            return f"ended: {event.reason}" + (f", {text.spent(event)}" if event.calls else "")
        case _:
            return None


def _evaluated(start: RunStarted) -> str:
    if start.is_self_reported:
        return "self-reported: scripts see everything and score themselves"
    return f"{start.folds} fold{'s' * (start.folds != 1)}"


def _asked(event: Proposed) -> str:
    """Return what a model was told and what that cost; "" where none was asked."""
    if not event.calls:
        return ""
    turns = f"{event.turns} replies" if event.turns != 1 else "1 reply"
    told = f", memory in {event.placement}: {event.memory}" if event.memory else ""
    return f" ({text.spent(event)}; {turns}, prompt {text.tokens(event.prompt_tokens)}{told})"


def _finished(event: NodeFinished, tree: Tree) -> str:
    node = tree[event.node]
    words = f"{text.label(node)}: "
    if node.fault is not None:
        said, detail = text.outcome(node), " ".join(node.detail.split())
        return words + said + (f" ({detail})" if detail and node.detail not in said else "")
    star = ", best so far" if event.is_new_best else ""
    return f"{words}{text.score_name(tree)} {text.outcome(node)}{star} in {text.duration(node.wall_s)}"


def _first_sentence(plan: str) -> str:
    return " ".join(plan.split()).partition(". ")[0].rstrip(".")
