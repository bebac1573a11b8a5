"""Views without files: who is hidden when, for tests of what is made of predictions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cost import Size
from mlmaster.core.scheme import Scheme, Shift
from mlmaster.core.view import View
from mlmaster.ports import Array


class FakeViews:
    """Row folds over given truth; implements what `mlmaster.ports.ViewSource` says of rows, and lays nothing out."""

    def __init__(
        self,
        truth: Array,
        *,
        folds: int = 2,
        repeats: int = 1,
        has_judge: bool = True,
        clusters: NDArray[np.int64] | None = None,
        shift_auc: float | None = None,
        seed: int = 0,
    ) -> None:
        """Deal the rows into folds, and a third of them to the judge.

        Args:
            truth: Of all rows.
            folds: Of one repeat; with a single one a fifth of the rows is hidden.
            repeats: How often rows are dealt.
            has_judge: Whether there is a judge.
            clusters: Which rows depend on each other; by default none do.
            shift_auc: What the scheme says of shift.
            seed: Of the dealing.
        """
        rows, rng = len(truth), np.random.default_rng(seed)
        self.truth = truth
        self.clusters = np.arange(rows) if clusters is None else clusters
        self.scheme = Scheme(
            folds=folds,
            repeats=repeats,
            has_judge=has_judge,
            shift=None if shift_auc is None else Shift(auc=shift_auc),
        )
        dealt = [rng.permutation(rows) % max(folds, 5 if folds == 1 else 1) for _ in range(repeats)]
        self._hidden = [np.flatnonzero(each == fold) for each in dealt for fold in range(folds)]
        self.guide = np.ones(rows, dtype=bool)
        if has_judge:
            hidden = np.unique(np.concatenate(self._hidden))
            self.guide = ~np.isin(self.clusters, rng.permutation(np.unique(self.clusters[hidden]))[::3])
        self._fresh = rng.permutation(np.flatnonzero(self.guide))[: rows // max(2, folds)]
        self.folds = folds * repeats
        self.rides_along = True
        self.has_smoke = False
        self.notes: tuple[str, ...] = ()

    def fold(self, fold: int) -> View:
        """Return which rows a fold hides."""
        return self._view(f"fold-{fold}", fold, self._hidden[fold])

    def fresh(self) -> View:
        """Return guide rows under another key."""
        return self._view("fresh", None, self._fresh)

    def smoke(self, scale: int = 1) -> View:
        """Raise: nothing is laid out here."""
        raise NotImplementedError(scale)

    def full(self) -> View:
        """Return the view that hides nothing."""
        return self._view("full", None, np.empty(0, dtype=np.int64))

    def size(self, name: str) -> Size:
        """Return the rows of a view."""
        view = self._view(name, None, self._fresh) if name == "fresh" else self.full()
        view = self.fold(int(name.removeprefix("fold-"))) if name.startswith("fold-") else view
        return Size(trained=len(self.truth) - len(view.hidden), predicted=len(view.rows))

    def forget(self, view: View) -> None:
        """Do nothing."""

    def export(self, directory: Path, names: Iterable[str]) -> None:
        """Raise: nothing is laid out here."""
        raise NotImplementedError(directory, names)

    @staticmethod
    def _view(name: str, fold: int | None, rows: NDArray[np.int64]) -> View:
        return View(name=name, fold=fold, directory=Path("nowhere"), rows=rows, keys=None)
