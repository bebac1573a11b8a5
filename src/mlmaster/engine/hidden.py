"""The hidden rows of all folds, one after another, and how answers for them are scored.

Scores of the final selection are of **pooled** rows: all folds of a repeat together, and the mean over repeats. That is how
a test is scored, and it matters: the RMSE of small folds is smaller in the mean than that of all rows, an F1 of few rows is
often undefined. Metrics of order alone are the exception: the folds' models need not mean the same by the same number, so
each fold is scored by itself, and the mean taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlmaster.engine import noise
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.ports import Array, Metric, ViewSource

Mask = NDArray[np.bool_]
"""Shape (hidden rows,): which of them count."""

RESAMPLES, LARGE_RESAMPLES, LARGE = 1_000, 400, 100_000
"""The final answer is worth more resamples than the search; so many more rows need fewer of them."""
SAMPLED_ROWS, SMALL_TEST, LEFT_OUT = 20_000, 2_000, 1_000
WRONG_ROWS = 16


@dataclass(frozen=True, eq=False)
class Hidden:
    """Hidden rows of every fold, in fold order; a row that several repeats hide stands here as often.

    Attributes:
        metric: Scores them.
        truth: Of each row.
        rows: Number of the train row.
        folds: Number of the fold.
        clusters: Of the train row.
        guide: True where the label guided the search.
        folds_of_repeat: Folds of one repeat.
        seed: Of the resamples.
    """

    metric: Metric
    truth: Array
    rows: NDArray[np.int64]
    folds: NDArray[np.int64]
    clusters: NDArray[np.int64]
    guide: Mask
    folds_of_repeat: int
    seed: int

    @classmethod
    def of(cls, views: ViewSource, metric: Metric, seed: int) -> Hidden:
        """Return the hidden rows of a task's views."""
        hidden = [views.fold(fold).hidden for fold in range(views.folds)]
        rows = np.concatenate(hidden)
        return cls(
            metric=metric,
            truth=views.truth[rows],
            rows=rows,
            folds=np.repeat(np.arange(len(hidden), dtype=np.int64), [len(each) for each in hidden]),
            clusters=views.clusters[rows],
            guide=views.guide[rows],
            folds_of_repeat=views.scheme.folds,
            seed=seed,
        )

    @cached_property
    def everything(self) -> Mask:
        """Return the mask of all rows."""
        return np.ones(len(self.rows), dtype=bool)

    @cached_property
    def judge(self) -> Mask:
        """Return the mask of the judge's rows."""
        return ~self.guide

    @cached_property
    def fold_slices(self) -> tuple[slice, ...]:
        """Return where each fold's rows stand."""
        edges = np.flatnonzero(np.diff(self.folds, prepend=-1))
        return tuple(slice(int(a), int(b)) for a, b in zip(edges, [*edges[1:], len(self.folds)], strict=True))

    def take(self, places: NDArray[np.int64]) -> Hidden:
        """Return the rows at these places, one as often as it is named, as if there were no others."""
        arrays = {name: getattr(self, name)[places] for name in ("truth", "rows", "folds", "clusters", "guide")}
        return replace(self, **arrays)

    @cached_property
    def _blocks(self) -> NDArray[np.int64]:
        """Return the block of each row: rows of one are scored together."""
        return self.folds if self.metric.is_rank_based else self.folds // self.folds_of_repeat

    @cached_property
    def _all_parts(self) -> list[NDArray[np.int64]]:
        return self._split(self.everything)

    def _parts(self, part: Mask) -> list[NDArray[np.int64]]:
        """Return the positions of each block's rows within a part."""
        return self._all_parts if part is self.everything else self._split(part)

    def _split(self, part: Mask) -> list[NDArray[np.int64]]:
        return [np.flatnonzero(part & (self._blocks == block)) for block in np.unique(self._blocks[part]).tolist()]

    def score(self, answers: Array, part: Mask) -> float:
        """Return the metric of answers for all hidden rows, on some of them.

        A block on which the metric is undefined (few rows, of one class) is left out where others are left.

        Raises:
            TaskError, SubmissionError: It can be scored nowhere.
        """
        values: list[float] = []
        problem: TaskError | SubmissionError = TaskError("there are no rows")
        for place in self._parts(part):
            try:
                values.append(self.metric.score(self.truth[place], answers[place]))
            except (TaskError, SubmissionError) as error:
                problem = error
        if not values:
            raise problem
        return sum(values) / len(values)

    def resample(self, answers: Array, part: Mask, count: int = 0) -> noise.Vector:
        """Return the metric under resamples of the clusters; the same draws for all answers, so differences are paired."""
        count = count or (RESAMPLES if part.sum() <= LARGE else LARGE_RESAMPLES)
        return _mean(
            [
                noise.resample(self.metric, self.truth[place], answers[place], self.clusters[place], self.seed, count)
                for place in self._defined(answers, part)
            ]
        )

    def split_bags(self, answers: Array, part: Mask, count: int) -> tuple[noise.Vector, noise.Vector]:
        """Return the metric on each resample's drawn rows, as often as they were drawn, and on the rows left out."""
        inside: list[noise.Vector] = []
        outside: list[noise.Vector] = []
        for place in self._defined(answers, part):
            counts = noise.draw(self.clusters[place], self.seed, count)
            for found, drawn in ((inside, counts), (outside, (counts == 0).astype(np.uint8))):
                found.append(self.metric.resampled(self.truth[place], answers[place], drawn))
        return _mean(inside), _mean(outside)

    def resample_tests(self, answers: Array, rows: int) -> noise.Vector:
        """Return how far scores of tests of so many rows, drawn from the hidden rows, lie from the score of all these.

        A small test is drawn as it is, since its scores are neither symmetric nor fine (20 rows have 21 accuracies). The
        spread of a large one follows from that of all rows by the square root of their numbers.
        """
        clusters, hidden_rows = len(np.unique(self.clusters)), len(np.unique(self.rows))
        drawn = max(1, round(rows * clusters / hidden_rows))
        rng = np.random.default_rng([self.seed, 2])
        if drawn >= SMALL_TEST:
            spread = noise.standard_error([self.resample(answers, self.everything)])
            return np.asarray(rng.standard_normal(RESAMPLES) * (spread * (clusters / drawn) ** 0.5))
        blocks = self._defined(answers, self.everything)
        found = [self._draw_tests(answers, place, drawn, -(-RESAMPLES // len(blocks)), rng) for place in blocks]
        return np.concatenate(found) if found else np.full(1, np.nan)

    def _draw_tests(
        self, answers: Array, place: NDArray[np.int64], drawn: int, count: int, rng: np.random.Generator
    ) -> noise.Vector:
        """Return how far the scores of `count` tests, of clusters drawn from one block, lie from the block's score."""
        place = np.sort(rng.permutation(place)[:SAMPLED_ROWS])
        names, cluster = np.unique(self.clusters[place], return_inverse=True)
        counts = np.zeros((count, len(names)), dtype=np.int16)
        np.add.at(counts, (np.arange(count)[:, None], rng.integers(0, len(names), (count, drawn))), 1)
        values = self.metric.resampled(self.truth[place], answers[place], counts[:, cluster])
        whole = self.metric.resampled(self.truth[place], answers[place], np.ones((1, len(place)), dtype=np.int16))
        return values - whole

    def cost_of_a_wrong_cluster(self, answers: Array, part: Mask) -> float:
        """Return how much utility one more cluster would cost if it were answered with what belongs to another row.

        The floor of what may be claimed: where nothing went wrong in n clusters, up to 3 / n still may (the rule of three).
        """
        rng = np.random.default_rng([self.seed, 3])
        costs = []
        for place in self._defined(answers, part):
            size = max(1, round(len(place) / len(np.unique(self.clusters[place]))))
            picks = place[rng.integers(0, len(place), WRONG_ROWS)]
            others = rng.integers(0, len(self.rows), (WRONG_ROWS, 16))
            wrong = [_first_unlike(self.truth, int(own), row) for own, row in zip(picks, others, strict=True)]
            truth = np.concatenate([self.truth[place], self.truth[wrong]])
            given = np.concatenate([answers[place], answers[picks]])
            counts = np.ones((WRONG_ROWS + 1, len(truth)), dtype=np.int32)
            counts[:, len(place) :] = 0
            counts[np.arange(WRONG_ROWS), len(place) + np.arange(WRONG_ROWS)] = size
            values = self.metric.resampled(truth, given, counts)
            costs.append(self.metric.direction.to_utility(1.0) * (values[-1] - values[:-1]))
        known = _mean(costs) if costs else np.empty(0)
        known = known[np.isfinite(known)]
        return max(0.0, float(np.median(known))) if len(known) else 0.0

    def count_clusters(self, answers: Array, part: Mask) -> float:
        """Return for how many clusters of equal weight a part's clusters count.

        A standard error of few large clusters among many small, or of a few large losses, is itself uncertain: by as much
        as one with 2 K / (kurtosis - 1) degrees of freedom, the kurtosis being that of what each of K clusters does to the
        score (Satterthwaite 1946, with the score's jackknife values). 100 absolute errors with normal tails count for 100,
        100 squared ones for about 30.
        """
        names, cluster = np.unique(self.clusters[part], return_inverse=True)
        found = np.zeros(len(self.rows), dtype=np.int64)
        found[part] = cluster
        left_out = np.random.default_rng([self.seed, 4]).permutation(len(names))
        left_out = left_out[: min(LEFT_OUT, noise.MAX_CELLS // max(1, int(part.sum())))]
        values = [
            self.metric.resampled(
                self.truth[place], answers[place], (found[place] != left_out[:, None]).astype(np.uint8)
            )
            for place in self._defined(answers, part)
        ]
        effects = _mean(values) if values else np.empty(0)
        effects = effects[np.isfinite(effects)]
        effects = effects - effects.mean() if len(effects) else effects
        variance = float((effects**2).mean()) if len(effects) else 0.0
        kurtosis = float((effects**4).mean()) / variance**2 if variance > 0.0 else 1.0
        return float(min(len(names), 1.0 + 2.0 * len(names) / (kurtosis - 1.0) if kurtosis > 1.0 else np.inf))

    def _defined(self, answers: Array, part: Mask) -> list[NDArray[np.int64]]:
        """Return the blocks of a part that can be scored."""
        found = []
        for place in self._parts(part):
            try:
                self.metric.score(self.truth[place], answers[place])
            except (TaskError, SubmissionError):
                continue
            found.append(place)
        return found


def _first_unlike(truth: Array, own: int, others: NDArray[np.int64]) -> int:
    """Return the first row whose truth differs, or the first of all."""
    return next((int(row) for row in others if np.any(truth[row] != truth[own])), int(others[0]))


def _mean(vectors: list[noise.Vector]) -> noise.Vector:
    """Return the mean over blocks, of those that are defined; NaN where none is."""
    if not vectors:
        return np.full(1, np.nan)
    stacked = np.array(vectors)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        found: noise.Vector = np.where(known, stacked, 0.0).sum(axis=0) / np.where(
            known.any(axis=0), known.sum(axis=0), np.nan
        )
    return found
