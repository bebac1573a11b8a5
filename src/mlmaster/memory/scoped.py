"""Scoped memory: what an engineer is shown for one decision (ML-Master 1.0).

A draft sees the other drafts; an improvement its siblings-to-be and the path from the draft; a debug its parent, its fault
and the faults like it that were removed. The context is a function of the tree at the decision alone, so the same journal
gives the same context after a resume. Insight is plan, edit and computed feedback of other nodes; whole code is given for the
parents only. How it is put into words is the engineer's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlmaster.core.node import ROOT, Node, NodeState, Operator
from mlmaster.core.proposal import Context, Machine
from mlmaster.core.task import Profile, Task
from mlmaster.core.tree import Tree
from mlmaster.memory.similarity import most_similar

LOG_CHARACTERS, GOOD_LOG_CHARACTERS = 4_000, 1_500
"""How much of the end of a parent's log is shown: of one that failed, and of one that ran through."""
MOST_SIMILAR = 2
"""So many successes, and so many failures, are retrieved."""
_ASKED_WITH = 8
"""So many of the latest plans that the new one follows are what is asked with."""


def build_context(
    tree: Tree,
    node: int,
    task: Task,
    profile: Profile,
    read_code: Callable[[int], str],
    read_log: Callable[[int], str],
    read_notes: Callable[[int], Mapping[str, Any]],
    *,
    script_limit_s: float,
    threads: int,
    packages: Mapping[str, str],
    seed: int,
    machine: Machine | None = None,
    modules: frozenset[str] = frozenset(),
    description: str = "",
    time_left_s: float = float("inf"),
    nodes_left: int | None = None,
) -> Context:
    """Return the context of a decision.

    Args:
        tree: The tree right after the decision.
        node: The decision's node.
        task: What is to be solved.
        profile: The shape of the data.
        read_code: Script of a node.
        read_log: The last log of a node as engineers may see it.
        read_notes: The notes of a node.
        script_limit_s: Wall seconds one evaluation may take.
        threads: Threads a script may use.
        packages: What scripts can import.
        seed: Seed of this proposal.
        machine: All that a script gets; by default the threads are all that is known.
        modules: What scripts can import, by the names they are imported by.
        description: What the task's own description says.
        time_left_s: What the search has left.
        nodes_left: What the search has left.
    """
    record = tree[node]
    parent = None if record.parent == ROOT else tree[record.parent]
    siblings = tuple(tree[other] for other in tree.children(record.parent) if other != node)
    path = tuple(tree[each] for each in tree.path(parent.id)) if parent else ()
    others = tuple(tree[other] for other in record.parents[1:])
    successes, failures = _retrieve(tree, record, siblings, path, others)
    return Context(
        operator=record.operator,
        task=task,
        profile=profile,
        parent=parent,
        parent_code=read_code(parent.id) if parent else None,
        parent_log=_end(read_log(parent.id), LOG_CHARACTERS if parent.is_faulty else GOOD_LOG_CHARACTERS)
        if parent
        else "",
        parent_notes=read_notes(parent.id) if parent else {},
        others=tuple((other, read_code(other.id)) for other in others),
        siblings=siblings,
        path=path,
        history=tuple(tree[each] for each in tree.finished),
        script_limit_s=script_limit_s,
        threads=threads,
        machine=machine or Machine(threads=threads),
        packages=packages,
        modules=modules,
        description=description,
        successes=successes,
        failures=failures,
        best=None if tree.best is None else tree[tree.best],
        time_left_s=time_left_s,
        nodes_left=nodes_left,
        seed=seed,
    )


def _end(log: str, characters: int) -> str:
    """Return whole lines from the end of a log; of a last line that is longer than all, its end."""
    if len(log) <= characters:
        return log
    cut = log[-characters:]
    _, line_end, rest = cut.partition("\n")
    return rest if line_end and rest else cut


def _retrieve(
    tree: Tree,
    record: Node,
    siblings: tuple[Node, ...],
    path: tuple[Node, ...],
    others: tuple[Node, ...],
) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Return the successes and the failures most like what is asked for, among nodes that are not shown anyway."""
    shown = {each.id for each in (*siblings, *path)}.union(*(tree.path(other.id) for other in others))
    candidates = [tree[each] for each in tree.finished if each not in shown]
    if record.operator is Operator.DEBUG:
        query = _fault(path[-1])
        worked = [(each.id, " ".join(map(_fault, faults))) for each in candidates if (faults := _removed(tree, each))]
        solved = {fault.id for each in tree.finished for fault in _removed(tree, tree[each])}
        lost = [(each.id, _fault(each)) for each in candidates if each.is_faulty and each.id not in solved]
    else:
        asked_with = (*(path or siblings)[-_ASKED_WITH:], *others)
        query = " ".join(map(_insight, asked_with))
        worked = [(each.id, _insight(each)) for each in candidates if each.is_good and each.gain]
        lost = [(each.id, f"{_insight(each)} {_fault(each)}") for each in candidates if _has_lost(each)]
    return (
        tuple(tree[each] for each in most_similar(query, worked, MOST_SIMILAR)),
        tuple(tree[each] for each in most_similar(query, lost, MOST_SIMILAR)),
    )


def _removed(tree: Tree, node: Node) -> tuple[Node, ...]:
    """Return the failed ancestors whose faults a node has removed: those up its unbroken line of debugs."""
    if node.is_faulty:
        return ()
    return tuple(_failed_above(tree, node))


def _failed_above(tree: Tree, node: Node) -> Iterator[Node]:
    while node.operator is Operator.DEBUG:
        node = tree[node.parent]
        yield node


def _has_lost(node: Node) -> bool:
    is_without_gain = node.operator.is_improvement and node.is_good and not node.gain
    return node.is_faulty or node.state is NodeState.RACED or is_without_gain


def _insight(node: Node) -> str:
    return f"{node.edit} {node.plan}"


def _fault(node: Node) -> str:
    return f"{node.fault or ''} {node.detail}"
