"""Writes `best/`: the submission, the members' scripts, and what rebuilds it all without ML-Master.

submission.csv    the answer: the real test, or out-of-fold predictions where there is none
members/          each member's script, as it ran
reproduce.py      rebuilds submission.csv; predict.py answers for new rows; both need only the members' libraries
result.json       members, weights, versions, how answers are put together; layout.csv, views/, rebuild.py: how rows are
"""

from __future__ import annotations

import csv
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.node import Node
from mlmaster.core.task import PredictionKind, Task
from mlmaster.engine import predictions, reproduce
from mlmaster.engine.blending import answer_from, mean, over_folds, weighted
from mlmaster.engine.evaluation import FULL
from mlmaster.engine.predictions import FoldPredictions
from mlmaster.metrics.writing import write_submission
from mlmaster.ports import Array, ViewSource
from mlmaster.store.run_directory import RunDirectory, write_atomically
from mlmaster.tasks.layout import Layout, out_of_fold_layout, submission_layout
from mlmaster.version import __version__

LIBRARIES = (
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "catboost",
    "pillow",
    "torch",
)
PREDICT = '''"""Answer for new rows: python predict.py NEW.csv [--data FOLDER] [--out predictions.csv]"""

import sys

from reproduce import main

sys.exit(main(predicts=True))
'''

Members = Sequence[tuple[int, float]]


class ResultWriter:
    """Knows which nodes can answer, and writes their answer to `best/`."""

    def __init__(self, task: Task, views: ViewSource, store: RunDirectory, threads: int) -> None:
        self._task, self._views, self._store, self._threads = task, views, store, threads
        self._layout: Layout | None = None

    def load(self, node: int, fold: int) -> FoldPredictions:
        """Return the stored predictions of a node."""
        return predictions.load(self._store.node_directory(node), fold)

    def has_test(self, node: int) -> bool:
        """Return True when the node's predictions for the real test are stored."""
        if self._task.test is None:
            return False
        return self._views.rides_along or (self._store.node_directory(node) / f"fold-{FULL}.npz").exists()

    def write_single(self, node: Node) -> int:
        """Replace `best/` by the answer of one node, over the folds it has so far; return the number of rows."""
        return self.write(((node.id, 1.0),), folds=[fold for fold, _ in node.folds])

    def write(self, members: Members, folds: Sequence[int] | None = None) -> int:
        """Replace `best/` by the blend of the members; return the number of rows of the submission."""
        chosen = list(range(self._views.folds)) if folds is None else list(folds)
        if self._task.test is None:
            layout, answer = self._out_of_fold(members, chosen)
        else:
            layout, answer = self._whole_layout(), self._for_test(members, chosen)
        rows = answer[layout.order]
        self._store.replace_best(lambda folder: self._fill(folder, members, chosen, layout, rows))
        return len(rows)

    # ---- answers

    def _whole_layout(self) -> Layout:
        if self._layout is None:
            self._layout = out_of_fold_layout(self._task) if self._task.test is None else submission_layout(self._task)
        return self._layout

    def _for_test(self, members: Members, folds: Sequence[int]) -> Array:
        sources = folds if self._views.rides_along else [FULL]
        return self._combine(
            [
                (weight, [(p.test, p.test_probabilities) for p in (self.load(node, fold) for fold in sources)])
                for node, weight in members
            ]
        )

    def _out_of_fold(self, members: Members, folds: Sequence[int]) -> tuple[Layout, Array]:
        """Return the layout of the rows that were hidden in some fold, and the answers by train row number."""
        parts: list[Array] = []
        rows: list[NDArray[np.int64]] = []
        for fold in folds:
            stored = [(weight, self.load(node, fold)) for node, weight in members]
            parts.append(self._combine([(w, [(p.hidden, p.hidden_probabilities)]) for w, p in stored]))
            rows.append(stored[0][1].rows)
        numbers, found = np.concatenate(rows), np.concatenate(parts)
        answer = np.empty((int(numbers.max()) + 1, *found.shape[1:]), dtype=found.dtype)
        answer[numbers] = found
        whole = self._whole_layout()
        kept = np.flatnonzero(np.isin(whole.order, numbers))
        return Layout(whole.order[kept], {c: [cells[i] for i in kept] for c, cells in whole.echo.items()}), answer

    def _combine(self, members: Sequence[tuple[float, Sequence[tuple[Array | None, Array | None]]]]) -> Array:
        """Average each member over its folds, then the members by weight; one member alone is its own average."""
        if len(members) == 1:
            return over_folds(self._task, [answer for answer, _ in members[0][1] if answer is not None])
        if self._blends_probabilities(len(members)):
            return answer_from(self._task, weighted([(w, over_folds_of_probabilities(folds)) for w, folds in members]))
        return weighted(
            [(w, over_folds(self._task, [answer for answer, _ in folds if answer is not None])) for w, folds in members]
        )

    def _blends_probabilities(self, members: int) -> bool:
        """Hard labels of several members are blended through their probabilities; one member's own labels are voted on."""
        return self._task.prediction_kind is PredictionKind.LABEL and members > 1

    # ---- files

    def _fill(self, folder: Path, members: Members, folds: Sequence[int], layout: Layout, rows: Array) -> None:
        write_submission(folder / "submission.csv", self._task, layout.echo, rows)
        views = [f"fold-{fold}" for fold in folds] if self._task.test is None or self._views.rides_along else ["full"]
        self._views.export(folder, [*views, "new-rows"])
        shutil.copyfile(reproduce.__file__, folder / "reproduce.py")
        if not self._task.is_self_reported:
            (folder / "predict.py").write_text(PREDICT, encoding="utf-8")
        described = []
        for node, weight in members:
            script = Path("members") / f"node-{node}" / "solution.py"
            (folder / script).parent.mkdir(parents=True)
            shutil.copyfile(self._store.node_directory(node) / "solution.py", folder / script)
            described.append({"node": node, "weight": weight, "script": script.as_posix()})
        self._write_layout(folder / "layout.csv", layout)
        facts = self._describe(described, views)
        write_atomically(folder / "result.json", json.dumps(facts, indent=2, ensure_ascii=False))

    @staticmethod
    def _write_layout(path: Path, layout: Layout) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["row", *(f"={column}" for column in layout.echo)])
            writer.writerows(zip(layout.order.tolist(), *layout.echo.values(), strict=True))

    def _describe(self, members: Sequence[Mapping[str, object]], views: Sequence[str]) -> dict[str, object]:
        task = self._task
        return {
            "task": task.name,
            "data": str(task.directory),
            "members": members,
            "views": views,
            "is_out_of_fold": task.test is None,
            "prediction_kind": task.prediction_kind.value,
            "blends_probabilities": self._blends_probabilities(len(members)),
            "classes": list(task.classes),
            "id_column": task.id_column,
            "submission_columns": list(task.submission_columns),
            "prediction_columns": list(task.prediction_columns),
            "threads": self._threads,
            "mlmaster": __version__,
            "python": platform.python_version(),
            "libraries": _versions(),
        }


def over_folds_of_probabilities(folds: Sequence[tuple[Array | None, Array | None]]) -> Array:
    """Return the mean of the probabilities that came with hard labels."""
    return mean([probabilities for _, probabilities in folds if probabilities is not None])


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
