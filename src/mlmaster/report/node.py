"""One node described for a person."""

from __future__ import annotations

import difflib

from mlmaster.core.node import ROOT, Node
from mlmaster.core.tree import Tree
from mlmaster.report import text
from mlmaster.report.edits import change


def describe(tree: Tree, number: int) -> str:
    """Return a few lines on the node: lineage, plan, scores, what became of it."""
    node = tree[number]
    star = " ★ best so far" if tree.best == number else ""
    said = text.outcome(node)
    lines = [f"{text.label(node)}{star}", f"outcome      {said}"]
    if node.detail and node.detail not in said and (node.fault is not None or not node.state.is_final):
        lines.append(f"detail       {node.detail}")
    parents = ", ".join(text.label(tree[parent]) for parent in node.parents if parent != ROOT)
    if parents:
        lines.append(f"made from    {parents}")
    children = ", ".join(f"#{child}" for child in tree.children(number))
    if children:
        lines.append(f"led to       {children}")
    if node.folds:
        folds = ", ".join(f"{fold}: {text.score(value)}" for fold, value in sorted(node.folds))
        lines.append(f"folds        {folds} ({text.score_name(tree)})")
    difference = change(tree, node)
    if difference is not None:
        gain = "a gain beyond noise" if node.gain else "no gain beyond noise"
        lines.append(f"change       {difference:+.3g} against its parent; {gain}")
    lines.append(f"ran for      {text.duration(node.wall_s)}")
    if node.plan:
        lines += ["", node.plan.strip()]
    return "\n".join(lines)


def changes(before: str, after: str, node: Node) -> str:
    """Return a script against its parent's as a unified diff; in words where nothing changed."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"#{node.parent}", f"#{node.id}", lineterm="", n=3
    )
    return "\n".join(lines) or "nothing"
