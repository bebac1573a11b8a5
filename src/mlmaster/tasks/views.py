"""The views of one task: the input folders its solutions are scored on, the same for every node.

`Views` decides who is hidden and hands out `View`s; `folds` deals rows, `plan` says what goes in, `rebuild` writes it and
`pool` keeps it. Nothing here reads a script's answer: that is the engine's.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cost import Size
from mlmaster.core.scheme import Scheme
from mlmaster.core.task import Task
from mlmaster.core.view import View
from mlmaster.errors import SettingsError, TaskError
from mlmaster.ports import Array
from mlmaster.tasks import rebuild, table
from mlmaster.tasks.custom_split import Split
from mlmaster.tasks.folds import BIG_MEDIA_BYTES, find_strata, pick_small
from mlmaster.tasks.hiding import Mask
from mlmaster.tasks.media import SHARED_FROM_BYTES, SHARED_FROM_FILES
from mlmaster.tasks.plan import (
    digest_column,
    estimate_disk,
    key_columns,
    make_plan,
    plan_new_rows,
    read_facts,
    weigh_files,
)
from mlmaster.tasks.pool import ViewPool
from mlmaster.tasks.rebuild import ABSENT, HIDDEN, VISIBLE, Plan
from mlmaster.tasks.scheme import Asked, Complain, find_nothing_wrong, keep
from mlmaster.tasks.split_layout import lay_out_split
from mlmaster.tasks.truth import read_truth

FREE_RIDERS = 20_000
"""So many real test rows ride along in any view; more of them only where they are no more than the visible rows."""
SMOKE_VISIBLE, SMOKE_HIDDEN = 1_000, 300
SMALL_ROWS, SMALL_FILES = 5_000, 2_000
STATED_BYTES = 10**9
"""Views that need so much disk say so before anything runs."""


class Views:
    """The views of one task; implements `mlmaster.ports.ViewSource`.

    Args:
        task: The task.
        directory: The pool: a folder of the run, made when absent.
        seed: Decides folds and orders, together with the data.
        folds: Number of folds; None chooses by size.
        test_rides_along: Whether the real test rows are in every fold's test table; None decides by size.
        asked: What else the user settles of the folds; its own `folds` gives way to the argument.
        complain: Says why the metric cannot be computed on some hidden rows, so that none are dealt that way.
        split: The task's own split, in place of what would be measured.

    Raises:
        DataError: A table cannot be read, or a source has changed since the pool was first made.
        TaskError: The targets cannot be read, there are fewer than two labelled rows, or no folds could be scored.
        SettingsError: `folds` is out of range, or what was asked for names nothing.
        RunDirectoryError: The disk cannot hold the views.
    """

    def __init__(
        self,
        task: Task,
        directory: Path,
        seed: int,
        folds: int | None = None,
        test_rides_along: bool | None = None,
        *,
        asked: Asked | None = None,
        complain: Complain = find_nothing_wrong,
        split: Split | None = None,
    ) -> None:
        self.task = task
        self._seed = seed
        self._taken: dict[str, View] = {}
        self._sizes: dict[str, Size] = {}
        self._facts = read_facts(task)
        media = self._facts.media
        self._shares_files = media.files >= SHARED_FROM_FILES or media.bytes >= SHARED_FROM_BYTES
        self._pool = ViewPool(
            directory,
            task.directory,
            _sources(task),
            row_files=media.digest,
            withheld={*task.targets, *task.train_only},
            keys=key_columns(task),
            shares_files=self._shares_files,
        )
        targets = [name for name in self._facts.train_columns if name in task.targets]
        names = dict.fromkeys([*targets, *(rule.key for rule in task.file_rules)])
        columns = table.read_columns(task.directory / task.train, list(names), task.delimiter)
        media_bytes = weigh_files(task, columns)
        self._salt = digest_column((cell for name in targets for cell in columns[name]), seed, "")
        self._truth, self._labelled = read_truth(task, {name: columns[name] for name in targets})
        asked = asked or Asked()
        asked = asked if folds is None else replace(asked, folds=folds)
        layout = (
            keep(directory, task, self._truth, self._labelled, seed, asked, media_bytes, complain)
            if split is None
            else lay_out_split(split, task, self._truth, self._labelled, seed, asked, complain)
        )
        self._scheme, self._hiding = layout.scheme, layout.hiding
        self._rides_along = self._decide_ride(test_rides_along, media_bytes)
        self._pool.reserve(self.disk_need_bytes)

    @property
    def folds(self) -> int:
        """Return the number of folds, over all repeats."""
        return self._hiding.folds * self._hiding.repeats

    @property
    def truth(self) -> Array:
        """Return the encoded targets of all train rows; NaN, -1 or empty where a row has no label."""
        return self._truth

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Return True where a train row has a label; rows without one are in no view."""
        return self._labelled

    @property
    def guide(self) -> NDArray[np.bool_]:
        """Return True where a row's label may guide the search."""
        return self._hiding.guide

    @property
    def scheme(self) -> Scheme:
        """Return how the hidden evaluation is laid out."""
        return self._scheme

    @property
    def clusters(self) -> NDArray[np.int64]:
        """Return which train rows depend on each other."""
        return self._hiding.clusters

    def hidden_in(self, fold: int) -> Mask:
        """Return which train rows fold `fold` hides; folds are counted through all repeats."""
        return self._hiding.hidden_in(fold)

    def visible_in(self, fold: int) -> Mask:
        """Return which train rows the view of fold `fold` shows: not always all others, where time decides."""
        return self._hiding.visible_in(fold) & self._labelled

    @property
    def has_smoke(self) -> bool:
        """Return False when the full views are small enough to be run at once."""
        rows = self._facts.train_rows
        return rows > SMALL_ROWS or rows * len(self.task.file_rules) > SMALL_FILES

    @property
    def rides_along(self) -> bool:
        """Return True when the real test rows are in every fold's test table."""
        return self._rides_along

    @property
    def disk_need_bytes(self) -> int:
        """Return about how many bytes all views of a run take on disk."""
        return estimate_disk(self._facts, self.folds, rides_along=self._rides_along, shares_files=self._shares_files)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each file that the task names and no view holds, and the disk needed where it is much."""
        need = self.disk_need_bytes
        stated = (f"the views need about {need / 1e9:.1f} GB of disk",) if need >= STATED_BYTES else ()
        return (*self._facts.left_out, *stated)

    def fold(self, fold: int) -> View:
        """Return the view that hides fold `fold`."""
        return self._get(f"fold-{fold}", fold)

    def smoke(self, scale: int = 1) -> View:
        """Return the small view: some visible and hidden rows with their files, every class, no real test rows."""
        return self._get("smoke" if scale == 1 else f"smoke-{scale}")

    def fresh(self) -> View:
        """Return a view that hides other guide rows than any fold, under a key of its own."""
        return self._get("fresh")

    def full(self) -> View:
        """Return the view of the last fit: every labelled row visible, the real test rows as the test table.

        Raises:
            TaskError: The task has no test file.
        """
        return self._get("full")

    def new_rows(self, new_table: Path) -> View:
        """Return a view with every labelled row visible and the rows of a new file as its test table.

        Raises:
            DataError: The file cannot be read or lacks a column.
        """
        return self._take(plan_new_rows(self._facts, new_table, self._sides(self._labelled)), None)

    def export(self, directory: Path, names: Iterable[str]) -> None:
        """Write what rebuilds the named views without ML-Master: `rebuild.py` and `views/<name>.json`."""
        (directory / "views").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(rebuild.__file__, directory / "rebuild.py")
        for name in names:
            text = json.dumps(self.plan(name), ensure_ascii=False)
            (directory / "views" / f"{name}.json").write_text(text, encoding="utf-8", errors="surrogatepass")

    def plan(self, name: str) -> Plan:
        """Return the plan of the view called `smoke`, `smoke-<scale>`, `full`, `fresh`, `new-rows` or `fold-<number>`.

        `new-rows` has all labelled rows and no test rows yet: who has some fills in `test`, `test_rows` and `test_files`.
        """
        if name == "new-rows":
            return make_plan(self._facts, name, self._sides(self._labelled), with_test=False, order_key="")
        if name == "full" and self._facts.test is None:
            raise TaskError(f"task {self.task.name} has no test file; predict a file of new rows instead")
        visible, hidden, with_test = self._choose(name)
        key = "" if name == "full" else digest_column([self._salt], self._seed, name)
        return make_plan(self._facts, name, self._sides(visible, hidden), with_test=with_test, order_key=key)

    def size(self, name: str) -> Size:
        """Return the rows of the view called `smoke`, `smoke-<scale>`, `full`, `fresh` or `fold-<number>`; builds nothing."""
        if name not in self._sizes:
            visible, hidden, with_test = self._choose(name)
            answered = int((hidden & self._labelled).sum()) + (self._facts.test_rows if with_test else 0)
            self._sizes[name] = Size(trained=int((visible & self._labelled).sum()), predicted=answered)
        return self._sizes[name]

    def forget(self, view: View) -> None:
        """Throw a view away that something has changed; it is built anew when it is next asked for."""
        self._taken.pop(view.name, None)
        if self._pool.discard(view.name):
            self._taken.clear()

    def _get(self, name: str, fold: int | None = None) -> View:
        # Two threads may both take a view; the pool builds it once and their records are equal.
        if name not in self._taken:
            self._taken[name] = self._take(self.plan(name), fold)
        return self._taken[name]

    def _take(self, plan: Plan, fold: int | None) -> View:
        directory, rows = self._pool.take(plan)
        column = self.task.id_column
        keys = None
        if column is not None and column in plan["test_columns"]:
            path = directory / plan["test_path"]
            keys = tuple(table.read_columns(path, [column], plan["delimiter"])[column])
        return View(
            name=plan["name"],
            fold=fold,
            directory=directory,
            rows=np.array(rows, dtype=np.int64),
            keys=keys,
            is_renumbered=plan["renumber"] is not None,
        )

    def _choose(self, name: str) -> tuple[Mask, Mask, bool]:
        """Return which train rows a view shows, which it hides, and whether the real test rows are in its test table."""
        if name == "full":
            return self._labelled, np.zeros_like(self._labelled), True
        if name == "fresh":
            return *self._choose_fresh(), False
        if name.startswith("smoke"):
            return *self._choose_smoke(int(name.removeprefix("smoke").removeprefix("-") or 1)), False
        fold = int(name.removeprefix("fold-"))
        if not 0 <= fold < self.folds:
            raise SettingsError(f"fold {fold} does not exist; there are {self.folds}, from 0")
        return self.visible_in(fold), self.hidden_in(fold), self._rides_along

    def _choose_fresh(self) -> tuple[Mask, Mask]:
        rows = np.flatnonzero(self._labelled)
        strata = np.zeros(len(self._labelled), dtype=np.int64)
        strata[rows] = find_strata(self.task, self._truth[rows])
        return self._hiding.fresh(strata, self._labelled, self._seed)

    def _choose_smoke(self, scale: int) -> tuple[Mask, Mask]:
        rows = np.flatnonzero(self._labelled)
        strata = find_strata(self.task, self._truth[rows])
        visible, hidden = pick_small(strata, self._seed, SMOKE_VISIBLE * scale, SMOKE_HIDDEN * scale)
        masks = np.zeros((2, len(self._labelled)), dtype=bool)
        masks[0, rows[visible]] = True
        masks[1, rows[hidden]] = True
        return masks[0], masks[1]

    def _sides(self, visible: Mask, hidden: Mask | None = None) -> str:
        """Return one character per train row; rows without a label are in no view."""
        sides = np.full(len(visible), ord(ABSENT), dtype=np.uint8)
        sides[visible & self._labelled] = ord(VISIBLE)
        if hidden is not None:
            sides[hidden & self._labelled] = ord(HIDDEN)
        return sides.tobytes().decode("ascii")

    def _decide_ride(self, wanted: bool | None, media_bytes: int) -> bool:
        if self._facts.test is None or not self._facts.may_ride_along:
            return False
        if wanted is not None:
            return wanted
        visible = int(self.visible_in(0).sum())
        return self._facts.test_rows <= max(FREE_RIDERS, visible) and media_bytes <= BIG_MEDIA_BYTES


def _sources(task: Task) -> list[str]:
    """Return the files a task is made of, and the folders its rows' files lie in."""
    sides = [side.path for side in task.side_tables]
    named = [task.train, task.test, task.sample, task.description, *task.extra_files, *sides]
    folders = []
    for rule in task.file_rules:
        for pattern in (rule.train, rule.test):
            folder = str(PurePosixPath(pattern.split("{key}")[0] + "x").parent)
            if folder != "." and (task.directory / folder).is_dir():
                folders.append(folder)
    return [*(name for name in named if name), *folders]
