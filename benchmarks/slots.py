"""How much of the time all slots are busy when proposals are slow: proposals take 2 s, scripts 1 s, two slots.

    python benchmarks/slots.py

Runs the real engine, policy and thread pools for a minute with an engineer that sleeps and a sandbox that sleeps: with five
folds a node (the default for small data), and with a single fold, the hardest case: `mcts` keeps one node of a branch in
flight, so no more nodes are under way than branches at work (`search.widest`). Time counts from the first script to the last.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from measure import write_result
from mlmaster.core.clock import SystemClock
from mlmaster.core.proposal import Context, Proposal
from mlmaster.engine.pools import ThreadPool
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_run, play, tinker
from occupancy import Watch, share_with

PROPOSAL_S, SCRIPT_S, SLOTS, WORKERS = 2.0, 1.0, 2, 6


def busy_fraction(folds: int, seconds: float) -> dict[str, float]:
    """Return the share of time in which both slots ran a script, and what was done."""
    watch = Watch()

    def behave(code: str, view: Path) -> Outcome:
        time.sleep(SCRIPT_S)
        return play(code, view)

    def propose(context: Context) -> Proposal:
        time.sleep(PROPOSAL_S * random.Random(context.seed).uniform(0.8, 1.2))
        return tinker(context)

    with tempfile.TemporaryDirectory() as folder:
        run = make_run(
            Path(folder, "run"),
            engineer=ScriptedEngineer(propose),
            pool=ThreadPool(WORKERS, SLOTS),
            clock=SystemClock(),
            behave=watch.timed(behave),
            engine__folds=folds,
            engine__slots=SLOTS,
            engine__proposal_workers=WORKERS,
            budget__nodes=None,
            budget__time=f"{seconds:.0f}s",
        )
        run.execute()
        nodes = run.tree.count_nodes()
    start, end = min(began for began, _ in watch.intervals), max(ended for _, ended in watch.intervals)
    both = share_with(SLOTS, watch.intervals, start, end)
    return {"both_busy": round(both, 3), "scripts": len(watch.intervals), "nodes": nodes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    found = {f"{folds} folds": busy_fraction(folds, seconds) for folds in (5, 1)}
    setting = {"proposal_s": PROPOSAL_S, "script_s": SCRIPT_S, "slots": SLOTS, "proposal_workers": WORKERS}
    write_result("slots", {"setting": setting, **found})


if __name__ == "__main__":
    main()
