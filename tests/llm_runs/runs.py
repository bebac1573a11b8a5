"""Whole runs over a pretended provider, as a user makes them, and what can be read of them afterwards."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from typer.testing import Result

import mlmaster
from mlmaster.core.calls import Call
from mlmaster.core.events import Decided, Proposed, Record, Selected
from mlmaster.core.node import ROOT, Node, Operator
from mlmaster.core.tree import Tree
from mlmaster.metrics.submission import read_submission
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.llm_server import Brain, LLMServer, Received
from mlmaster.testing.llm_ways import Way

Invoke = Callable[..., Result]
T = TypeVar("T")

DECOY = "sk-planted-decoy-4f1c"
"""The only key the pretended provider takes; it must be found nowhere else."""
KNOWN = "## What is known"
QUICK: Mapping[str, Any] = {"engine.folds": 1, "engine.fold_repeats": 1, "engine.slots": 1, "engine.threads": 1}
"""One short evaluation for each node."""
IN_TURN: Mapping[str, Any] = {**QUICK, "engine.proposal_workers": 1}
"""One proposal at a time, beside one evaluation."""


@dataclass(frozen=True)
class Solved:
    """A run that has ended.

    Attributes:
        way: How its model was asked.
        directory: Of the run.
        received: What the provider was asked, in order.
    """

    way: Way
    directory: Path
    received: Sequence[Received]

    @cached_property
    def records(self) -> Sequence[Record]:
        store = RunDirectory.open_for_reading(self.directory)
        try:
            return store.read()
        finally:
            store.close()

    @cached_property
    def calls(self) -> Sequence[Call]:
        store = RunDirectory.open_for_reading(self.directory)
        try:
            return store.calls().read()
        finally:
            store.close()

    @cached_property
    def tree(self) -> Tree:
        return Tree(record.event for record in self.records)

    @property
    def selected(self) -> Selected:
        [found] = self.events(Selected)
        return found

    @property
    def openings(self) -> Sequence[tuple[Call, Received]]:
        """Return the first call for each session, with what the provider read of it."""
        return [(call, self.heard(call)) for call in self.calls if is_opening(call)]

    def events(self, kind: type[T]) -> list[T]:
        return [record.event for record in self.records if isinstance(record.event, kind)]

    def proposals(self) -> list[Proposed]:
        """Return the proposals of the model: all but the baseline."""
        return [event for event in self.events(Proposed) if event.calls]

    def heard(self, call: Call) -> Received:
        """Return what the provider read of a session's first call."""
        work = call.asked.request.messages[-1].text.strip()
        [found] = [received for received in self.received if work in received.messages[-1].text]
        return found

    def tree_at(self, node: int) -> Tree:
        """Return the tree as it stood right after a node was decided: what its memory is made of."""
        tree = Tree()
        for record in self.records:
            tree.apply(record.event)
            if isinstance(record.event, Decided) and record.event.node == node:
                return tree
        raise AssertionError(f"there was no node {node}")


def solve(way: Way, brain: Brain, out: Path, source: str | Path, nodes: int, **settings: Any) -> Solved:
    """Run ML-Master over a pretended provider that is gone afterwards."""
    with LLMServer(brain, key=DECOY) as server:
        mlmaster.solve(source, out=out, nodes=nodes, time="10m", settings={**way.settings(server), **settings})
        assert (server.failures, server.complaints) == ([], [])
    return Solved(way, out, server.received)


def check_submission(solved: Solved) -> int:
    """Return for how many rows the submission answers; the task's answers are not looked at.

    Raises:
        SubmissionError: It is not what the task asks for.
    """
    store = RunDirectory.open_for_reading(solved.directory)
    task = store.task()
    store.close()
    assert task.test is not None
    assert task.id_column is not None
    with (task.directory / task.test).open(encoding="utf-8", newline="") as table:
        keys = [row[task.id_column] for row in csv.DictReader(table)]
    read_submission(solved.directory / "best" / "submission.csv", task, keys, len(keys))
    return len(keys)


def is_opening(call: Call) -> bool:
    """Return whether a call is the first of a session: system, task, work."""
    return len(call.asked.request.messages) == 3


def told_of(tree: Tree, node: int) -> list[Node]:
    """Return whom memory tells of, by operator, as DESIGN §8 has it; `tree` as it stood at the decision."""
    me = tree[node]
    siblings = [each for each in tree.children(me.parent) if each != node]
    path = [] if me.parent == ROOT else list(tree.path(me.parent))
    match me.operator:
        case Operator.DRAFT:
            told = siblings
        case Operator.IMPROVE:
            told = [*path, *siblings]
        case Operator.EVOLVE:
            branch = [each for each in tree.finished if tree[each].branch == tree[me.parent].branch]
            told = [*path, *siblings, *branch]
        case Operator.MERGE:
            told = [*path, *(each for other in me.parents for each in tree.path(other))]
        case Operator.DEBUG:
            told = siblings
    return [tree[each] for each in sorted(set(told))]


def missing_in(memory: str, solved: Solved, node: int) -> list[str]:
    """Return what memory should tell for a node, and does not."""
    tree = solved.tree_at(node)
    found = [f"{told.id}: {_outcome(told)}" for told in told_of(tree, node) if not _tells(memory, told)]
    if tree[node].operator is Operator.DEBUG:
        failed = tree[tree[node].parent]
        logs = (solved.directory / "nodes" / str(failed.id)).glob("*.log")
        log = max(logs, key=lambda path: path.stat().st_mtime).read_text(encoding="utf-8")
        wanted = [f"#{failed.id} ", f"`{failed.fault}`", failed.detail, "Traceback", log.strip().splitlines()[-1]]
        found += [each for each in wanted if each not in memory]
    return found


def _tells(memory: str, node: Node) -> bool:
    lines = [line for line in memory.splitlines() if re.match(rf"- #{node.id}\b", line)]
    return any(_outcome(node) in line for line in lines)


def _outcome(node: Node) -> str:
    if node.is_faulty:
        return f"`{node.fault}`"
    if node.value is not None:
        return f"{node.value:#.4g}"
    return "being "
