"""The live view of a run on a terminal: best so far, budget, slots, the tree, the last events.

Events arrive in the run's own thread and are turned into lines there; the refresh thread of rich only puts finished lines
together with what the slots do right now. It never walks the tree.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mlmaster.cli.drive import Drivable
from mlmaster.cli.lines import event_line
from mlmaster.core.budget import Budget
from mlmaster.core.events import Record, RunResumed, RunStarted
from mlmaster.core.node import Node, NodeState
from mlmaster.core.tree import Tree
from mlmaster.report import text

RECENT = 4
"""Lines of events kept below the tree."""

FRAME = 14
"""Lines of the screen that are not the tree's, slots left out."""

STYLES = {
    NodeState.SCORED: "default",
    NodeState.RACED: "dim",
    NodeState.FAILED: "red",
    NodeState.DECIDED: "cyan",
    NodeState.PROPOSED: "cyan",
}


class LiveScreen:
    """Draws a run; implements `drive.Screen`."""

    def __init__(self, run: Drivable, console: Console) -> None:
        self._run, self._console = run, console
        self._lock = threading.Lock()
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._tree_lines: list[Text] = []
        self._best = Text("no scored solution yet", style="dim")
        self._labels: dict[int, str] = {}
        self._warning = ""

    def observe(self, record: Record, tree: Tree) -> None:
        """Take in one event."""
        line = event_line(record, tree)
        lines = _tree_lines(tree, max(5, self._console.height - FRAME))
        labels = {node: text.label(tree[node]) for node in tree.in_flight}
        with self._lock:
            if line is not None:
                self._recent.append(line)
            if isinstance(record.event, RunStarted | RunResumed) and not text.is_walled(record.event.sandbox):
                self._warning = text.sandbox(record.event.sandbox)
            self._tree_lines, self._labels = lines, labels
            if tree.best is not None:
                best = tree[tree.best]
                self._labels[best.id] = text.label(best)
                self._best = Text.assemble((f"{text.score(best.value)}", "bold green"), f"  {text.label(best)}")

    def say(self, message: str) -> None:
        """Show a message among the events."""
        with self._lock:
            self._recent.append(message)

    def __enter__(self) -> LiveScreen:
        self._live = Live(get_renderable=self.draw, console=self._console, refresh_per_second=4)
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def draw(self) -> RenderableType:
        """Return the picture of this moment."""
        budget = self._run.budget()
        with self._lock:
            parts: list[RenderableType] = [
                self._head(budget),
                *self._slots(),
                Panel(
                    Group(*self._tree_lines) if self._tree_lines else Text("…", style="dim"),
                    title="solutions",
                    title_align="left",
                ),
                *(Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in self._recent),
            ]
        return Group(*parts)

    def _head(self, budget: Budget) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column()
        task = self._run.task
        grid.add_row("task", f"{escape(task.name)}  ({task.metric}, {task.direction})")
        grid.add_row(f"best {text.WORD if task.is_self_reported else text.GUIDE}", self._best)
        if self._warning:
            grid.add_row("runs in", Text(self._warning, style="bold red"))
        grid.add_row("budget", _budget_words(budget))
        grid.add_row("", ProgressBar(total=1.0, completed=budget.fraction, width=40))
        return grid

    def _slots(self) -> Iterator[RenderableType]:
        for running in self._run.running():
            label = self._labels.get(running.node, f"#{running.node}")
            yield Text.assemble(
                ("▶ ", "cyan"), f"{label}: {running.work}", (f"  {text.duration(running.since_s)}", "dim")
            )


def _budget_words(budget: Budget) -> str:
    limits = budget.limits
    words = [f"{text.duration(budget.elapsed_s)} spent, {text.duration(budget.time_left_s)} left"]
    words.append(f"{budget.nodes} nodes" + (f" of {limits.nodes}" if limits.nodes is not None else ""))
    if limits.tokens is not None or budget.tokens:
        words.append(
            f"{text.tokens(budget.tokens)} tokens"
            + (f" of {text.tokens(limits.tokens)}" if limits.tokens is not None else "")
        )
    if limits.cost_usd is not None or budget.cost_usd:
        of = f" of {text.dollars(limits.cost_usd)}" if limits.cost_usd is not None else ""
        words.append(text.dollars(budget.cost_usd) + of)
    return " · ".join(words)


def _tree_lines(tree: Tree, room: int) -> list[Text]:
    """Return the tree's lines; where room is short those of the best, the running and the newest nodes."""
    kept = set(tree.nodes)
    if len(kept) > room:
        wanted = [*([tree.best] if tree.best is not None else []), *tree.in_flight, *reversed(tree.finished)]
        kept = set(list(dict.fromkeys(wanted))[: room - 1])
    lines = [_line(branching, tree.best) for branching in text.draw(tree) if branching.node.id in kept]
    hidden = len(tree.nodes) - len(kept)
    return [*lines, Text(f"… and {hidden} more", style="dim")] if hidden else lines


def _line(branching: text.Branching, best: int | None) -> Text:
    node: Node = branching.node
    style = "bold green" if node.id == best else STYLES.get(node.state, "default")
    star = " ★" if node.id == best else ""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(branching.rails, style="dim")
    line.append(f"{text.label(node)}  ", style="dim" if node.state is NodeState.RACED else "default")
    line.append(f"{text.outcome(node)}{star}", style=style)
    return line
