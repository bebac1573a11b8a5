"""The predictions of a node, kept as artifacts: one file for each fold, written before its score enters the journal.

`hidden` is aligned with the fold's hidden rows, `test` with the real test rows (in test order), each as in
`mlmaster.ports.Array`; `*_probabilities` come with hard labels, where the script wrote them. `resamples` are the metric's
values on the guide part under the fold's fixed bootstrap resamples; see `mlmaster.engine.noise`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mlmaster.errors import RunDirectoryError
from mlmaster.ports import Array


@dataclass(frozen=True, slots=True)
class FoldPredictions:
    """What one evaluation predicted. `rows` are the numbers of the hidden train rows."""

    rows: NDArray[np.int64]
    hidden: Array
    test: Array | None
    hidden_probabilities: Array | None
    test_probabilities: Array | None
    resamples: NDArray[np.float64]


def path(directory: Path, fold: int) -> Path:
    """Return where a fold's predictions are kept."""
    return directory / f"fold-{fold}.npz"


def save(directory: Path, fold: int, predictions: FoldPredictions) -> None:
    """Write a fold's predictions in one step."""
    arrays: dict[str, Any] = {
        name: getattr(predictions, name) for name in FoldPredictions.__slots__ if getattr(predictions, name) is not None
    }
    temporary = directory / f".fold-{fold}.tmp.npz"
    np.savez(temporary, allow_pickle=False, **arrays)
    temporary.replace(path(directory, fold))


def load(directory: Path, fold: int) -> FoldPredictions:
    """Read a fold's predictions.

    Raises:
        RunDirectoryError: The file is missing or damaged.
    """
    file = path(directory, fold)
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays: dict[str, Any] = {name: stored.get(name) for name in FoldPredictions.__slots__}
    except (OSError, ValueError, BadZipFile) as error:
        raise RunDirectoryError(f"{file} is missing or damaged ({error}); restore it, or start a new run") from error
    return FoldPredictions(**arrays)
