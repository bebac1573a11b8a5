"""How values, durations and trees are written for a person, the same on every screen and in every report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from mlmaster.core.blend import BlendKind
from mlmaster.core.node import ROOT, Node, NodeState
from mlmaster.core.tree import Tree

NOTHING = "—"
"""Stands where there is no value."""

GUIDE = "guide score"
"""What the value of a node is called wherever it is shown: it drove the search, so it flatters."""

WORD = "self-reported score"
"""What the value of a node is called in a run that takes scripts at their word: nobody has measured it."""


BLENDS = {
    BlendKind.MEAN: "arithmetic mean",
    BlendKind.GEOMETRIC: "geometric mean",
    BlendKind.RANK: "mean of ranks",
    BlendKind.VOTE: "vote",
}
"""How members of a blend are averaged, in words."""


def score_name(tree: Tree) -> str:
    """Return what the value of a node is called in a run."""
    return WORD if tree.is_self_reported else GUIDE


def score(value: float | None) -> str:
    """Return a metric value with five significant digits."""
    return NOTHING if value is None else f"{value:.5g}"


def interval(pair: tuple[float, float] | None) -> str:
    """Return `low to high`."""
    return NOTHING if pair is None else f"{score(pair[0])} to {score(pair[1])}"


def tokens(number: float) -> str:
    """Return `830`, `12.3k` or `4.1M`."""
    if number < 1_000:
        return f"{number:.0f}"
    return f"{number / 1e3:.3g}k" if number < 999_500 else f"{number / 1e6:.3g}M"


def dollars(amount: float) -> str:
    """Return `$0.0042`, `$0.18` or `$12.40`: two digits at least, and never $0.00 of something."""
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.2g}"


def spent(used: Used) -> str:
    """Return `12.3k tokens, $0.18`; what has no known price is said."""
    total = used.input_tokens + used.output_tokens
    words = f"{tokens(total)} tokens"
    if used.unpriced_tokens and not used.cost_usd:
        return f"{words} of unknown price"
    if used.unpriced_tokens:
        return f"{words}, {dollars(used.cost_usd)} and {tokens(used.unpriced_tokens)} tokens of unknown price"
    return f"{words}, {dollars(used.cost_usd)}"


def again(value: float, reference: float, *, holds: bool) -> str:
    """Return how a finalist did once more: `0.83 (0.84 before): holds`."""
    return f"{score(value)} ({score(reference)} before): {'holds' if holds else 'does not hold'}"


def duration(seconds: float | None) -> str:
    """Return `8.2 s`, `4 m 05 s` or `2 h 07 m`; `no limit` for infinity."""
    if seconds is None:
        return NOTHING
    if seconds == float("inf"):
        return "no limit"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m"


def counts(numbers: Mapping[str, int]) -> str:
    """Return `error 2, timeout 1`."""
    return ", ".join(f"{name} {number}" for name, number in numbers.items()) or "none"


class Used(Protocol):
    """What language models cost: a `mlmaster.core.usage.Usage`, or an event or a summary that says the same."""

    @property
    def input_tokens(self) -> int:
        """Return the tokens read."""
        ...

    @property
    def output_tokens(self) -> int:
        """Return the tokens written."""
        ...

    @property
    def unpriced_tokens(self) -> int:
        """Return the tokens of unknown price."""
        ...

    @property
    def cost_usd(self) -> float:
        """Return US dollars."""
        ...


@dataclass(frozen=True, slots=True)
class Branching:
    """One line of a drawn tree: what leads to the node, and the node."""

    rails: str
    node: Node


def draw(tree: Tree) -> Iterator[Branching]:
    """Yield the nodes depth first with the rails that lead to them; refused and abandoned ones are left out."""
    stack = [(child, "", "") for child in reversed(tree.children(ROOT))]
    while stack:
        node, rails, below = stack.pop()
        yield Branching(rails, tree[node])
        children = tree.children(node)
        for position, child in reversed(list(enumerate(children))):
            is_last = position == len(children) - 1
            stack.append((child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  ")))


def outcome(node: Node, *, is_over: bool = False) -> str:
    """Return the node's value, its fault, or what is happening to it, in a few words; nothing happens once all is over."""
    if is_over and not node.state.is_final:
        return "cut off by the end of the run"
    match node.state:
        case NodeState.SCORED:
            return score(node.value)
        case NodeState.RACED:
            return f"{score(node.value)} raced after {len(node.folds)} fold{'s' * (len(node.folds) != 1)}"
        case NodeState.FAILED:
            return f"failed: {node.fault}"
        case NodeState.DECIDED:
            return "being proposed"
        case NodeState.PROPOSED:
            return "put off" if node.detail else "running"
        case _:
            return f"{node.state}: {node.detail}" if node.detail else str(node.state)


def label(node: Node) -> str:
    """Return `#7 improve target_encoding`."""
    return f"#{node.id} {node.operator}" + (f" {node.edit}" if node.edit else "")


def tree_lines(tree: Tree, *, is_over: bool = False) -> Iterator[str]:
    """Yield one line a node: rails, label, outcome, and a star on the best."""
    for line in draw(tree):
        star = " ★" if line.node.id == tree.best else ""
        yield f"{line.rails}{label(line.node)}  {outcome(line.node, is_over=is_over)}{star}"


def is_walled(sandbox_name: str) -> bool:
    """Return False for a sandbox that keeps scripts from nothing."""
    return sandbox_name.split(",")[0] != "none"


def sandbox(name: str) -> str:
    """Return how scripts were run, with a warning where nothing walled them in."""
    if not is_walled(name):
        return f"sandbox without walls ({name}; WARNING: scripts have your rights, your files and your network)"
    return f"sandbox ({name})"
