"""Tokens of the first request beside the size of the tree: bounded by `session.context_tokens`, while the history grows.

The tree is grown by the default policy over seeded made-up outcomes; plans, faults and scripts are as long as real ones.
Run: `python benchmarks/prompt_size.py`; writes `benchmarks/results/prompt_size.json` and `prompt_size.svg` beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from measure import RESULTS, write_result
from mlmaster.core.chat import ModelFacts
from mlmaster.core.events import Decided, Event, NodeFinished, Proposed
from mlmaster.core.node import ROOT, Operator
from mlmaster.core.proposal import Context, Machine
from mlmaster.core.tokens import estimate_tokens
from mlmaster.core.tree import Tree
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.memory.scoped import build_context
from mlmaster.search import SearchSettings, make_policy
from mlmaster.search.simulation import Simulation, World
from mlmaster.testing.contexts import DESCRIPTION, FILES, LOG, PACKAGES, decided, make_profile, make_task

NODES = (1, 10, 100, 1_000)
SCRIPT_LINES = 150
WORDS = (
    "add encode split target group cabin fold trees rate depth rounds seeds blend rank text count mean log clip early "
    "stop held out rows feature model loss smooth noise share category bin interaction scale"
)


def grow(nodes: int, seed: int) -> list[Event]:
    """Return the events of a run of so many decisions, with plans and faults put into words."""
    settings = SearchSettings()
    run = Simulation(make_policy(settings), settings, World(), seed=seed, nodes=nodes)
    run.run(slots=4)
    return [_worded(event) for event in run.board.events]


def _worded(event: Event) -> Event:
    rng, words = Random(f"words:{getattr(event, 'node', 0)}"), WORDS.split()
    if isinstance(event, Proposed):
        plan = ". ".join(" ".join(rng.choices(words, k=14)).capitalize() for _ in range(4))
        return event.model_copy(update={"plan": f"{plan}.", "edit": "_".join(rng.choices(words, k=3))})
    if isinstance(event, NodeFinished) and event.fault:
        detail = f"ValueError: {' '.join(rng.choices(words, k=12))}"
        return event.model_copy(update={"detail": detail, "wall_s": rng.uniform(1, 90)})
    return event


def script(node: int) -> str:
    """Return a script as long as those that models write."""
    return "".join(
        f'features["{node}_{line}"] = rows["Spa"].clip(0, {line}) / {line + 1}\n' for line in range(SCRIPT_LINES)
    )


def parents_of(tree: Tree) -> Iterator[tuple[Operator, tuple[int, ...]]]:
    """Yield what each operator would be asked of here, as far as there is something to ask it of."""
    yield Operator.DRAFT, (ROOT,)
    ranking = list(tree.ranking())
    if ranking:
        yield Operator.IMPROVE, (max(ranking, key=lambda node: (len(tree.children(node)), node)),)
        yield Operator.EVOLVE, (max(ranking, key=lambda node: (tree[node].depth, node)),)
    if tree.faulty_leaves:
        yield Operator.DEBUG, (tree.faulty_leaves[-1],)
    others = [node for node in ranking if tree[node].branch != tree[ranking[0]].branch]
    if others:
        yield Operator.MERGE, (ranking[0], others[0])


def context_of(events: Sequence[Event], operator: Operator, parents: tuple[int, ...]) -> Context:
    """Return the context of a decision after the events."""
    tree = Tree(events)
    node = tree.next_id
    tree.apply(decided(node, operator, parents))
    return build_context(
        tree,
        node,
        make_task(),
        make_profile(),
        read_code=script,
        read_log=lambda _: LOG,
        read_notes=lambda _: {"best_iteration": 412},
        script_limit_s=120.0,
        threads=2,
        machine=Machine(threads=2, memory_bytes=4_000_000_000),
        packages=PACKAGES,
        description=DESCRIPTION,
        time_left_s=1_600.0,
        nodes_left=40,
        seed=1,
    )


def history_tokens(tree: Tree) -> dict[str, int]:
    """Return what all plans and outcomes of a tree would take, without and with its scripts."""
    told = sum(
        estimate_tokens(f"#{n.id} {n.edit} {n.state} {n.value} {n.detail} {n.plan}") for n in tree.nodes.values()
    )
    return {"plans": told, "plans and scripts": told + sum(estimate_tokens(script(node)) for node in tree.nodes)}


def measure(events: Sequence[Event], settings: SessionSettings) -> dict[str, Any]:
    """Return the sizes for one tree."""
    tree, sizes, milliseconds, memory = Tree(events), {}, {}, {}
    for operator, parents in parents_of(tree):
        context = context_of(events, operator, parents)
        start = time.perf_counter()
        prompt = Prompts(settings, folds=5).first(
            context, FILES, ModelFacts("any"), tools="native", tokens=settings.context_tokens
        )
        milliseconds[str(operator)] = round((time.perf_counter() - start) * 1000, 1)
        sizes[str(operator)] = sum(estimate_tokens(message.text) for message in prompt.messages)
        memory[str(operator)] = prompt.memory
    return {
        "decisions": sum(isinstance(event, Decided) for event in events),
        "prompt_tokens": sizes,
        "history_tokens": history_tokens(tree),
        "prompt_ms": milliseconds,
        "memory": memory,
    }


def plot(found: dict[str, dict[str, Any]], bound: int) -> str:
    """Return an SVG of tokens against nodes, both on logarithmic axes."""
    from math import log10

    width, height, left, top = 640, 400, 70, 30
    series = {"bound": [bound] * len(found)}
    series |= {
        name: [each["history_tokens"][name] for each in found.values()] for name in ("plans", "plans and scripts")
    }
    for operator in Operator:
        series[str(operator)] = [each["prompt_tokens"].get(str(operator)) for each in found.values()]
    most = max(value for values in series.values() for value in values if value)

    def point(place: int, value: float) -> tuple[float, float]:
        x = left + place / (len(found) - 1) * (width - left - 170)
        return x, top + (1 - (log10(value) - 2) / (log10(most) - 2)) * (height - top - 50)

    colours = ("#999", "#c60", "#a00", "#036", "#069", "#09c", "#363", "#639")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<text x="{left}" y="18">Tokens of the first request against decisions in the tree (both logarithmic)</text>',
    ]
    for place, nodes in enumerate(found):
        parts.append(f'<text x="{point(place, 100)[0]:.0f}" y="{height - 30}" text-anchor="middle">{nodes}</text>')
    for power in range(2, int(log10(most)) + 1):
        y = point(0, 10**power)[1]
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{10**power:,}</text>')
        parts.append(f'<line x1="{left}" x2="{width - 170}" y1="{y:.0f}" y2="{y:.0f}" stroke="#eee"/>')
    for row, ((name, values), colour) in enumerate(zip(series.items(), colours, strict=True)):
        points = [point(place, value) for place, value in enumerate(values) if value]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if name == "bound" else ""
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        title = {"bound": "session.context_tokens", "plans": "history: plans"}.get(name, name)
        title = "history: and scripts" if name == "plans and scripts" else title
        parts.append(f'<text x="{width - 160}" y="{top + 20 + 18 * row}" fill="{colour}">{title}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    settings = SessionSettings()
    found = {str(nodes): measure(grow(nodes, arguments.seed), settings) for nodes in NODES}
    figures = {"seed": arguments.seed, "context_tokens": settings.context_tokens, "trees": found}
    write_result("prompt_size", figures)
    (RESULTS / "prompt_size.svg").write_text(plot(found, settings.context_tokens), encoding="utf-8")
    largest = max(size for each in found.values() for size in each["prompt_tokens"].values())
    if largest > settings.context_tokens:
        raise SystemExit(f"a request has {largest:,} tokens, and {settings.context_tokens:,} are allowed")


if __name__ == "__main__":
    main()
