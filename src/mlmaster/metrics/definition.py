"""What a metric is: its record (`Definition`), and the object that scores with it (`DefinedMetric`).

The families of metrics (`regression`, `correlation`, `probabilities`, `labels`, `retrieval`) each list their definitions;
`registry` holds them by name. A definition's function gets arrays that were checked here: same shape, at least one row,
finite, inside the domain; so does its `prepare`, the same formula for many resamples at once (`weighed`).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.weighed import Weigh, mean_of_each, weigh_all
from mlmaster.ports import Array

ALL_KINDS = frozenset(TaskKind)


@dataclass(frozen=True, slots=True)
class Domain:
    """The numbers a metric is defined on: at least `minimum`, or above it."""

    minimum: float = -math.inf
    is_open: bool = False

    def wrong(self, values: Array) -> tuple[int, ...] | None:
        """Return the index of the first value outside, or None."""
        if self.minimum == -math.inf:
            return None
        outside = values <= self.minimum if self.is_open else values < self.minimum
        return tuple(int(axis) for axis in np.argwhere(outside)[0]) if outside.any() else None

    def __str__(self) -> str:
        return f"greater than {self.minimum:g}" if self.is_open else f"{self.minimum:g} or greater"


ANYWHERE = Domain()
NON_NEGATIVE = Domain(0.0)
POSITIVE = Domain(0.0, is_open=True)


@dataclass(frozen=True, slots=True)
class Options:
    """What a metric may know beyond the two arrays.

    Attributes:
        k: Length of a ranking.
        classes: The task's classes, in its order; empty when unknown. Then two classes stand in sorted order.
        is_multilabel: True when a cell of labels holds several, separated by spaces.
    """

    k: int = 5
    classes: tuple[str, ...] = ()
    is_multilabel: bool = False


Score = Callable[[Array, Array, Options], float]
Prepare = Callable[[Array, Array, Options], Weigh]
TruthRule = Callable[[Array], str | None]


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric as the registry holds it.

    Attributes:
        name: Standard name.
        title: For people.
        direction: Whether more is better.
        kinds: Prediction kinds it can score.
        tasks: Task kinds it makes sense for.
        function: The formula.
        prepare: The formula for resamples of the rows. Gets what `function` accepted; see `mlmaster.metrics.weighed`.
        aliases: Other names, in any spelling that `registry.plain` makes equal.
        domain: Where truth and predictions must lie.
        truth_rule: Says what is wrong with the truth, or None.
        instead: What to use where the metric does not fit the target: the end of an error message.
        params: Names of the parameters it takes.
        is_rank_based: Only the order of the predictions in a column counts.
    """

    name: str
    title: str
    direction: Direction
    kinds: frozenset[PredictionKind]
    tasks: frozenset[TaskKind]
    function: Score
    prepare: Prepare
    aliases: tuple[str, ...] = ()
    domain: Domain = ANYWHERE
    truth_rule: TruthRule | None = None
    instead: str = ""
    params: frozenset[str] = frozenset()
    is_rank_based: bool = False

    def complaint(self, truth: Array) -> str | None:
        """Return what keeps the metric from being computed on this truth, or None."""
        if len(truth) == 0:
            return "there are no rows"
        if truth.dtype.kind == "f":
            index = self.domain.wrong(truth)
            if index is not None:
                return f"the target holds {truth[index]:g} (row {index[0] + 1}), and must be {self.domain}"
        return self.truth_rule(truth) if self.truth_rule is not None else None


@dataclass(slots=True)
class DefinedMetric:
    """A metric ready to score; a fresh one for every request, so that nobody can change another's."""

    definition: Definition
    options: Options = field(default_factory=Options)
    name: str = ""
    direction: Direction = field(init=False)
    kinds: frozenset[PredictionKind] = field(init=False)
    title: str = field(init=False)
    perfect: float | None = field(init=False)
    is_rank_based: bool = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.name or self.definition.name
        self.direction = self.definition.direction
        self.kinds = self.definition.kinds
        # every built-in metric that is minimised is 0 at best, every one that is maximised 1
        self.perfect = 0.0 if self.direction is Direction.MINIMIZE else 1.0
        self.is_rank_based = self.definition.is_rank_based
        self.title = self.definition.title.replace("@k", f"@{self.options.k}")

    def score(self, truth: Array, predictions: Array) -> float:
        """Return the metric over aligned rows; see `mlmaster.ports.Metric`."""
        self._require_shape(truth, predictions)
        complaint = self.definition.complaint(truth)
        if complaint is not None:
            raise TaskError(f"{self.name} cannot be computed: {complaint}")
        if predictions.dtype.kind == "f":
            self._require_domain(predictions)
        with np.errstate(all="ignore"):
            value = float(self.definition.function(truth, predictions, self.options))
        if not math.isfinite(value):
            raise SubmissionError(f"{self.name} of these predictions is {value}: the numbers are too large")
        return value

    def resampled(self, truth: Array, predictions: Array, counts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the metric of many resamples; see `mlmaster.ports.Metric`."""
        with np.errstate(all="ignore"):
            values = weigh_all(self.definition.prepare(truth, predictions, self.options), counts)
        unsure = np.isinf(values)
        if unsure.any():
            values[unsure] = score_each(self.score, truth, predictions, counts[unsure])
        return values

    def _require_shape(self, truth: Array, predictions: Array) -> None:
        expected = truth.shape if truth.ndim == 2 else (len(truth), *predictions.shape[1:2])
        if predictions.ndim != 2 or predictions.shape != expected:
            raise SubmissionError(
                f"{self.name}: predictions have shape {predictions.shape}, the truth has {truth.shape}; "
                "write one row for every row of the test file"
            )

    def _require_domain(self, predictions: Array) -> None:
        wrong = ~np.isfinite(predictions)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise SubmissionError(f"{self.name}: row {row + 1}, prediction column {column + 1} is not finite")
        index = self.definition.domain.wrong(predictions)
        if index is not None:
            raise SubmissionError(
                f"{self.name}: row {index[0] + 1}, prediction column {index[1] + 1} is {predictions[index]:g}, "
                f"and must be {self.definition.domain}"
            )


def score_each(
    score: Callable[[Array, Array], float], truth: Array, predictions: Array, counts: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return a score for each row of counts, one after another; NaN where it is undefined."""
    values = np.full(len(counts), np.nan)
    for i, drawn in enumerate(counts):
        rows = np.repeat(np.arange(len(truth)), drawn)
        if len(rows) == 0:
            continue  # clusters may all be drawn from elsewhere, and a file's metric need not know no rows
        with contextlib.suppress(TaskError, SubmissionError):
            values[i] = score(truth[rows], predictions[rows])
    return values


def by_column(function: Callable[[Array, Array], float]) -> Score:
    """Return the mean over columns of a score of one truth column and one prediction column."""

    def score(truth: Array, predictions: Array, options: Options) -> float:  # noqa: ARG001
        return float(np.mean([function(truth[:, j], predictions[:, j]) for j in range(truth.shape[1])]))

    return score


def prepared_by_column(prepare: Callable[[Array, Array], Weigh]) -> Prepare:
    """Return what `by_column` is for a formula, for its weighing."""

    def prepare_all(truth: Array, predictions: Array, options: Options) -> Weigh:  # noqa: ARG001
        return mean_of_each([prepare(truth[:, j], predictions[:, j]) for j in range(truth.shape[1])])

    return prepare_all


def parse_options(definition: Definition, params: Mapping[str, float]) -> Options:
    """Return the options named by parameters.

    Raises:
        TaskError: A parameter the metric does not take, or a value out of range.
    """
    for name, value in params.items():
        if name not in definition.params:
            known = ", ".join(sorted(definition.params)) or "none"
            raise TaskError(f"metric {definition.name} takes no parameter {name!r}; it takes: {known}")
        if not (math.isfinite(value) and value == int(value) and value >= 1):
            raise TaskError(f"metric {definition.name}: {name} is {value:g}, and must be a whole number from 1")
    return Options(k=int(params["k"])) if "k" in params else Options()
