"""The sections of the Markdown report, each a pure function that returns its text or "" when it has nothing to say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from mlmaster.core.events import FoldScored, NodeFinished, Proposed, Record, RunStarted, SmokePassed
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.task import Task
from mlmaster.core.tree import Tree
from mlmaster.report import text
from mlmaster.report.edits import change, tried_edits
from mlmaster.report.foreign import inert
from mlmaster.report.scheme import SHARES, relation_rows, scheme_sentences
from mlmaster.report.summary import Summary

SELF_REPORTED = (
    "- **self-reported score**: the script's own word. It saw every row and label, measured itself, and nobody has checked "
    "it; compare it with no score of another run. There is no honest estimate."
)
WHY_ENDED = {
    "time": "the time was spent",
    "nodes": "the node budget was spent",
    "cost": "the money was spent",
    "tokens": "the tokens were spent",
    "exhausted": "nothing was left to try",
    "stopped": "the user stopped it",
}


def head(summary: Summary, task: Task | None) -> str:
    """Return the title and one paragraph on what was asked and how the run went."""
    lines = [f"# {summary.task or 'A run without records'}", ""]
    if task is not None and task.goal:
        lines += [f"> {task.goal}", ""]
    if summary.state == "empty":
        return "\n".join([*lines, "Nothing has been recorded yet.", ""])
    ended = (
        f"It ended because {WHY_ENDED.get(summary.reason, summary.reason)}."
        if summary.reason is not None
        else "It has not ended: this is what is known so far."
    )
    if task is not None:
        lines += [
            f"Predicts {_listed(task.targets)} ({task.kind}, {task.modality}) as {task.prediction_kind}, "
            + ("self-reported as" if summary.is_self_reported else "scored by")
            + f" {summary.metric} ({summary.direction})."
        ]
    lines += [
        f"ML-Master {summary.version} made {summary.nodes} solutions in {text.duration(summary.elapsed_s)} "
        f"with the {summary.engineer} engineer and the {summary.policy} policy (seed {summary.seed}). {ended}",
        "",
    ]
    return "\n".join(lines)


def result(summary: Summary) -> str:
    """Return the outcome as a short table."""
    if summary.state == "empty":
        return ""
    rows: list[tuple[str, str]] = []
    if summary.estimate is not None and summary.is_self_reported:
        estimate = summary.estimate
        rows += [("chosen", estimate.choice), (text.WORD, text.score(estimate.guide)), ("honest estimate", "none")]
    elif summary.estimate is not None:
        estimate = summary.estimate
        rows += [
            ("chosen", estimate.choice),
            *([("averaged by", text.BLENDS[estimate.blend])] if len(estimate.members) > 1 else []),
            ("expected score (90 %)", text.interval(estimate.expected)),
            ("score on a test of this size (90 %)", text.interval(estimate.predicted)),
            ("judge score" + (" (judge reused)" if estimate.is_judge_reused else ""), text.score(estimate.judge)),
            (text.GUIDE, text.score(estimate.guide)),
            *(
                (f"{each.choice}, under a fresh key", text.again(each.value, each.reference, holds=each.holds))
                for each in estimate.again
            ),
        ]
    elif summary.guide_best is not None:
        best = summary.guide_best
        rows += [("best so far", f"#{best.node} {best.edit}"), (summary.score_name, text.score(best.guide))]
    rows += [
        ("predictions", "`best/submission.csv`" if summary.submission else "none yet"),
        ("first valid submission after", text.duration(summary.first_submission_s)),
    ]
    note = [summary.estimate.note, ""] if summary.estimate is not None and summary.estimate.note else []
    return "\n".join(["## Result", "", *_table(("", summary.metric), rows), "", *note])


def meaning(summary: Summary) -> str:
    """Return what the numbers of the result say, and do not say."""
    estimate = summary.estimate
    if estimate is None:
        return ""
    if summary.is_self_reported:
        return "\n".join(["## What the numbers mean", "", SELF_REPORTED, ""])
    lines = [
        "## What the numbers mean",
        "",
        "- **guide score**: on hidden rows whose score drove the search. Many solutions were compared on them, so the "
        "best one is flattered.",
    ]
    if estimate.basis == "repeats":
        lines.append(
            "- No rows were kept back as judge, there were too few: all hidden rows drove the search, and the intervals are "
            "corrected for that. The choice is made again on resamples of the rows, and what they left out scores it."
        )
    elif estimate.judge is None:
        lines.append("- No rows were kept back as judge: nothing here is an estimate free of the search's own choice.")
    elif estimate.is_judge_reused:
        lines.append(
            "- **judge score**: the search went on after these rows had been looked at, so it is no honest estimate any "
            "more (judge reused)."
        )
    else:
        lines.append(
            "- **judge score**: on hidden rows that were looked at once, for at most three finalists, after the search."
        )
    if estimate.expected is not None:
        lines.append("- **expected score**: where the score on endless new data of the same kind lies, 9 times in 10.")
    if estimate.predicted is not None:
        lines.append(
            "- **score on a test of this size**: wider, because one test set is a sample too. Both hold only if the test "
            "rows come about as the train rows did."
        )
    if estimate.again:
        lines.append(
            "- **under a fresh key**: the finalist's scripts ran once more, on rows hidden anew, with other row numbers and "
            "another order. A solution that leans on how the first views were laid out falls behind its earlier score, and "
            "the next finalist takes its place."
        )
    else:
        lines.append(
            "- The finalist was not run again under a fresh key: there was no time for it, or it could not be."
        )
    return "\n".join([*lines, ""])


def evaluated(records: Sequence[Record]) -> str:
    """Return how rows were hidden, why so, and what was measured to decide it; "" where nothing was hidden."""
    start = next((record.event for record in records if isinstance(record.event, RunStarted)), None)
    if start is None or start.scheme is None or start.is_self_reported:
        return ""
    lines = ["## How it was evaluated", "", " ".join(scheme_sentences(start.scheme)), ""]
    if start.scheme.relations:
        header, *rows = relation_rows(start.scheme)
        lines += [*_table(header, ([_cell(cell) for cell in row] for row in rows)), "", f"{SHARES}.", ""]
    return "\n".join(lines)


def members(summary: Summary, tree: Tree) -> str:
    """Return the members of the final answer with their weights."""
    if summary.estimate is None or not summary.estimate.members:
        return ""
    rows = []
    for number, weight in summary.estimate.members:
        node = tree[number]
        rows.append((f"#{number}", f"{weight:.3f}", text.score(node.value), _cell(node.edit), _cell(node.plan)))
    return "\n".join(["## Members", "", *_table(("node", "weight", summary.score_name, "edit", "plan"), rows), ""])


def notes(summary: Summary, of: Mapping[str, Any]) -> str:
    """Return what the best script noted about itself: its own words, checked by nobody."""
    if summary.guide_best is None or not of:
        return ""
    rows = [(_cell(name), _cell(value if isinstance(value, str) else json.dumps(value))) for name, value in of.items()]
    words = f"What #{summary.guide_best.node}, the best on guide rows, wrote into `notes.json`; nobody has checked it."
    return "\n".join(["## Notes of the best script", "", words, "", *_table(("", "noted"), rows), ""])


def tree(summary: Summary, of: Tree) -> str:
    """Return the drawn tree."""
    if not len(of):
        return ""
    lines = text.tree_lines(of, is_over=summary.state == "ended")
    return "\n".join(
        ["## Tree", "", f"The value is the {summary.score_name}; ★ is its best.", "", "```text", *lines, "```", ""]
    )


def nodes(summary: Summary, of: Tree) -> str:
    """Return the table of all nodes."""
    if not len(of):
        return ""
    is_over = summary.state == "ended"
    rows = [
        (
            f"#{node.id}",
            str(node.operator),
            " ".join(f"#{parent}" for parent in node.parents if parent) or text.NOTHING,
            _cell(node.edit) or text.NOTHING,
            text.score(node.value),
            _signed(change(of, node)),
            "yes" if node.gain else "",
            text.duration(node.wall_s) if node.wall_s else text.NOTHING,
            _cell(text.outcome(node, is_over=is_over) if node.state is not NodeState.SCORED else str(node.state)),
        )
        for node in of.nodes.values()
    ]
    names = ("node", "operator", "parents", "edit", summary.score_name, "change", "gain", "ran for", "outcome")
    return "\n".join(["## Nodes", "", *_table(names, rows), ""])


def faults(summary: Summary, of: Tree) -> str:
    """Return failures by kind, with one example each."""
    if not summary.faults:
        return ""
    examples = {str(node.fault): node for node in reversed(of.nodes.values()) if node.state is NodeState.FAILED}
    rows = [
        (kind, str(number), f"#{examples[kind].id}", _cell(examples[kind].detail) or text.NOTHING)
        for kind, number in summary.faults.items()
    ]
    return "\n".join(["## Faults", "", *_table(("kind", "nodes", "first", "what it said"), rows), ""])


def tried(summary: Summary, of: Tree) -> str:
    """Return every edit with what it brought."""
    records = tried_edits(of, summary.direction)
    if not records:
        return ""
    rows = [
        (
            _cell(each.name) or text.NOTHING,
            str(each.operator),
            str(each.tried),
            str(each.gains),
            _signed(each.best_change),
            str(each.raced),
            str(each.failed),
        )
        for each in records
    ]
    paid = _listed([each.name for each in records if each.gains and each.operator is not Operator.DRAFT])
    names = ("edit", "operator", "tried", "gains", "best change", "raced", "failed")
    return "\n".join(
        [
            "## What was tried, and what paid",
            "",
            f"Paid: {paid or 'nothing beyond noise'}. A gain beats its branch's best by more than one standard error; the "
            "first of a branch counts.",
            "",
            *_table(names, rows),
            "",
        ]
    )


def timing(summary: Summary, records: Sequence[Record]) -> str:
    """Return where the time went."""
    if summary.state == "empty":
        return ""
    events = [record.event for record in records]
    rows = [
        ("run, active", text.duration(summary.elapsed_s)),
        ("scripts on folds, summed over slots", _total(e.wall_s for e in events if isinstance(e, FoldScored))),
        ("scripts on the smoke view", _total(e.wall_s for e in events if isinstance(e, SmokePassed))),
        ("all evaluations of finished nodes", _total(e.wall_s for e in events if isinstance(e, NodeFinished))),
        ("proposals", _total(e.seconds for e in events if isinstance(e, Proposed))),
        ("times resumed", str(summary.resumed)),
    ]
    return "\n".join(["## Timing", "", *_table(("", "time"), rows), ""])


def settings(values: Mapping[str, Any]) -> str:
    """Return the settings as YAML."""
    if not values:
        return ""
    dumped = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True).rstrip()
    return "\n".join(["## Settings", "", "```yaml", dumped, "```", ""])


def limits(summary: Summary, task: Task | None) -> str:
    """Return what the reader should not read into this report."""
    lines = ["## Limits", ""]
    if task is not None and task.test is None:
        lines.append("- There was no test file: the predictions are out-of-fold, of the given rows themselves.")
    if summary.is_self_reported:
        lines.append(
            "- Nothing was hidden from the scripts: every score is a script's own word, and none is an estimate."
        )
    elif summary.folds == 1:
        lines.append("- One fold only: every score rests on a single split.")
    if summary.sandboxes:
        lines.append(f"- Scripts ran in a {', then in a '.join(map(text.sandbox, summary.sandboxes))}.")
    if not summary.is_self_reported:
        lines += [
            "- Scores are of rows hidden by the harness from the given train data; if the future differs, so will the score.",
            "- Changes within one standard error are noise, whatever their sign.",
        ]
    return "\n".join([*lines, ""])


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _cell(words: str) -> str:
    """Return text that cannot break a table's cell: one line, no bars, at most 160 characters of what was said."""
    flat = " ".join(words.split())
    return inert(flat if len(flat) <= 160 else flat[:159] + "…")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names) if name)


def _signed(value: float | None) -> str:
    return text.NOTHING if value is None else f"{value:+.3g}"


def _total(seconds: Iterable[float]) -> str:
    return text.duration(sum(seconds))
