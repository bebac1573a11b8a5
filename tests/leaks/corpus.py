"""Plants a leak in a small task and measures what a script gains by it: under a careless harness, and under ours.

The careless harness is what one writes first: row folds, hidden rows in file order under their own ids with every column
but the target, a copy of the whole folder beside them, one working directory for all. It stands for no code of ours. Ours
is the real one: `load`, `Views`, `Evaluator`, `LocalSandbox`. Every test shows the gain under the first and none under the
second.

leak                                              guard                                             test
state left for the next fold, in the working      a fresh folder, home and temporary folder for     test_left_behind
  folder, the script's own, the home, TMPDIR,       every evaluation; a copy of the view
  the view
state left in /tmp, /var/tmp, /dev/shm, or        a mount namespace, where the kernel grants one    test_left_behind
  beside the other evaluations
ids that hold the label                           ids of hidden rows are counted anew               test_ids_and_order
ids that count the rows of a sorted file          the same                                          test_ids_and_order
ids counted apart in train and test               the same                                          test_ids_and_order
the place in the test table                       keyed order, but for orders of the real test      test_ids_and_order
modification and change times of files            flat times, files written in the table's order    test_ids_and_order
copies of a row in train alone                    folds by duplicates                               test_relations
groups that the real test does not share          folds by group                                    test_relations
the future of rows in time                        folds by time                                     test_relations
columns of train that sum to the target           a view's test has the real test's columns         test_files
an archive of the whole train table               archives are expanded and left out                test_files
a table that tells every train row's outcome      left out: it tells the target                     test_files
a table without rows of the test                  hidden rows have none either                      test_files
a column of another table that is empty for the   hidden rows have none either                      test_files
  test's rows
folders named after the class                     a label table and flat files                      test_files
labels printed for who debugs the script          logs and faults are filtered                      test_words_of_scripts
labels carried in literals                        refused as `policy`                               test_words_of_scripts
a score the script reports                        scores are computed from answers alone            test_words_of_scripts
probabilities that do not stand behind labels     weights are fitted on guide; probabilities must   test_choosing
                                                    agree with the labels and differ by row
looking at the judge, going on, looking again     "judge reused" on every screen                    test_choosing

What a script may read and where it may write at all is the sandbox's part, and tested in `tests/attack`.
"""

from __future__ import annotations

import csv
import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from threading import Event as Flag

from mlmaster.core.execution import Limits
from mlmaster.core.task import Task
from mlmaster.engine.evaluation import Evaluator
from mlmaster.engine.telling import TellingValues
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import Overrides, load
from mlmaster.tasks.profile import profile
from mlmaster.tasks.views import Views
from mlmaster.testing.sandboxes import open_sandbox

Row = Mapping[str, object]
ROWS = 240
LIMITS = Limits(wall_s=60, memory_bytes=1 << 30, disk_bytes=1 << 28)

READ = """
import csv, json, os, random, statistics, sys
def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
train, test = table("input/train.csv"), table("input/test.csv")
def write(guess, target="y"):
    with open("submission.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\\n")
        out.writerow(["id", target])
        out.writerows([row["id"], guess(row)] for row in test)
def shrug(row):
    return random.Random(row["id"]).choice("01")
"""
"""How every script of the corpus begins; one that finds nothing shrugs: right in half of the cases."""

LEAKS, HONEST = 0.9, 0.64
"""Accuracy that only a leak can give, and the most that shrugging gives: three standard errors above a half."""


@dataclass(frozen=True)
class Planted:
    """A task with a leak in it.

    Attributes:
        folder: As its user has it.
        task: As ours understands it.
    """

    folder: Path
    task: Task


def draw_rows(count: int = ROWS, seed: int = 1) -> list[dict[str, object]]:
    """Return rows whose label nothing honest tells: an id of random letters, a random number, a label."""
    draw = random.Random(seed)
    return [
        {"id": f"r{draw.getrandbits(40):010x}", "x": round(draw.uniform(0, 1), 9), "y": place % 2}
        for place in draw.sample(range(count), count)
    ]


def write_table(path: Path, rows: Sequence[Row], without: Sequence[str] = ()) -> None:
    """Write rows as a CSV table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [name for name in rows[0] if name not in without]
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def plant(
    folder: Path, train: Sequence[Row], test: Sequence[Row], *, metric: str = "accuracy", hide: Sequence[str] = ()
) -> Planted:
    """Write a task of train and test rows; what else lies in the folder is there already. `y` is the target.

    Args:
        folder: Where.
        train, test: Rows; `y` of the test is not written, nor are the columns `hide`.
        metric: By its standard name.
        hide: Columns that the real test lacks.
    """
    write_table(folder / "train.csv", train)
    write_table(folder / "test.csv", test, without=("y", *hide))
    write_table(folder / "sample_submission.csv", [{"id": row["id"], "y": 0} for row in test])
    return Planted(folder, understand(folder, metric))


def understand(folder: Path, metric: str) -> Task:
    """Return the task as ours understands a folder."""
    return load(folder, Overrides(metric=metric), Registry(), folder.parent / f"{folder.name}-data").task


def score_ours(planted: Planted, code: str, folds: int = 2, *, links_views: bool = False) -> list[float]:
    """Return the score of each fold under our harness.

    Args:
        planted: The task.
        code: The script, without `READ`.
        folds: How many.
        links_views: Show the views themselves, as is done with large ones, and not copies of them.
    """
    place = Path(f"{planted.folder}-ours")
    task = planted.task
    views = Views(task, place / "pool", seed=3, folds=folds)
    sandbox = open_sandbox(
        place / "work", "none" if links_views else "auto", copy_up_to_files=0 if links_views else 500
    )
    values = TellingValues(task, profile(task))
    metric = Registry().for_task(task)

    def folder_of(node: int) -> Path:
        folder = place / "nodes" / str(node)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    evaluator = Evaluator(task, metric, views, sandbox, LIMITS, 3, folder_of, values)
    found = []
    for fold in range(views.folds):
        evaluation = evaluator.fold(1, READ + code, fold, Flag())
        assert evaluation.value is not None, evaluation.detail
        found.append(evaluation.value)
    sandbox.close()
    return found


def score_carelessly(planted: Planted, code: str, folds: int = 2, *, believes_script: bool = False) -> list[float]:
    """Return the score of each fold under the careless harness.

    Args:
        planted: The task.
        code: The script, without `READ`.
        folds: How many.
        believes_script: Take the script's own word for its score, from `metrics.json`.
    """
    work = Path(f"{planted.folder}-careless")
    for name in ("home", "tmp", "working"):
        (work / name).mkdir(parents=True)
    (work / "solution.py").write_text(READ + code, encoding="utf-8")
    with (planted.folder / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    dealt = [place % folds for place in range(len(rows))]
    random.Random(4).shuffle(dealt)
    return [_score_fold(planted, work, rows, dealt, fold, believes_script) for fold in range(folds)]


def _score_fold(
    planted: Planted, work: Path, rows: list[dict[str, str]], dealt: list[int], fold: int, believes_script: bool
) -> float:
    view = work / "input"
    shutil.copytree(planted.folder, view, dirs_exist_ok=True)  # modification times included
    write_table(view / "train.csv", [row for row, each in zip(rows, dealt, strict=True) if each != fold])
    hidden = [row for row, each in zip(rows, dealt, strict=True) if each == fold]
    write_table(view / "test.csv", hidden, without=("y",))
    for row in rows:
        for rule in planted.task.file_rules:  # copied row by row, in the table's order
            path = rule.train.replace("{key}", row[rule.key])
            shutil.copy2(planted.folder / path, view / path)
    for name in ("submission.csv", "metrics.json"):
        (work / name).unlink(missing_ok=True)
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(work / "home"), "TMPDIR": str(work / "tmp")}
    done = subprocess.run(
        [sys.executable, "solution.py"], cwd=work, env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if believes_script:
        return float((work / "metrics.json").read_text())
    with (work / "submission.csv").open(newline="", encoding="utf-8") as file:
        answers = [row["y"] for row in csv.DictReader(file)]
    return grade(planted.task.metric, [row["y"] for row in hidden], answers)


def grade(metric: str, truth: Sequence[str], answers: Sequence[str]) -> float:
    """Return accuracy or root mean squared error."""
    assert len(truth) == len(answers)
    if metric == "accuracy":
        return sum(a == b for a, b in zip(truth, answers, strict=True)) / len(truth)
    return math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(truth, answers, strict=True)) / len(truth))


def check(planted: Planted, code: str, folds: int = 2, *, links_views: bool = False) -> None:
    """Show that a script leaks under the careless harness and only shrugs under ours, by accuracy over all folds."""
    careless = score_carelessly(planted, code, folds)
    assert fmean(careless) > LEAKS, careless
    ours = score_ours(planted, code, folds, links_views=links_views)
    assert fmean(ours) < HONEST, ours
