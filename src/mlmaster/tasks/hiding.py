"""Who is hidden in which view: the folds of every repeat, guide and judge, clusters, and what time lets a view show.

Made by `scheme`, once for a run, and kept in the run's pool; rows here are all train rows, with or without a label.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.scheme import SchemeKind
from mlmaster.errors import DataError
from mlmaster.tasks.folds import NEVER, Numbers, deal
from mlmaster.tasks.writing import write_whole

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Hiding:
    """The sides of every row.

    Attributes:
        kind: The law by which rows are hidden together.
        assignment: Shape (repeats, rows): the fold of every row within each repeat, `NEVER` where it is never hidden.
        guide: Shape (rows,): True where a row's label may guide the search.
        clusters: Shape (rows,): rows of one number depend on each other.
        blocks: Shape (rows,): rows of one number are hidden together, in `fresh` too.
        order: Shape (rows,): dense rank in time, -1 where it has none; all 0 where time plays no part.
        limits: Shape (folds,): the view of a fold shows rows of a lower rank only; where time plays no part all are shown.
    """

    kind: SchemeKind
    assignment: Numbers
    guide: Mask
    clusters: Numbers
    blocks: Numbers
    order: Numbers
    limits: Numbers

    @property
    def folds(self) -> int:
        """Return the number of folds of one repeat."""
        return int(self.assignment.max()) + 1

    @property
    def repeats(self) -> int:
        """Return how often all rows are dealt."""
        return len(self.assignment)

    def hidden_in(self, fold: int) -> Mask:
        """Return which rows fold `fold` hides; folds are counted through all repeats."""
        mask: Mask = self.assignment[fold // self.folds] == fold % self.folds
        return mask

    def visible_in(self, fold: int) -> Mask:
        """Return which rows the view of fold `fold` may show; rows without a label are the caller's to leave out."""
        mask: Mask = self.order < self.limits[fold % self.folds]
        return mask & ~self.hidden_in(fold)

    def fresh(self, strata: Numbers, labelled: Mask, seed: int) -> tuple[Mask, Mask]:
        """Return (visible, hidden) of a view that hides about one fold's worth of guide rows, as no fold does.

        The law is the folds' own: blocks whole, or a window of time that begins elsewhere. Only rows that some fold hides
        are taken, because only they have answers to compare with. Rows of the judge part are never hidden; they may be seen,
        as in the views of other folds than their own, so that there is no less to learn from.
        """
        pool = np.flatnonzero(labelled & self.guide & (self.assignment[0] != NEVER))
        rng = np.random.default_rng([seed, 3])
        hidden = np.zeros(len(labelled), dtype=bool)
        if self.kind is SchemeKind.TIME:
            return self._fresh_window(labelled, pool)
        parts = max(2, self.folds)
        dealt = deal(strata[pool], self.blocks[pool], parts, rng)
        hidden[pool[dealt == parts - 1]] = True
        if not hidden.any():
            hidden[pool[:1]] = True
        return labelled & ~np.isin(self.blocks, self.blocks[hidden]), hidden

    def _fresh_window(self, labelled: Mask, pool: Numbers) -> tuple[Mask, Mask]:
        """Return a window of guide rows that starts half a window before the newest, and what is older by the folds' gap."""
        newest_first = self.order[pool[np.argsort(-self.order[pool], kind="stable")]]
        window = max(1, len(pool) // max(2, self.folds))
        start = min(window // 2, len(pool) - 1)
        high, low = newest_first[start], newest_first[min(start + window, len(pool)) - 1]
        hidden = np.zeros(len(labelled), dtype=bool)
        hidden[pool] = (self.order[pool] >= low) & (self.order[pool] <= high)
        gap = int(self.order[self.hidden_in(0)].min()) - int(self.limits[0])
        return labelled & (self.order < low - gap), hidden

    def save(self, path: Path) -> None:
        """Write all of it to one file, at once: never seen half-written under its name."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            assignment=self.assignment.astype(np.int8),
            guide=self.guide,
            clusters=self.clusters.astype(np.int32),
            blocks=self.blocks.astype(np.int32),
            order=self.order.astype(np.int32),
            limits=self.limits,
        )
        write_whole(path, buffer.getvalue())

    @staticmethod
    def load(path: Path, kind: SchemeKind) -> Hiding:
        """Read what `save` wrote.

        Raises:
            DataError: The file was changed and cannot be read.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                parts = {name: arrays[name] for name in arrays.files}
            numbers = {name: part.astype(np.int64) for name, part in parts.items() if name != "guide"}
            return Hiding(kind=kind, guide=parts["guide"].astype(bool), **numbers)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path}: the folds of this run were changed and cannot be read ({error}); start a new run"
            ) from error
