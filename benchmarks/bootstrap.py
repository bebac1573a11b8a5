"""What the paired bootstrap of each metric costs. Writes results/bootstrap.json.

For every built-in metric, in a process of its own: two nodes' values under 1,000 resamples of 100,000 rows, as a run has them
(each node draws anew, the counts are the same), with the process's peak memory; and the time for a resample of 10,000 rows,
weighed and scored one by one, side by side. Times are CPU seconds of one thread. Target: 2 s and 600 MB for a pair.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from measure import write_result
from mlmaster.core.task import PredictionKind
from mlmaster.engine import noise
from mlmaster.metrics.definition import score_each
from mlmaster.metrics.registry import DEFINITIONS, Registry
from mlmaster.ports import Array

RESAMPLES, ROWS, FEW_ROWS, LOOPED = 1_000, 100_000, 10_000, 20
CLASSES, WORDS = 5, np.array(list("abcdefgh"))
TARGET_S, TARGET_MB = 2.0, 600


def make_data(name: str, rows: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return a truth and two nodes' predictions, about as good as those of a run."""
    kinds = DEFINITIONS[name].kinds
    if PredictionKind.NUMBER in kinds:
        truth = rng.gamma(2.0, 1.0, (rows, 1)) + 0.1
        return truth, truth * np.exp(rng.normal(0, 0.5, (rows, 1))), truth * np.exp(rng.normal(0, 0.5, (rows, 1)))
    if PredictionKind.PROBABILITY in kinds:
        chance = rng.random((rows, 1))
        return (rng.random((rows, 1)) < chance).astype(float), chance, (chance + rng.random((rows, 1))) / 2
    if PredictionKind.CLASS_PROBABILITIES in kinds:
        chances = rng.dirichlet(np.ones(CLASSES), rows)
        other = (chances + rng.dirichlet(np.ones(CLASSES), rows)) / 2
        return (chances.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(max=CLASSES - 1), chances, other
    if PredictionKind.LABEL in kinds:
        codes = rng.integers(0, 2 if name == "f1" else CLASSES, (rows, 1))
        mine, theirs = (np.where(rng.random((rows, 1)) < 0.3, rng.permutation(codes), codes) for _ in range(2))
        return codes.astype(str), mine.astype(str), theirs.astype(str)
    mine, theirs = (np.array([" ".join(each) for each in rng.choice(WORDS, (rows, 5))]) for _ in range(2))
    return rng.choice(WORDS, (rows, 1)), mine.reshape(-1, 1), theirs.reshape(-1, 1)


def seconds(work: Callable[[], object]) -> float:
    """Return CPU seconds: with one thread those of an idle core, whatever else the machine does."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(name: str) -> dict[str, float]:
    """Return the figures of one metric; for a process with one thread."""
    rng = np.random.default_rng(0)
    metric = Registry().get(name)
    truth, mine, theirs = make_data(name, ROWS, rng)
    metric.score(truth[:100], mine[:100])  # imports
    clusters = np.arange(ROWS)
    pair_s = sum(
        seconds(lambda node=node: noise.resample(metric, truth, node, clusters, 0, RESAMPLES))  # type: ignore[misc]
        for node in (mine, theirs)
    )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    truth, mine, _ = make_data(name, FEW_ROWS, rng)
    counts = noise.draw(np.arange(FEW_ROWS), 0, RESAMPLES)
    weighed_s = seconds(lambda: metric.resampled(truth, mine, counts)) / RESAMPLES
    looped_s = seconds(lambda: score_each(metric.score, truth, mine, counts[:LOOPED])) / LOOPED
    return {
        "pair_s": round(pair_s, 2),
        "peak_mb": round(peak_mb),
        "weighed_ms": round(weighed_s * 1e3, 4),
        "one_by_one_ms": round(looped_s * 1e3, 3),
        "times_as_fast": round(looped_s / weighed_s, 1),
    }


def measure_alone(name: str) -> dict[str, float]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, name]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> int:
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
        return 0
    metrics: dict[str, dict[str, float]] = {name: measure_alone(name) for name in sorted(DEFINITIONS)}
    clusters = np.arange(ROWS)
    result: dict[str, Any] = {
        "what": "paired bootstrap, CPU seconds of one thread: pair_s and peak_mb for two nodes, "
        f"{RESAMPLES} resamples, {ROWS} rows, draws included; weighed_ms and one_by_one_ms for one resample of "
        f"{FEW_ROWS} rows",
        "draw_s": round(min(seconds(lambda: noise.draw(clusters, 0, RESAMPLES)) for _ in range(3)), 2),
        "target_pair_s": TARGET_S,
        "target_peak_mb": TARGET_MB,
        "over_target": [
            name for name, each in metrics.items() if each["pair_s"] > TARGET_S or each["peak_mb"] > TARGET_MB
        ],
        "metrics": metrics,
    }
    write_result("bootstrap", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
