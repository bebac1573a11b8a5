"""The grid: every task, seed and variant, each in a process of its own; go on with the same command after an interruption.

    python benchmarks/honesty/run.py [--jobs 2] [--seeds 0-6] [--tasks a,b] [--variants default,no-racing] [--commit HEAD]

Cells go to `benchmarks/results/honesty/cells/TASK-SEED-VARIANT.json`; one that exists is left alone, whatever its commit. A
cell that fails is kept with an `error` and listed at the end; `--retry` makes those anew. The sources are those of a
commit, taken out of Git, so that edits in the working tree change nothing. Then: `python benchmarks/honesty/summarise.py`.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from threading import Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from honesty.grid import NODES, RESULTS, VARIANTS, Place, parse_seeds
from honesty.tasks import SOURCES
from measure import describe_machine

ROOT = Path(__file__).resolve().parents[2]
_LAST_WORDS = 3000
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Grid:
    """What all cells share: the commit and its sources, a folder for what is passing, and the limits."""

    commit: str
    source: Path
    work: Path
    nodes: int
    timeout_s: float


def take_out(commit: str, folder: Path) -> str:
    """Write the package as a commit has it into a folder and return the commit's full name."""
    name = subprocess.run(["git", "rev-parse", commit], cwd=ROOT, check=True, capture_output=True, text=True)
    archive = subprocess.run(["git", "archive", commit, "src/mlmaster"], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return name.stdout.strip()


def is_wanted(place: Place, retry: bool) -> bool:
    """Return True when the cell is not there, or is there with an error that is to be tried again."""
    if not place.path.exists():
        return True
    return retry and "error" in json.loads(place.path.read_text(encoding="utf-8"))


def is_of_another(place: Place, commit: str) -> bool:
    """Return True when the cell is there and was made by another commit."""
    return place.path.exists() and json.loads(place.path.read_text(encoding="utf-8"))["commit"] != commit


def run_cell(place: Place, grid: Grid, work: Path, stop: Flag) -> None:
    """Run one cell in a process of its own; what goes wrong becomes the cell's `error`."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    command = [sys.executable, "-m", "honesty.cell", place.task, str(place.seed), place.variant]
    command += ["--nodes", str(grid.nodes), "--commit", grid.commit]
    command += ["--work", str(work / "cell"), "--out", str(place.path)]
    path = os.pathsep.join((str(grid.source / "src"), str(Path(__file__).resolve().parents[1])))
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    log = work / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=work,
            env={**os.environ, **single, "PYTHONPATH": path},
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C is for the grid, which ends its cells itself
        )
        until = time.monotonic() + grid.timeout_s
        while process.poll() is None and time.monotonic() < until and not stop.is_set():
            time.sleep(_POLL_S)
        is_late = process.poll() is None
        process.kill()
        process.wait()
    if is_late and stop.is_set():
        return
    if process.returncode != 0 or not place.path.exists():
        words = f"took more than {grid.timeout_s:g} s; " * is_late + log.read_text("utf-8", "replace")[-_LAST_WORDS:]
        _write_error(place, grid, words)
    shutil.rmtree(work, ignore_errors=True)


def _write_error(place: Place, grid: Grid, words: str) -> None:
    cell = {"task": place.task, "seed": place.seed, "variant": place.variant, **describe_machine()}
    text = json.dumps({**cell, "commit": grid.commit, "error": words.strip() or "ended without a word"}, indent=1)
    place.path.write_text(text + "\n", encoding="utf-8")


def work_on(lane: int, places: queue.SimpleQueue[Place], grid: Grid, stop: Flag) -> None:
    """Take cells until there are none."""
    folder = grid.work / f"{lane}"
    folder.mkdir()
    while not stop.is_set():
        try:
            place = places.get_nowait()
        except queue.Empty:
            return
        began = time.monotonic()
        run_cell(place, grid, folder / "cell", stop)
        if place.path.exists():
            print(describe_cell(place, time.monotonic() - began, places.qsize()), flush=True)


def describe_cell(place: Place, seconds: float, left: int) -> str:
    """Return one line on a cell that has just been made."""
    cell = json.loads(place.path.read_text(encoding="utf-8"))
    head = f"{place.task} {place.seed} {place.variant}: {seconds:.0f} s"
    if "error" in cell:
        return f"{head}, FAILED: {cell['error'].splitlines()[-1]} ({left} left)"
    selected = cell["selected"]
    return (
        f"{head}, cpu {cell['scripts_cpu_s']:.0f}+{cell['harness_cpu_s']:.0f} s, {cell['evaluations']} evaluations, "
        f"{cell['metric']} sealed {cell['sealed']:.4f} in {_shown(selected)} by {selected['basis']} ({left} left)"
    )


def _shown(selected: dict[str, float | None]) -> str:
    low, high = selected["predicted_low"], selected["predicted_high"]
    return "no interval" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"


def main() -> None:
    names = [source.name for source in SOURCES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tasks", default=",".join(names))
    parser.add_argument("--seeds", default="0-6")
    parser.add_argument("--variants", default="default")
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds a cell may take")
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("--retry", action="store_true", help="make cells that failed anew")
    options = parser.parse_args()
    tasks, variants = options.tasks.split(","), options.variants.split(",")
    unknown = sorted({*tasks} - {*names} | {*variants} - {*VARIANTS})
    if unknown:
        parser.error(f"no such task or variant: {', '.join(unknown)}; there are {', '.join([*names, *VARIANTS])}")
    (RESULTS / "cells").mkdir(parents=True, exist_ok=True)
    # seed by seed, so that a grid cut short has every task in it
    grid_places = [Place(t, s, v) for s in parse_seeds(options.seeds) for t in tasks for v in variants]
    places: queue.SimpleQueue[Place] = queue.SimpleQueue()
    for place in grid_places:
        if is_wanted(place, options.retry):
            places.put(place)
    print(f"{places.qsize()} of {len(grid_places)} cells to make", flush=True)
    stop = Flag()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="honesty-") as folder:
        commit = take_out(options.commit, Path(folder, "source"))
        others = sum(is_of_another(place, commit) for place in grid_places)
        if others:
            print(f"{others} cells there are of other commits; delete them to have them made by {commit[:7]}")
        grid = Grid(commit, Path(folder, "source"), Path(folder), options.nodes, options.timeout)
        lanes = [Thread(target=work_on, args=(lane, places, grid, stop)) for lane in range(options.jobs)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
    if stop.is_set():
        sys.exit("stopped; the same command goes on")
    failed = [p for p in grid_places if p.path.exists() and "error" in json.loads(p.path.read_text(encoding="utf-8"))]
    if failed:
        print("failed: " + ", ".join(place.path.name for place in failed))


if __name__ == "__main__":
    main()
