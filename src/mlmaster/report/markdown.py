"""The Markdown report of a run: a pure function of its records, its task and its settings. Read next: `sections.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlmaster.core.events import Record
from mlmaster.core.task import Task
from mlmaster.core.tree import Tree
from mlmaster.report import sections
from mlmaster.report.models import models
from mlmaster.report.summary import summarise


def render(
    records: Sequence[Record],
    task: Task | None = None,
    settings: Mapping[str, Any] | None = None,
    read_notes: Callable[[int], Mapping[str, Any]] = lambda _: {},
) -> str:
    """Return the whole report.

    Args:
        records: The records of the run, in order; the run may still be going on.
        task: The resolved task, for what is predicted and how.
        settings: The resolved settings; left out of the report when empty.
        read_notes: What a node's script noted about itself.
    """
    tree = Tree(record.event for record in records)
    summary = summarise(records, tree)
    parts = [
        sections.head(summary, task),
        sections.result(summary),
        sections.meaning(summary),
        sections.evaluated(records),
        sections.members(summary, tree),
        sections.notes(summary, read_notes(summary.guide_best.node) if summary.guide_best else {}),
        sections.tree(summary, tree),
        sections.nodes(summary, tree),
        sections.faults(summary, tree),
        sections.tried(summary, tree),
        sections.timing(summary, records),
        models(summary, records),
        sections.settings(settings or {}),
        sections.limits(summary, task),
    ]
    return "\n".join(part for part in parts if part)
