"""How long one `choose()` takes at 10,000 nodes, and the fold of a whole run.

The tree is grown by the policy itself over seeded made-up outcomes; the last hundred choices are timed as they come. Run:
`python benchmarks/choose.py`; writes `benchmarks/results/choose.json`.
"""

from __future__ import annotations

import argparse
import time
from random import Random
from statistics import median, quantiles
from typing import Any

from measure import write_result
from mlmaster.core.tree import Tree
from mlmaster.search import POLICIES, SearchSettings, make_policy
from mlmaster.search.simulation import Simulation, World

WORLDS = {
    "typical": World(),
    "hard": World(refused=0.2, failed=0.5, raced=0.5),
    "always better": World(refused=0.0, failed=0.0, raced=0.0, drift=3.0),
    "never better": World(refused=0.0, failed=0.1, raced=1.0, drift=-3.0),
}
TIMED = 100
SLOTS = 4


def measure(policy: str, world: World, nodes: int, seed: int) -> dict[str, Any]:
    settings = SearchSettings(policy=policy)
    run = Simulation(make_policy(settings), settings, world, seed=seed, nodes=nodes)
    times: list[float] = []

    def watch() -> None:
        if len(run.tree.finished) < nodes - TIMED:
            return
        start = time.perf_counter()
        run.choose()
        times.append((time.perf_counter() - start) * 1000)

    run.run(slots=SLOTS, watch=watch)
    start = time.perf_counter()
    Tree(run.board.events)
    fold_s = time.perf_counter() - start
    start = time.perf_counter()
    make_policy(settings).choose(run.tree, run.budget, Random(0), world.operators)
    first_ms = (time.perf_counter() - start) * 1000
    return {
        "nodes": len(run.tree.finished),
        "branches": len(run.tree.branches),
        "depth": max(node.depth for node in run.tree.nodes.values()),
        "timed": len(times),
        "choose_median_ms": round(median(times), 4),
        "choose_p90_ms": round(quantiles(times, n=10)[-1], 4),
        "choose_max_ms": round(max(times), 4),
        "first_choose_after_resume_ms": round(first_ms, 3),
        "events": len(run.board.events),
        "fold_s": round(fold_s, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    results = []
    for policy in POLICIES:
        for name in WORLDS if policy == "mcts" else ("typical", "hard"):
            world = WORLDS[name]
            row = {"policy": policy, "world": name, **measure(policy, world, args.nodes, args.seed)}
            results.append(row)
    what = "milliseconds of one choose() over the last nodes of a run, 4 in flight; seconds to fold its events"
    write_result("choose", {"what": what, "seed": args.seed, "results": results})


if __name__ == "__main__":
    main()
