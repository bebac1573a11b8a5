"""What was tried and what paid: the edits of a run with their gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlmaster.core.node import Node, NodeState, Operator
from mlmaster.core.score import Direction
from mlmaster.core.tree import Tree


@dataclass(frozen=True, slots=True)
class EditRecord:
    """One named edit over the whole run.

    Attributes:
        name: The edit, or the family of a draft.
        operator: The operator it belongs to.
        tried: Nodes made with it that came to an end; `scored`, `raced` and `failed` of them.
        gains: Nodes better than their branch's best by more than one standard error.
        best_change: Largest change of the value against the parent, in the metric's own direction; None when no pair of
            scored nodes has it.
    """

    name: str
    operator: Operator
    tried: int
    scored: int
    raced: int
    failed: int
    gains: int
    best_change: float | None


def change(tree: Tree, node: Node) -> float | None:
    """Return the node's value minus its primary parent's, or None when one of them has no full value."""
    parent = tree.nodes.get(node.parent)
    if parent is None or not (node.is_good and parent.is_good) or node.value is None or parent.value is None:
        return None
    return node.value - parent.value


def tried_edits(tree: Tree, direction: Direction) -> Sequence[EditRecord]:
    """Return every edit tried, those with most gains first, then by name."""
    groups: dict[tuple[Operator, str], list[Node]] = {}
    for each in tree.finished:
        node = tree[each]
        groups.setdefault((node.operator, node.edit), []).append(node)
    records = [_record(tree, direction, operator, name, nodes) for (operator, name), nodes in groups.items()]
    return sorted(records, key=lambda record: (-record.gains, -record.tried, record.operator, record.name))


def _record(tree: Tree, direction: Direction, operator: Operator, name: str, nodes: Sequence[Node]) -> EditRecord:
    changes = [c for c in (change(tree, node) for node in nodes) if c is not None]
    return EditRecord(
        name=name,
        operator=operator,
        tried=len(nodes),
        scored=sum(node.state is NodeState.SCORED for node in nodes),
        raced=sum(node.state is NodeState.RACED for node in nodes),
        failed=sum(node.state is NodeState.FAILED for node in nodes),
        gains=sum(node.gain for node in nodes),
        best_change=max(changes, key=direction.to_utility) if changes else None,
    )
