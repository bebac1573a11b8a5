"""How much of the time both slots are busy when a model takes 20 s to reply and a script 10 s to run.

    python benchmarks/pipelining.py             # an hour of mostly sleeping
    python benchmarks/pipelining.py --scale 0.1 # a quick look: every duration a tenth

Three ways to work, each with one script a node (1 fold) and five, over the same engine, policy, journal, engineer (the LLM
engineer, asking a `ScriptedLLM` that sleeps) and two slots (a `FakeSandbox` that sleeps):

- ahead: ML-Master's own. Proposals run in a pool beside the evaluations and are asked for before a slot is free.
- coupled, 3 workers: as ML-Master 1.0 works by default (`parallel_search_num: 3`). A worker decides, asks, and then runs what
  it was given, in one thread, before it takes the next. Only the pool differs from `ahead` (`CoupledPool`), and the decisions
  that wait in the engine are as few as it allows. Its third worker waits where both slots are taken.
- coupled, 2 workers: the same with a worker for each slot.

A session has one reply (`session.turns: 1`, as ML-Master 1.0 asks), or three: the model looks at the data, tries its script
on the small view, submits it. What it runs meanwhile takes a fifth of a script's time, and a slot. Replies take 20 s, give or
take a fifth; one script in five fails and is debugged.

Time counts from the first script to the end of the search, before the final selection. `both_busy` is the share of
it in which both slots ran something; `busy` is what share of the two slots' time was used.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from measure import describe_machine, write_result
from mlmaster.core.chat import ModelFacts, Reply, Request, ToolCall
from mlmaster.core.clock import SystemClock
from mlmaster.core.events import NodeFinished, Record, Refused
from mlmaster.core.tree import Tree
from mlmaster.engine.pools import Done, Key, ThreadPool
from mlmaster.engineers.llm.engineer import LLMEngineer
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.scripted_llm import ScriptedLLM
from mlmaster.testing.toy_run import make_run, make_settings, play, script
from occupancy import Watch, mean_running, share_with

REPLY_S, SCRIPT_S, TRIAL_SHARE, SLOTS = 20.0, 10.0, 0.2, 2
SPREAD = 0.2
"""Of the seconds a reply takes, either way."""
FAILING = 0.2
"""Share of scripts that fail."""
LOOK = "# looks at the data"


@dataclass(frozen=True, slots=True)
class Case:
    """One run.

    Attributes:
        coupled: Workers that propose and execute in one thread; 0 for a pool of proposals of its own.
        replies: Of a session.
        folds: Scripts of a node.
            workers, widest: `engine.proposal_workers` and `search.widest`, where they are not the defaults.
    """

    coupled: int
    replies: int
    folds: int
    workers: int = 0
    widest: int | None = None

    @property
    def name(self) -> str:
        """Return how the case is called in the results."""
        way = f"coupled, {self.coupled} workers" if self.coupled else "ahead"
        if self.workers:
            way += f", {self.workers} proposals at a time"
        if self.widest:
            way += f", {self.widest} branches"
        replies = "1 reply" if self.replies == 1 else f"{self.replies} replies"
        return f"{way}; {replies}; {self.folds} fold{'s' * (self.folds > 1)}"


CASES = (
    *(Case(coupled, replies, folds) for replies in (1, 3) for folds in (1, 5) for coupled in (0, 3, 2)),
    Case(0, 3, 1, workers=16, widest=18),
)
"""The last one has what long sessions and short scripts need: of 66 s and 10 s, nine proposals in flight feed two slots."""


class AheadPool(ThreadPool):
    """The engine's own pool; notes when the search ended."""

    ended_at = 0.0

    def close(self) -> None:
        """Wait for the jobs that run."""
        self.ended_at = time.monotonic()
        super().close()


class CoupledPool:
    """Workers as ML-Master 1.0's: each makes a node from its proposal to its end, in one thread, before it takes the next."""

    ended_at = 0.0

    def __init__(self, workers: int) -> None:
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[queue.SimpleQueue[Job] | None] = queue.SimpleQueue()
        self._jobs: dict[int, queue.SimpleQueue[Job]] = {}
        self._lock = Lock()
        self._workers = [Thread(target=self._work) for _ in range(workers)]
        for worker in self._workers:
            worker.start()

    def submit(self, key: Key, job: Callable[[], Any]) -> None:
        """Hand a job to the worker that has its node, or to the next one that is free."""
        with self._lock:
            if key[1] not in self._jobs:
                self._jobs[key[1]] = queue.SimpleQueue()
                self._waiting.put(self._jobs[key[1]])
            self._jobs[key[1]].put((key, job))

    def release(self, record: Record, tree: Tree) -> None:  # noqa: ARG002 - an observer is told both
        """Let a worker go whose node has ended."""
        if isinstance(record.event, NodeFinished | Refused):
            with self._lock:
                self._jobs[record.event.node].put(None)

    def wait(self, timeout_s: float) -> Done | None:
        """Return the next finished job, or None after the timeout."""
        try:
            return self._done.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Wait for the jobs that run and drop those that do not."""
        self.ended_at = time.monotonic()
        with self._lock:
            for jobs in self._jobs.values():
                jobs.put(None)
        for _ in self._workers:
            self._waiting.put(None)
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while (jobs := self._waiting.get()) is not None:
            while not self.ended_at and (task := jobs.get()) is not None:
                key, job = task
                try:
                    self._done.put(Done(key, value=job()))
                except BaseException as error:  # noqa: BLE001 - as in ThreadPool
                    self._done.put(Done(key, error=error))


Job = tuple[Key, Callable[[], Any]] | None


@dataclass(slots=True)
class Coder:
    """The model: takes its time, and writes scripts that are a little better or worse than one another.

    Attributes:
        case: How many replies a session has.
        seed: Of its choices.
        scale: Of its seconds.
    """

    case: Case
    seed: int
    scale: float

    def __call__(self, request: Request, node: int) -> Reply | str:
        """Answer after a while."""
        turn = sum(message.author == "assistant" for message in request.messages)
        rng = random.Random(f"{self.seed}:{node}:{turn}")
        time.sleep(REPLY_S * self.scale * rng.uniform(1 - SPREAD, 1 + SPREAD))
        if self.case.replies == 1:
            return f"Another number.\n\n```python\n{self.script(node)}```\n"
        match turn:
            case 0:
                return self._call("look_at_data", code=f"{LOOK}\nprint(1)")
            case 1:
                return self._call("run_on_smoke", code=self.script(node))
            case _:
                return self._call("submit", name=f"number_{node}", plan="Another number.")

    def script(self, node: int) -> str:
        """Return the script of a node."""
        rng = random.Random(f"{self.seed}:{node}")
        fault = "error" if rng.random() < FAILING else ""
        return script(rng.uniform(0.05, 1.0), tag=str(node), fault=fault, seconds=SCRIPT_S * self.scale)

    @staticmethod
    def _call(tool: str, **arguments: str) -> Reply:
        return Reply("", calls=(ToolCall(tool, tool, json.dumps(arguments)),))


def measure(case: Case, seed: int, seconds: float, scale: float) -> dict[str, float]:
    """Return what one run of so many seconds kept busy."""
    settings: dict[str, Any] = {
        "engine__folds": case.folds,
        "engine__slots": SLOTS,
        "engine__proposal_workers": 1 if case.coupled else case.workers,
        "engine__test_rides_along": True,
        "session__turns": case.replies,
        "budget__nodes": None,
        "budget__time": f"{seconds * scale:.0f}s",
        "seed": seed,
    }
    if case.widest is not None:
        settings["search__widest"] = case.widest
    made = make_settings(**settings)
    model = ScriptedLLM(Coder(case, seed, scale), ModelFacts("scripted:model", has_tools=True))
    pool = CoupledPool(case.coupled) if case.coupled else AheadPool(made.engine.actual_proposal_workers, SLOTS)
    scripts, trials = Watch(), Watch()

    def run_script(code: str, view: Path) -> Outcome:
        time.sleep(SCRIPT_S * scale)
        return play(code, view)

    def run_trial(code: str, view: Path) -> Outcome:
        time.sleep(SCRIPT_S * scale * TRIAL_SHARE)
        # what fails, fails on more rows than are tried
        return Outcome() if code.startswith(LOOK) else play(code.replace("'error'", "''"), view)

    run = {True: trials.timed(run_trial), False: scripts.timed(run_script)}

    with tempfile.TemporaryDirectory() as folder:
        search = make_run(
            Path(folder, "run"),
            engineer=LLMEngineer(model, Prompts(made.session, case.folds), made.session, SystemClock()),
            pool=pool,
            clock=SystemClock(),
            behave=lambda code, view: run[view.parent.name == "smoke"](code, view),
            **settings,
        )
        if isinstance(pool, CoupledPool):
            search.observers.append(pool.release)
        search.execute()
        nodes = sum(node.state.is_final for node in search.tree.nodes.values())
    both = [*scripts.intervals, *trials.intervals]
    start, end = min(began for began, _ in scripts.intervals), pool.ended_at
    return {
        "both_busy": round(share_with(SLOTS, both, start, end), 3),
        "busy": round(mean_running(both, start, end) / SLOTS, 3),
        "nodes_per_hour": round(nodes / (end - start) * 3600 * scale, 1),
        "minutes": round((end - start) / 60, 2),
    }


def _measure(arguments: tuple[Case, int, float, float]) -> dict[str, float]:
    return measure(*arguments)


def summarise(found: Iterable[dict[str, float]]) -> dict[str, Any]:
    """Return means over the seeds, with the values of each."""
    runs = list(found)
    return {
        name: {"mean": round(statistics.fmean(values), 3), "runs": values}
        for name in runs[0]
        if (values := [run[name] for run in runs])
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0, help="of each run, its final reserve included")
    parser.add_argument("--scale", type=float, default=1.0, help="of all durations; results are kept at 1 alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=10, help="runs at a time; they sleep")
    arguments = parser.parse_args()
    jobs = [(case, seed, arguments.minutes * 60, arguments.scale) for case in CASES for seed in arguments.seeds]
    about = describe_machine()  # now: the project may be another when the runs are over
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as processes:
        found = list(processes.map(_measure, jobs))
    cases = {
        case.name: summarise(one for (other, *_), one in zip(jobs, found, strict=True) if other == case)
        for case in CASES
    }
    setting = {"reply_s": REPLY_S, "script_s": SCRIPT_S, "slots": SLOTS, "seeds": arguments.seeds}
    figures = {**about, "setting": {**setting, "minutes": arguments.minutes}, **cases}
    if arguments.scale == 1.0:
        write_result("pipelining", figures)
    else:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
