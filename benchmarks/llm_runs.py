"""Whole runs over each way of asking a model, on a built-in task and a real one: what was made, asked, cached, and how long.

    python benchmarks/llm_runs.py [--nodes 10] [--seed 1]

The model is pretended (`mlmaster.testing.competent_coder`) behind a local server that speaks each protocol: the figures are
of this tool, not of any model. The real task is read from ML_MASTER_TASKS, and left out where it is absent; its answers are
not opened. Writes `benchmarks/results/llm_runs.json`.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import mlmaster
from measure import describe_machine, write_result
from mlmaster.core.events import Decided, NodeFinished, Proposed, RunEnded, RunStarted, Selected
from mlmaster.errors import SubmissionError
from mlmaster.metrics.submission import read_submission
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import LLMServer
from mlmaster.testing.llm_ways import KEYS, WAYS, Way

BUILTIN, REAL = "breast-cancer", "spooky-author-identification"
SHARED = Path(os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[2] / "shared" / "tasks")
COLUMNS = (
    "task",
    "way",
    "nodes",
    "is_valid",
    "guide",
    "judge",
    "calls",
    "tokens",
    "cached_share",
    "placements",
    "wall_s",
)


def run(way: Way, source: str, out: Path, nodes: int, seed: int) -> dict[str, Any]:
    """Run once, and return the row of the table."""
    with LLMServer(CompetentCoder(seed, bugs=True), key="any") as server:
        settings = {**way.settings(server), "engine.folds": 1, "engine.judge": True}
        mlmaster.solve(source, out=out, nodes=nodes, time="30m", seed=seed, settings=settings)
        turned_down = len(server.complaints)
    return {"way": way.name, **describe(out), "turned_down": turned_down}


def describe(out: Path) -> dict[str, Any]:
    """Return the figures of a run."""
    store = RunDirectory.open_for_reading(out)
    records = store.read()
    store.close()
    events = [record.event for record in records]
    [started] = [event for event in events if isinstance(event, RunStarted)]
    [selected] = [event for event in events if isinstance(event, Selected)]
    [ended] = [event for event in events if isinstance(event, RunEnded)]
    proposed = [event for event in events if isinstance(event, Proposed) and event.calls]
    return {
        "task": started.task,
        "nodes": dict(Counter(str(event.state) for event in events if isinstance(event, NodeFinished))),
        "operators": dict(Counter(str(event.operator) for event in events if isinstance(event, Decided))),
        "is_valid": is_valid(out),
        "metric": started.metric,
        "guide": _rounded(selected.guide),
        "judge": _rounded(selected.judge),
        "choice": selected.choice,
        "calls": ended.calls,
        "replies_per_node": round(sum(event.turns for event in proposed) / len(proposed), 2),
        "tokens": ended.usage.tokens,
        "wasted_tokens": ended.wasted_tokens,
        "cached_share": round(ended.cached_tokens / ended.input_tokens, 3),
        "largest_prompt_tokens": max(event.prompt_tokens for event in proposed),
        "placements": dict(Counter(event.placement for event in proposed)),
        "wall_s": round(records[-1].elapsed_s, 1),
    }


def is_valid(out: Path) -> bool:
    """Return whether a run's submission is what its task asks for."""
    store = RunDirectory.open_for_reading(out)
    task = store.task()
    store.close()
    with (task.directory / str(task.test)).open(encoding="utf-8", newline="") as table:
        keys = [row[str(task.id_column)] for row in csv.DictReader(table)]
    try:
        read_submission(out / "best" / "submission.csv", task, keys, len(keys))
    except SubmissionError as error:
        print(error)
        return False
    return True


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.update(dict.fromkeys(KEYS, "any"))
    before = describe_machine()
    sources = [BUILTIN, *([str(SHARED / REAL)] if (SHARED / REAL).is_dir() else [])]
    rows = []
    with tempfile.TemporaryDirectory(prefix="mlmaster-") as folder:
        for source in sources:
            for way in WAYS.values():
                out = Path(folder, f"{Path(source).name}-{way.name}")
                rows.append(run(way, source, out, options.nodes, options.seed))
                print(" | ".join(str(rows[-1][column]) for column in COLUMNS), flush=True)
    write_result("llm_runs", {**before, "seed": options.seed, "budget_nodes": options.nodes, "runs": rows})


if __name__ == "__main__":
    main()
