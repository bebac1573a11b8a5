"""One cell of the grid: one search of the real engine on one re-split, and how every node of it does on the sealed test.

Everything is read from the run directory after the run has ended; the answers are in this process's memory only.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from threading import Event as Flag
from typing import Any

import numpy as np

from honesty import split
from honesty.grid import NODES, VARIANTS
from honesty.tasks import SOURCES, Source
from measure import describe_machine
from mlmaster.core.encoding import encode_truth
from mlmaster.core.events import FoldScored, JudgeOpened, Rescored, RunEnded, RunStarted, Selected
from mlmaster.core.execution import Execution, Limits
from mlmaster.core.node import Node, NodeState
from mlmaster.core.task import Task
from mlmaster.core.tree import Tree
from mlmaster.engine import predictions
from mlmaster.engine.pools import InlinePool
from mlmaster.errors import MLMasterError
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.submission import read_submission
from mlmaster.ports import Array, Metric, Sandbox
from mlmaster.sandbox.interpreter import settle
from mlmaster.sandbox.making import make_sandbox
from mlmaster.settings.layers import load_settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.wiring import assemble, prepare

TOLD_S = 16
"""Seconds the engineer is told a script may take, so that it proposes cheap ones; the sandbox allows `ALLOWED_S`."""
ALLOWED_S = 180.0

SHARED = (
    "budget.time=none",
    "engine.slots=1",
    "engine.threads=1",
    "engine.proposal_workers=1",
    f"engine.script_timeout_s={TOLD_S}",
    "engine.test_rides_along=true",
)
LIBRARIES = ("numpy", "pandas", "scikit-learn", "lightgbm", "xgboost-cpu", "catboost", "river", "statsmodels")


def search(source: Source, public: Path, run: Path, seed: int, variant: str, nodes: int, sandbox: Sandbox) -> None:
    """Run the engine to its end on a public folder; one thing at a time, so that a seed decides everything but time."""
    chosen = (*SHARED, *VARIANTS[variant], f"seed={seed}", f"budget.nodes={nodes}")
    settings = load_settings(assignments=chosen).settings
    RunDirectory.reserve(run)
    prepared = prepare(public, settings, run / "data")
    if prepared.task.metric != source.metric:
        raise ValueError(f"{source.name} is scored by {prepared.task.metric}, not by {source.metric}: correct tasks.py")
    store = RunDirectory.create(run, settings.dump(), prepared.task, prepared.profile)
    assemble(store, settings, sandbox=sandbox, pool=InlinePool()).execute()


def describe(run: Path, sealed: split.Sealed) -> dict[str, Any]:
    """Return what a finished run promised, and the truth."""
    store = RunDirectory.open_for_reading(run)
    records, task = [record.event for record in store.read()], store.task()
    tree = Tree(records)
    folders = {node: store.node_directory(node) for node in tree.finished}
    store.close()
    started = next(event for event in records if isinstance(event, RunStarted))
    scheme = started.scheme
    metric, truth = Registry().for_task(task), encode_truth(task, sealed.columns)
    costs: dict[int, float] = {}
    for event in records:
        if isinstance(event, FoldScored):
            costs[event.node] = costs.get(event.node, 0.0) + event.cpu_s
    nodes = [describe_node(tree[node], folders[node], metric, truth, costs.get(node, 0.0)) for node in tree.finished]
    return {
        "metric": task.metric,
        "direction": task.direction.value,
        "kind": task.kind.value,
        "scheme": None if scheme is None else scheme.model_dump(mode="json", exclude={"relations"}),
        "nodes": nodes,
        "ended": [event.reason for event in records if isinstance(event, RunEnded)],
        "finalists": [name for event in records if isinstance(event, JudgeOpened) for name in event.finalists],
        "rescored": [event.model_dump(mode="json") for event in records if isinstance(event, Rescored)],
        **describe_choice(records, nodes, run / "best" / "submission.csv", task, metric, truth, sealed),
    }


def describe_node(node: Node, folder: Path, metric: Metric, truth: Array, cpu_s: float) -> dict[str, Any]:
    """Return a node's guide value and the sealed score of its answer: the mean over the folds it has."""
    described: dict[str, Any] = {
        "node": node.id,
        "operator": node.operator.value,
        "parents": list(node.parents),
        "state": node.state.value,
        "fault": None if node.fault is None else node.fault.value,
        "detail": node.detail[:300],
        "guide": node.value,
        "folds_done": len(node.folds),
        "wall_s": round(node.wall_s, 3),
        "cpu_s": round(cpu_s, 3),
        "sealed": None,
    }
    if node.state in (NodeState.SCORED, NodeState.RACED) and node.folds:
        answers = [predictions.load(folder, fold).test for fold, _ in node.folds]
        described["sealed"] = metric.score(truth, over_folds([each for each in answers if each is not None]))
    return described


def over_folds(answers: Sequence[Array]) -> Array:
    """Return the mean of the answers of a node's folds; of labels the most frequent, on a tie the first."""
    if answers[0].dtype.kind == "f":
        mean: Array = np.mean(answers, axis=0)
        return mean
    stacked = np.stack([answer.ravel() for answer in answers])
    votes = [Counter(column).most_common(1)[0][0] for column in stacked.T.tolist()]
    return np.array(votes, dtype=np.str_).reshape(answers[0].shape)


def describe_choice(
    records: Sequence[object],
    nodes: Sequence[Mapping[str, Any]],
    submission: Path,
    task: Task,
    metric: Metric,
    truth: Array,
    sealed: split.Sealed,
) -> dict[str, Any]:
    """Return the final selection beside the best node by guide, each with its sealed score."""
    scored = [node for node in nodes if node["state"] == NodeState.SCORED.value]
    selected = next((event for event in reversed(records) if isinstance(event, Selected)), None)
    if not scored or selected is None:
        raise ValueError(f"no node was scored; the nodes ended as {[(n['state'], n['fault']) for n in nodes]}")
    best = max(scored, key=lambda node: (task.direction.to_utility(node["guide"]), -node["node"]))
    keys = sealed.columns.get(task.id_column) if task.id_column is not None else None
    answer = read_submission(submission, task, keys, sealed.rows)
    found = metric.score(truth, answer)
    if [node for node, _ in selected.members] == [
        best["node"]
    ]:  # the same solution, however its folds were put together
        best = {**best, "sealed": found}
    sealed_utilities = [task.direction.to_utility(node["sealed"]) for node in scored]
    return {
        "best_guide": {name: best[name] for name in ("node", "guide", "sealed")},
        "best_possible_sealed": task.direction.to_value(max(sealed_utilities)),
        "selected": selected.model_dump(mode="json", exclude={"kind"}),
        "sealed": found,
    }


def versions() -> dict[str, str]:
    """Return the installed versions of what the scripts and tables come from."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


class PatientSandbox:
    """Gives scripts more time than the engineer is told, since other cells run beside this one; and counts.

    Attributes:
        runs, cpu_s: Scripts run so far, and their processor seconds.
    """

    def __init__(self, inner: Sandbox) -> None:
        self.name = inner.name
        self.runs, self.cpu_s = 0, 0.0
        self._inner = inner

    def run(self, code: str, view: Path, limits: Limits, cancel: Flag) -> Execution:
        """See `mlmaster.ports.Sandbox.run`."""
        execution = self._inner.run(code, view, replace(limits, wall_s=ALLOWED_S, cpu_s=ALLOWED_S), cancel)
        self.runs += 1
        self.cpu_s += execution.cpu_s
        return execution

    def close(self) -> None:
        """Close the sandbox behind."""
        self._inner.close()


def make(source: Source, seed: int, variant: str, nodes: int, work: Path) -> dict[str, Any]:
    """Return a finished cell.

    Args:
        source: The task.
        seed: Of the split and of the run.
        variant: A key of `VARIANTS`.
        nodes: Solutions to make.
        work: An empty folder.
    """
    sealed = split.lay_out(source, seed, work / source.name)
    settings = load_settings().settings
    sandbox = PatientSandbox(make_sandbox(settings.sandbox, work / "evaluations", settle(settings.sandbox, work)))
    search(source, work / source.name, work / "run", seed, variant, nodes, sandbox)
    found = describe(work / "run", sealed)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "origin": source.origin,
        "train_rows": split.count_train_rows(work / source.name),
        "test_rows": sealed.rows,
        "node_budget": nodes,
        "evaluations": sandbox.runs,
        "scripts_cpu_s": round(sandbox.cpu_s, 2),
        "harness_cpu_s": round(own.ru_utime + own.ru_stime, 2),
        "harness_peak_mb": own.ru_maxrss // 1024,
        **found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=[source.name for source in SOURCES])
    parser.add_argument("seed", type=int)
    parser.add_argument("variant", choices=list(VARIANTS))
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--commit", required=True, help="of the mlmaster that is imported")
    parser.add_argument("--work", type=Path, required=True, help="an empty folder")
    parser.add_argument("--out", type=Path, required=True, help="the cell's file")
    options = parser.parse_args()
    source = next(source for source in SOURCES if source.name == options.task)
    machine = describe_machine()
    try:
        found = make(source, options.seed, options.variant, options.nodes, options.work)
    except MLMasterError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    name = {"task": source.name, "seed": options.seed, "variant": options.variant}
    cell = {**name, **machine, "commit": options.commit, "versions": versions(), **found}
    temporary = options.out.with_suffix(".tmp")
    temporary.write_text(json.dumps(cell, indent=1) + "\n", encoding="utf-8")
    temporary.replace(options.out)


if __name__ == "__main__":
    main()
