"""Scores on real tasks with private answers: one JSON cell for each task, budget and seed, filled over time.

    python benchmarks/tasks.py FOLDER [--time 5m] [--seed 0] [--runs DIR]

FOLDER holds tasks in MLE-bench's layout (`<id>/prepared/public`, `<id>/prepared/private`). A cell that exists is left
alone; a run that exists in DIR is described, not run again. The answers are opened by the grader, after the run has ended;
each look is noted in `benchmarks/LOG.md` by whoever runs this.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from measure import RESULTS, describe_machine
from mlmaster.core.events import NodeFinished, RunStarted, Selected, SubmissionWritten
from mlmaster.core.node import NodeState
from mlmaster.metrics.grading import find_answers, grade
from mlmaster.store.run_directory import RunDirectory


def solve(task: Path, out: Path, time: str, seed: int) -> None:
    """Run the command a user would."""
    command = [sys.executable, "-m", "mlmaster.cli", "run", str(task / "prepared" / "public"), "--plain"]
    subprocess.run([*command, "--time", time, "--seed", str(seed), "--out", str(out)], check=True)


def describe(task: Path, out: Path) -> dict[str, Any]:
    """Return the figures of a finished run and its true score."""
    store = RunDirectory.open_for_reading(out)
    records, resolved = list(store.read()), store.task()
    store.close()
    started = next(r.event for r in records if isinstance(r.event, RunStarted))
    selected = [r.event for r in records if isinstance(r.event, Selected)][-1]
    ended = [r.event for r in records if isinstance(r.event, NodeFinished)]
    first = next(r.elapsed_s for r in records if isinstance(r.event, SubmissionWritten))
    truth = grade(out / "best" / "submission.csv", find_answers(task), resolved)
    return {
        "task": task.name,
        "metric": started.metric,
        "direction": started.direction,
        "guide": selected.guide,
        "judge": selected.judge,
        "expected_90": [selected.expected_low, selected.expected_high],
        "predicted_90": [selected.predicted_low, selected.predicted_high],
        "true": truth.score,
        "choice": selected.choice,
        "nodes": dict(Counter(event.state.value for event in ended)),
        "faults": dict(Counter(str(e.fault) for e in ended if e.state is NodeState.FAILED)),
        "first_submission_s": round(first, 1),
        "seconds": round(records[-1].elapsed_s, 1),
        "seed": started.seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--time", default="5m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs", "tasks"))
    options = parser.parse_args()
    cells = RESULTS / "tasks"
    cells.mkdir(parents=True, exist_ok=True)
    for task in sorted(path for path in options.folder.iterdir() if (path / "prepared" / "public").is_dir()):
        cell = cells / f"{task.name}-{options.time}-seed{options.seed}.json"
        if cell.exists():
            continue
        out = options.runs / task.name
        if not (out / "report.md").exists():
            solve(task, out, options.time, options.seed)
        found = {**describe_machine(), "time": options.time, **describe(task, out)}
        cell.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(found))


if __name__ == "__main__":
    main()
