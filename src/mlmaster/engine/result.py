"""Writes `best/`: the submission, the members' scripts, and what rebuilds it all without ML-Master.

submission.csv    the answer: the real test, or out-of-fold predictions where there is none
members/          each member's script, as it ran; requirements.txt: the packages they import
reproduce.py      rebuilds submission.csv; predict.py answers for new rows; both need only the members' libraries
result.json       members, weights, versions, how answers are put together; layout.csv, views/, rebuild.py: how rows are
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from mlmaster.core.blend import BlendKind
from mlmaster.core.node import Node
from mlmaster.core.task import Task, TaskKind
from mlmaster.engine import predictions, reproduce
from mlmaster.engine.combining import combine, form_of, takes_probabilities
from mlmaster.engine.evaluation import FULL
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.engine.requirements import FILE_NAME as REQUIREMENTS
from mlmaster.engine.requirements import required, write_requirements
from mlmaster.metrics.writing import write_submission
from mlmaster.ports import Array, ViewSource
from mlmaster.sandbox.interpreter import Interpreter
from mlmaster.store.run_directory import RunDirectory, write_atomically
from mlmaster.tasks.layout import Layout, out_of_fold_layout, submission_layout
from mlmaster.version import __version__

PREDICT = '''"""Answer for new rows: python predict.py NEW.csv [--data FOLDER] [--out predictions.csv]"""

import sys

from reproduce import main

sys.exit(main(predicts=True))
'''

Members = Sequence[tuple[int, float]]


class ResultWriter:
    """Knows which nodes can answer, and writes their answer to `best/`."""

    def __init__(
        self, task: Task, views: ViewSource, store: RunDirectory, threads: int, interpreter: Interpreter | None = None
    ) -> None:
        """Write nothing yet.

        Args:
            task: What is answered.
            views: Of the task.
            store: Where nodes and the result lie.
            threads: Threads a script may use.
            interpreter: What scripts run in; None where that is not known, as in a sandbox that was handed in.
        """
        self._task, self._views, self._store, self._threads = task, views, store, threads
        self._interpreter = interpreter
        self._layout: Layout | None = None

    def load(self, node: int, fold: int) -> FoldPredictions:
        """Return the stored predictions of a node."""
        return predictions.load(self._store.node_directory(node), fold)

    def has(self, node: int, number: int) -> bool:
        """Return True when a node's predictions under a number are stored."""
        return predictions.path(self._store.node_directory(node), number).exists()

    @property
    def rides_along(self) -> bool:
        """Return True when the folds' predictions hold the real test."""
        return self._views.rides_along

    def has_test(self, node: int) -> bool:
        """Return True when the node's predictions for the real test are stored."""
        return self._task.test is not None and (self.rides_along or self.has(node, FULL))

    def write_single(self, node: Node) -> int:
        """Replace `best/` by the answer of one node, over the folds it has so far; return the number of rows."""
        return self.write(((node.id, 1.0),), folds=[fold for fold, _ in node.folds])

    def write(
        self,
        members: Members,
        kind: BlendKind = BlendKind.MEAN,
        *,
        folds: Sequence[int] | None = None,
        refitted: Set[int] = frozenset(),
    ) -> int:
        """Replace `best/` by the blend of the members; return the number of rows of the submission.

        Args:
            members: Nodes and weights.
            kind: How several are averaged.
            folds: Whose answers are taken; all by default.
            refitted: Members that answer by their fit on all rows instead.
        """
        folds = list(range(self._views.folds)) if folds is None else list(folds)
        is_by_folds = self._task.test is None or self.rides_along
        fits = {node: folds if is_by_folds and node not in refitted else [FULL] for node, _ in members}
        if self._task.test is None:
            layout, answer = self._out_of_fold(members, kind, folds)
        else:
            layout, answer = self._whole_layout(), self._for_test(members, kind, fits)
        rows = answer[layout.order]
        self._store.replace_best(lambda folder: self._fill(folder, members, kind, fits, layout, rows))
        return len(rows)

    # ---- answers

    def _whole_layout(self) -> Layout:
        if self._layout is None:
            self._layout = out_of_fold_layout(self._task) if self._task.test is None else submission_layout(self._task)
        return self._layout

    def _for_test(self, members: Members, kind: BlendKind, fits: Mapping[int, Sequence[int]]) -> Array:
        by_probabilities = takes_probabilities(self._task, kind, len(members))
        parts = []
        for node, weight in members:
            stored = [self.load(node, fit) for fit in fits[node]]
            answers = [part.test_probabilities if by_probabilities else part.test for part in stored]
            parts.append((weight, [answer for answer in answers if answer is not None]))
        return combine(self._task, kind, parts)

    def _out_of_fold(self, members: Members, kind: BlendKind, folds: Sequence[int]) -> tuple[Layout, Array]:
        """Return the layout of the rows that were hidden in some fold, and the answers by train row number.

        A row that several repeats hid is answered by all of them, in their order.
        """
        by_probabilities = takes_probabilities(self._task, kind, len(members))
        given: list[tuple[float, Array]] = []
        for node, weight in members:
            stored = [self.load(node, fold) for fold in folds]
            answers = [part.hidden_probabilities if by_probabilities else part.hidden for part in stored]
            given.append((weight, np.concatenate([answer for answer in answers if answer is not None])))
        rows = np.concatenate([self._views.fold(fold).hidden for fold in folds])
        order = np.argsort(rows, kind="stable")
        numbers, starts, counts = np.unique(rows[order], return_index=True, return_counts=True)
        answer = np.empty(0)
        for count in np.unique(counts).tolist():
            of_count = counts == count
            places = [order[starts[of_count] + nth] for nth in range(count)]
            found = combine(self._task, kind, [(weight, [each[place] for place in places]) for weight, each in given])
            if not len(answer):
                answer = np.empty((int(numbers.max()) + 1, *found.shape[1:]), dtype=found.dtype)
            answer = answer.astype(np.promote_types(answer.dtype, found.dtype), copy=False)
            answer[numbers[of_count]] = found
        whole = self._whole_layout()
        kept = np.flatnonzero(np.isin(whole.order, numbers))
        return Layout(whole.order[kept], {c: [cells[i] for i in kept] for c, cells in whole.echo.items()}), answer

    # ---- files

    def _fill(
        self,
        folder: Path,
        members: Members,
        kind: BlendKind,
        fits: Mapping[int, Sequence[int]],
        layout: Layout,
        rows: Array,
    ) -> None:
        write_submission(folder / "submission.csv", self._task, layout.echo, rows)
        described: list[dict[str, object]] = []
        scripts: list[str] = []
        for node, weight in members:
            script = Path("members") / f"node-{node}" / "solution.py"
            (folder / script).parent.mkdir(parents=True)
            shutil.copyfile(self._store.node_directory(node) / "solution.py", folder / script)
            scripts.append((folder / script).read_text(encoding="utf-8"))
            views = ["full" if fit == FULL else f"fold-{fit}" for fit in fits[node]]
            described.append({"node": node, "weight": weight, "script": script.as_posix(), "views": views})
        names = {"full" if fit == FULL else f"fold-{fit}" for each in fits.values() for fit in each}
        self._views.export(folder, [*sorted(names), "new-rows"])
        shutil.copyfile(reproduce.__file__, folder / "reproduce.py")
        if not self._task.is_self_reported:
            (folder / "predict.py").write_text(PREDICT, encoding="utf-8")
        self._write_layout(folder / "layout.csv", layout)
        facts = self._describe(described, kind)
        if self._interpreter is not None:
            versions = required(scripts, self._interpreter)
            text = write_requirements(versions, self._interpreter)
            (folder / REQUIREMENTS).write_text(text, encoding="utf-8")
            facts |= {"python": self._interpreter.version_text, "libraries": versions}
        write_atomically(folder / "result.json", json.dumps(facts, indent=2, ensure_ascii=False))

    @staticmethod
    def _write_layout(path: Path, layout: Layout) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["row", *(f"={column}" for column in layout.echo)])
            writer.writerows(zip(layout.order.tolist(), *layout.echo.values(), strict=True))

    def _describe(self, members: Sequence[Mapping[str, object]], kind: BlendKind) -> dict[str, object]:
        task = self._task
        by_probabilities = takes_probabilities(task, kind, len(members))
        return {
            "task": task.name,
            "data": str(task.directory),
            "members": members,
            "blend": kind.value,
            "is_out_of_fold": task.test is None,
            "form": form_of(task, is_by_probabilities=by_probabilities),
            "labels": _labels(task) if by_probabilities else None,
            "classes": list(task.classes),
            "id_column": task.id_column,
            "submission_columns": list(task.submission_columns),
            "prediction_columns": list(task.prediction_columns),
            "threads": self._threads,
            "mlmaster": __version__,
        }


def _labels(task: Task) -> str:
    """Return how labels are read off blended probabilities: the likeliest, or all that are likely, in cells or in one."""
    if task.kind is not TaskKind.MULTILABEL:
        return "likeliest"
    return "flags" if len(task.prediction_columns) > 1 else "listed"
