"""A task's own metric: a Python file of the user's that says how to score.

The file defines `score(truth, predictions) -> float` over arrays in the encoding of `mlmaster.ports.Array`, and
`greater_is_better`, True or False; `title` is optional. It runs inside the harness with the user's rights, so it must come
from the user: nothing a candidate script or an engineer wrote is ever loaded here. Before a run it is proven (`proof`),
and kept as it was: a run does not go on with another.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.definition import score_each
from mlmaster.ports import Array, Metric

_EXPECTED = "it must define score(truth, predictions) -> float and greater_is_better = True or False"


@dataclass(slots=True)
class FileMetric:
    """A metric from a file. It takes every kind of prediction: what fits is for its author to know."""

    name: str
    direction: Direction
    kinds: frozenset[PredictionKind]
    title: str
    file: Path
    function: Callable[[Array, Array], float]
    perfect: float | None = None
    is_rank_based: bool = False

    def score(self, truth: Array, predictions: Array) -> float:
        """Return what the file's `score` returns; see `mlmaster.ports.Metric`.

        A ValueError is read as the metric's word against the predictions, any other error as a fault of the file.
        """
        if len(truth) != len(predictions):
            raise SubmissionError(f"{self.name}: {len(predictions)} predictions for {len(truth)} rows")
        try:
            value = self.function(truth.copy(), predictions.copy())
        except ValueError as error:
            raise SubmissionError(f"{self.name}: {error}") from error
        except Exception as error:
            raise TaskError(f"{self.file.name} failed: {type(error).__name__}: {error}; correct its score()") from error
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise TaskError(f"{self.file.name}: score() returned {value!r}, and must return a number") from None
        if not math.isfinite(number):
            raise SubmissionError(f"{self.name} of these predictions is {number}")
        return number

    def resampled(self, truth: Array, predictions: Array, counts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the metric of many resamples, one after another; see `mlmaster.ports.Metric`."""
        return score_each(self.score, truth, predictions, counts)


def load_metric(file: Path, name: str = "") -> Metric:
    """Return the metric a file defines, under `name` or the file's own name.

    Raises:
        TaskError: The file is missing, does not run, or does not define what it must.
    """
    module = _run(file)
    function = getattr(module, "score", None)
    if not callable(function):
        raise TaskError(f"{file} has no function `score`; {_EXPECTED}")
    greater = getattr(module, "greater_is_better", None)
    if not isinstance(greater, bool):
        raise TaskError(f"{file}: greater_is_better is {greater!r}; {_EXPECTED}")
    return FileMetric(
        name=name or file.stem,
        direction=Direction.MAXIMIZE if greater else Direction.MINIMIZE,
        kinds=frozenset(PredictionKind),
        title=str(getattr(module, "title", "") or name or file.stem),
        file=file,
        function=function,
    )


def _run(file: Path) -> ModuleType:
    try:
        source = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"metric file {file} cannot be read: {error}; name a Python file") from error
    # Executed from source, not imported: importing would write a `__pycache__` beside the user's data.
    module = ModuleType(f"mlmaster_task_metric_{abs(hash(source)):x}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except Exception as error:
        raise TaskError(f"metric file {file} does not run: {type(error).__name__}: {error}; {_EXPECTED}") from error
    return module
