"""An input folder laid out for one evaluation, and how its rows map back to the task's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class View:
    """A view as it lies on disk. The directory is owned by the harness and never handed to a script writable.

    Attributes:
        name: `fold-0`, `smoke`, `full`: unique within a run.
        fold: Index of the fold whose rows are hidden here, or None.
        directory: What a script sees as `./input/`.
        rows: Shape (n,), one entry for every row of the view's test table, in its order: the number of the train row
            (>= 0) that is hidden there, or -1 - k for row k of the real test table.
        keys: The id column of the view's test table as strings, in order, or None without an id column.
        is_renumbered: True when ids in the view are not the task's own.
    """

    name: str
    fold: int | None
    directory: Path
    rows: NDArray[np.int64]
    keys: tuple[str, ...] | None
    is_renumbered: bool = False

    @property
    def hidden(self) -> NDArray[np.int64]:
        """Return the numbers of the hidden train rows, in view order."""
        return self.rows[self.rows >= 0]

    @property
    def has_real_test(self) -> bool:
        """Return True when the real test rows ride along."""
        return bool((self.rows < 0).any())
