"""Scoped memory: what an engineer is shown for one decision (ML-Master 1.0).

A draft sees the other drafts; an improvement its siblings-to-be and the path from the draft; a debug its parent and fault.
The context is a function of the tree at the decision alone, so the same journal gives the same context after a resume.
Insight is plan, edit and computed feedback of other nodes; whole code is given for the parents only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlmaster.core.node import ROOT
from mlmaster.core.proposal import Context
from mlmaster.core.task import Profile, Task
from mlmaster.core.tree import Tree

LOG_CHARACTERS = 4_000
"""How much of the end of a parent's log is shown."""


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
    """
    record = tree[node]
    parent = None if record.parent == ROOT else tree[record.parent]
    return Context(
        operator=record.operator,
        task=task,
        profile=profile,
        parent=parent,
        parent_code=read_code(parent.id) if parent else None,
        parent_log=read_log(parent.id)[-LOG_CHARACTERS:] if parent and parent.is_faulty else "",
        parent_notes=read_notes(parent.id) if parent else {},
        others=tuple((tree[other], read_code(other)) for other in record.parents[1:]),
        siblings=tuple(tree[other] for other in tree.children(record.parent) if other != node),
        path=tuple(tree[each] for each in tree.path(parent.id)) if parent else (),
        history=tuple(tree[each] for each in tree.finished),
        script_limit_s=script_limit_s,
        threads=threads,
        packages=packages,
        seed=seed,
    )
