"""Views at scale: a table of two million rows, and 200,000 small files: time, peak memory, disk.

    python benchmarks/views.py

Each is built by a process of its own, all folds' views, scans included. `naive_gb` is what a copy of everything into every
view would take. Writes `benchmarks/results/views.json`; the data are made in a temporary folder and removed.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import write_result

ROWS, COLUMNS, FILES = 2_000_000, 20, 200_000
FOLDS = 3
BLOCK = 10_000
PROGRAM = """
import csv, json, os, resource, sys, time
from pathlib import Path
from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, PredictionKind, Task, TaskKind
from mlmaster.tasks.scan import scan_view
from mlmaster.tasks.views import Views

folder, folds, has_files = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "files"
rule = FileRule(train="train/{key}.txt", test="test/{key}.txt", key="id")
task = Task(
    name="scale", directory=folder / "task", train="train.csv", test="test.csv", id_column="id",
    file_rules=(rule,) if has_files else (), echo_columns=("id",), submission_columns=("id", "y"),
    prediction_columns=("y",), targets=("y",), kind=TaskKind.REGRESSION,
    prediction_kind=PredictionKind.NUMBER, metric="rmse", direction=Direction.MINIMIZE,
)

def clock(done, began=[time.monotonic()]):
    now = time.monotonic()
    seconds[done], began[0] = round(now - began[0], 1), now

seconds = {}
views = Views(task, folder / "pool", 0, folds)
clock("decide")
built = []
for fold in range(views.folds):
    built.append(views.fold(fold))
    clock(f"fold_{fold}")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
for view in built:
    views.fold(view.fold)
Views(task, folder / "pool", 0, folds).fold(0)
clock("find_again")
scan_view(built[0].directory, views.plan("fold-0"), task.directory, {"y"}, ["id"])
clock("scan_once")
for name in (task.directory / "train.csv", built[0].directory / "train.csv"):
    with name.open(encoding="utf-8", newline="") as file:
        sum(1 for _ in csv.reader(file))
clock("read_both_train_tables")

def blocks(root):
    return [(s.st_ino, s.st_blocks * 512) for d, _, names in os.walk(root) for s in (os.lstat(f"{d}/{n}") for n in names)]

inside = [pair for view in built for pair in blocks(view.directory)]
print(json.dumps({
    "seconds": seconds, "peak_gb": round(peak / 2**30, 2), "renumbered": built[0].is_renumbered,
    "source_gb": round(sum(size for _, size in blocks(task.directory)) / 1e9, 2),
    "disk_gb": round(sum(dict(blocks(folder / "pool")).values()) / 1e9, 2),
    "naive_gb": round(sum(size for _, size in inside) / 1e9, 2),
    "stated_need_gb": round(views.disk_need_bytes / 1e9, 2),
}))
"""


def write_table(folder: Path, rows: int, columns: int) -> None:
    """Write train and test: an id, numbers, two categories and a target; the test's ids lie above train's."""
    rng = random.Random(0)
    block = []
    for _ in range(min(rows, BLOCK)):
        numbers = ",".join(f"{rng.gauss(0, 1):.5f}" for _ in range(columns - 4))
        block.append(f"{numbers},{rng.choice('abcdef')},{rng.choice(('north', 'south'))}")
    names = ",".join([*(f"x{i}" for i in range(columns - 4)), "kind", "place"])
    for name, first, count in (("train", 0, rows), ("test", rows, rows // 10)):
        is_train = name == "train"
        with (folder / f"{name}.csv").open("w", encoding="utf-8") as file:
            file.write(f"id,{names}{',y' if is_train else ''}\n")
            for i in range(first, first + count):
                file.write(f"{i},{block[i % len(block)]}{f',{rng.random():.4f}' if is_train else ''}\n")


def write_files(folder: Path, files: int) -> None:
    """Write a row and a small file for each id, a twentieth of them the test's."""
    rng = random.Random(1)
    of_test = files // 20
    for name, first, count in (("train", 0, files - of_test), ("test", files - of_test, of_test)):
        (folder / name).mkdir()
        with (folder / f"{name}.csv").open("w", encoding="utf-8") as file:
            file.write("id,y\n" if name == "train" else "id\n")
            for i in range(first, first + count):
                file.write(f"{i},{rng.random():.4f}\n" if name == "train" else f"{i}\n")
                (folder / name / f"{i}.txt").write_bytes(rng.randbytes(1_500))


def build(kind: str, rows: int) -> dict[str, Any]:
    """Make the data, build the views in a process of their own, and return what it measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "task")
        folder.mkdir()
        write_files(folder, rows) if kind == "files" else write_table(folder, rows, COLUMNS)
        command = [sys.executable, "-c", PROGRAM, name, str(FOLDS), kind]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        subprocess.run(["chmod", "-R", "u+w", name], check=True)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    found: dict[str, Any] = {kind: rows, "folds": FOLDS, **json.loads(done.stdout.splitlines()[-1])}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--files", type=int, default=FILES)
    options = parser.parse_args()
    write_result("views", {"table": build("rows", options.rows), "media": build("files", options.files)})


if __name__ == "__main__":
    main()
