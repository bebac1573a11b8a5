"""What the cells of the grid say: agreement of guide and sealed scores, gain of the selection, coverage, racing.

    python benchmarks/honesty/summarise.py

Reads `benchmarks/results/honesty/cells/`, writes `summary.json` beside it and prints it as Markdown. Every mean over splits
comes with a bootstrap that draws whole tasks, because the splits of a task share its rows.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from honesty import figures
from honesty.figures import Pair, Promise
from honesty.grid import RESULTS

Cell = Mapping[str, Any]
TARGET = (0.85, 0.95)
"""Where the coverage of a 90 % interval should lie."""


def read_cells(folder: Path) -> list[Cell]:
    """Return all cells, in order of their names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def utility(cell: Cell, value: float) -> float:
    """Return a metric value of the cell's task so that higher is better."""
    return value if cell["direction"] == "maximize" else -value


def by_task(cells: Sequence[Cell], find: Callable[[Cell], Any]) -> dict[str, list[Any]]:
    """Return what is found in each cell, by task; None is left out."""
    found: dict[str, list[Any]] = {}
    for cell in cells:
        value = find(cell)
        if value is not None:
            found.setdefault(cell["task"], []).append(value)
    return found


def agreement(cell: Cell) -> float | None:
    """Return the rank correlation of guide and sealed score over the scored nodes of a search."""
    nodes = [node for node in cell["nodes"] if node["state"] == "scored"]
    guide = [utility(cell, node["guide"]) for node in nodes]
    return figures.spearman(guide, [utility(cell, node["sealed"]) for node in nodes])


def promise(cell: Cell, name: str) -> Promise | None:
    """Return the interval `name` (`predicted`, `expected`) beside the sealed score, in utilities."""
    low, high = cell["selected"][f"{name}_low"], cell["selected"][f"{name}_high"]
    if low is None or high is None:
        return None
    bounds = sorted((utility(cell, low), utility(cell, high)))
    return Promise(bounds[0], bounds[1], utility(cell, cell["sealed"]))


def against_best_guide(cell: Cell) -> Pair:
    """Return the final selection beside the node with the best guide score."""
    return Pair(utility(cell, cell["sealed"]), utility(cell, cell["best_guide"]["sealed"]))


def against_possible(cell: Cell) -> Pair:
    """Return the final selection beside the node that hindsight would take."""
    return Pair(utility(cell, cell["sealed"]), utility(cell, cell["best_possible_sealed"]))


def coverage(cells: Sequence[Cell], key: Callable[[Cell], str]) -> dict[str, Any]:
    """Return the coverage of the prediction interval for each value of a key."""
    groups = sorted({key(cell) for cell in cells})
    return {
        group: figures.cover(by_task([c for c in cells if key(c) == group], lambda cell: promise(cell, "predicted")))
        for group in groups
    }


def expected(cells: Sequence[Cell]) -> dict[str, Any]:
    """Hold the expected-score interval against the mean sealed score of the task's splits, which has little noise of its own.

    Solutions differ from split to split, so this is near the truth only; tasks with fewer than three splits are left out.
    """
    found: dict[str, list[Promise]] = {}
    for task, made in by_task(cells, lambda cell: promise(cell, "expected")).items():
        if len(made) >= 3:
            mean = float(np.mean([each.sealed for each in made]))
            found[task] = [Promise(each.low, each.high, mean) for each in made]
    return figures.cover(found)


def racing(cells: Sequence[Cell]) -> dict[str, Any]:
    """Hold racing against none on the splits that have both: quality of the final selection, and cost."""
    found = {(cell["task"], cell["seed"], cell["variant"]): cell for cell in cells}
    pairs: dict[str, list[Pair]] = {}
    mine, theirs = Counter[str](), Counter[str]()
    for (task, seed, variant), cell in found.items():
        other = found.get((task, seed, "no-racing"))
        if variant != "default" or other is None:
            continue
        pairs.setdefault(task, []).append(Pair(utility(cell, cell["sealed"]), utility(cell, other["sealed"])))
        for name in ("evaluations", "scripts_cpu_s"):
            mine[name] += cell[name]
            theirs[name] += other[name]
        mine["raced"] += sum(node["state"] == "raced" for node in cell["nodes"])
    if not pairs:
        return {}
    cost = {name: mine[name] / theirs[name] for name in ("evaluations", "scripts_cpu_s") if theirs[name]}
    return {
        "splits": sum(len(each) for each in pairs.values()),
        "raced": mine["raced"],
        "cost": cost,
        **figures.gain(pairs),
    }


def describe_task(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return one line of the table of tasks."""
    first = cells[0]
    promises = [each for cell in cells if (each := promise(cell, "predicted")) is not None]
    halves = [(each.high - each.low) / 2 for each in promises]
    sealed = [cell["sealed"] for cell in cells]
    correlations = [rho for cell in cells if (rho := agreement(cell)) is not None]
    return {
        "origin": first["origin"],
        "metric": first["metric"],
        "train_rows": [min(c["train_rows"] for c in cells), max(c["train_rows"] for c in cells)],
        "test_rows": [min(c["test_rows"] for c in cells), max(c["test_rows"] for c in cells)],
        "scheme": dict(Counter(scheme_of(cell) for cell in cells)),
        "basis": dict(Counter(cell["selected"]["basis"] for cell in cells)),
        "splits": len(cells),
        "sealed_mean": float(np.mean(sealed)),
        "sealed_deviation": float(np.std(sealed, ddof=1)) if len(sealed) > 1 else None,
        "half_width_mean": float(np.mean(halves)) if halves else None,
        "spearman_mean": float(np.mean(correlations)) if correlations else None,
        "spearman_range": [min(correlations), max(correlations)] if correlations else None,
        "intervals": len(promises),
        "kept": sum(each.is_kept for each in promises),
        "places": [round(each.place, 2) for each in promises],
        "evaluations_mean": float(np.mean([cell["evaluations"] for cell in cells])),
        "cpu_s_mean": float(np.mean([cell["scripts_cpu_s"] + cell["harness_cpu_s"] for cell in cells])),
    }


def scheme_of(cell: Cell) -> str:
    """Return how the engine laid out its own hidden rows, in a word."""
    scheme = cell["scheme"]
    return "unknown" if scheme is None else f"{scheme['kind']} {scheme['folds']}x{scheme['repeats']}"


def summarise(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return every figure of the grid."""
    whole = [cell for cell in cells if "error" not in cell]
    main = [cell for cell in whole if cell["variant"] == "default"]
    tasks = sorted({cell["task"] for cell in main})
    return {
        "cells": len(cells),
        "failed": [
            f"{c['task']}-{c['seed']}-{c['variant']}: {c['error'].splitlines()[-1]}" for c in cells if "error" in c
        ],
        "commits": dict(Counter(cell["commit"] for cell in whole)),
        "machines": dict(Counter(cell["machine"] for cell in whole)),
        "tasks": {task: describe_task([cell for cell in main if cell["task"] == task]) for task in tasks},
        "node_states": dict(Counter(node["state"] for cell in main for node in cell["nodes"])),
        "spearman": asdict(figures.estimate(by_task(main, agreement))),
        "spearman_by_task": asdict(
            figures.estimate({task: [float(np.mean(each))] for task, each in by_task(main, agreement).items()})
        ),
        "against_best_guide": figures.gain(by_task(main, against_best_guide)),
        "against_best_in_hindsight": figures.gain(by_task(main, against_possible)),
        "predicted": figures.cover(by_task(main, lambda cell: promise(cell, "predicted"))),
        "predicted_by_basis": coverage(main, lambda cell: str(cell["selected"]["basis"])),
        "predicted_by_metric": coverage(main, lambda cell: str(cell["metric"])),
        "predicted_by_scheme": coverage(main, scheme_of),
        "without_interval": [f"{c['task']}-{c['seed']}" for c in main if promise(c, "predicted") is None],
        "expected": expected(main),
        "racing": racing(whole),
    }


def to_markdown(summary: Mapping[str, Any]) -> str:
    """Return the summary as Markdown."""
    lines = [
        "| task | from | metric | train | test | splits | sealed | Spearman | gain | kept | cpu s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    gains = summary["against_best_guide"]["by_task"]
    for name, task in summary["tasks"].items():
        deviation = "" if task["sealed_deviation"] is None else f" ± {task['sealed_deviation']:.4f}"
        lines.append(
            f"| {name} | {task['origin']} | {task['metric']} | {_span(task['train_rows'])} | {_span(task['test_rows'])} "
            f"| {task['splits']} | {task['sealed_mean']:.4f}{deviation} | {_number(task['spearman_mean'])} "
            f"| {_number(gains.get(name))} | {task['kept']}/{task['intervals']} | {task['cpu_s_mean']:.0f} |"
        )
    lines += ["", *_overall(summary)]
    return "\n".join(lines) + "\n"


def _overall(summary: Mapping[str, Any]) -> list[str]:
    best, possible = summary["against_best_guide"], summary["against_best_in_hindsight"]
    lines = [
        f"- Rank correlation of guide and sealed score over a search's nodes: {_shown(summary['spearman'])}",
        f"- Gain over the best node by guide, in deviations over splits: {_shown(best['gain_in_deviations'])}; "
        f"won {best['won']}, tied {best['tied']}, lost {best['lost']}",
        f"- Behind the best node in hindsight: {_shown(possible['gain_in_deviations'])}",
        f"- 90 % prediction interval: {_covered(summary['predicted'])}; target {TARGET[0]:.0%} to {TARGET[1]:.0%}",
    ]
    for title in ("basis", "metric", "scheme"):
        lines += [f"  - {title} {name}: {_covered(each)}" for name, each in summary[f"predicted_by_{title}"].items()]
    lines.append(f"- Interval of the expected score, against the mean sealed score: {_covered(summary['expected'])}")
    race = summary["racing"]
    if race:
        lines.append(
            f"- Racing against none, {race['splits']} splits: gain {_shown(race['gain_in_deviations'])}; won {race['won']}, "
            f"tied {race['tied']}, lost {race['lost']}; {race['cost']['evaluations']:.0%} of the evaluations, "
            f"{race['cost']['scripts_cpu_s']:.0%} of the processor time"
        )
    for title in ("failed", "without_interval"):
        lines.append(f"- {title.replace('_', ' ')}: {', '.join(summary[title]) or 'none'}")
    return lines


def _shown(estimate: Mapping[str, Any]) -> str:
    shown = figures.Estimate(**estimate)
    return f"{shown} ({shown.values} splits, {shown.clusters} tasks)"


def _covered(found: Mapping[str, Any]) -> str:
    if found["place_mean"] is None:
        return "none"
    deviation = found["place_deviation"]
    return (
        f"{_shown(found['coverage'])}, {found['worse_than_promised']} worse and {found['better_than_promised']} better than "
        f"promised, place {found['place_mean']:+.2f} ± {_number(deviation)}"
    )


def _span(rows: Sequence[int]) -> str:
    return f"{rows[0]}" if rows[0] == rows[1] else f"{rows[0]}–{rows[1]}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def main() -> None:
    summary = summarise(read_cells(RESULTS / "cells"))
    (RESULTS / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print(to_markdown(summary), end="")


if __name__ == "__main__":
    main()
