"""How well the final answer will do: two 90 % intervals from what hidden rows say. Pure functions of numbers.

The *expected score* is that on endless new rows of the same kind; the *predicted score* that on a test of a given size,
which is a sample itself. Both are first worked out as losses: how far below perfect, in utility; then turned round, so that
a metric and its mirror image get mirrored intervals.

Three laws, each for a way in which a plain "value plus or minus 1.6 standard errors" misleads:

- *Few clusters*: the quantile is Student's t with one degree of freedom fewer than there are effective clusters; squared
  errors with heavy tails have fewer effective ones than rows (`Hidden.count_clusters`).
- *Near perfect*: the standard error is taken of the logarithm of the loss, so an interval ends before perfect and reaches
  further towards worse: 3 errors in 1,000 rows may be 1 or 8. That is close to the exact limits of a Poisson count. The
  worse side is never more than twice the plain one.
- *Nothing went wrong*: 13 right of 13 have no spread at all, and still up to 3 in 13 may be wrong (the rule of three,
  Hanley and Lippman-Hand 1983). So the worse side is at least what three more wrong clusters would cost.

Where the classifier that tells test rows from train rows succeeds (`Shift.auc`), the predicted interval is widened in
proportion: nothing is known of how the score moves, only that it may.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.score import Direction

CONFIDENCE = 0.90
NO_SHIFT = 0.55
"""A classifier reaches so much by luck on a few hundred rows."""

Vector = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Belief:
    """What is known of the expected score.

    Attributes:
        direction, perfect: Of the metric; `perfect` is None when unknown.
        value: The middle, in the metric's own scale.
        error: Its standard error.
        clusters: Effective number of clusters it rests on, above 1.
        wrong: Utility that one more wrongly answered cluster would cost.
        is_floored: Three such clusters bound the worse side from below (labels and probabilities, where a row is right or
            wrong; not where order alone counts, and a wrong row is seldom last of all). Without any spread they do for every
            metric, and on both sides.
    """

    direction: Direction
    perfect: float | None
    value: float
    error: float
    clusters: float
    wrong: float
    is_floored: bool

    @property
    def loss(self) -> float:
        """Return how far the middle is below perfect, in utility; without a perfect value, its negated utility."""
        best = 0.0 if self.perfect is None else self.direction.to_utility(self.perfect)
        loss = best - self.direction.to_utility(self.value)
        return float(loss if self.perfect is None else max(0.0, loss))

    def losses(self, shares: Vector) -> Vector:
        """Return the quantiles of the loss: a share of 0.95 bounds the worse side."""
        from scipy.special import stdtrit

        loss, steps = self.loss, stdtrit(self.clusters - 1.0, shares) * self.error
        if self.perfect is None or loss == 0.0:
            found = loss + steps
        else:
            with np.errstate(over="ignore"):  # a loss of next to nothing
                found = loss * np.exp(np.minimum(steps / loss, 50.0))
            found = np.where(steps > 0, np.minimum(found, loss + 2 * steps), found)
        if self.is_floored or self.error == 0.0:
            found = np.where(shares > 0.5, np.maximum(found, loss - self.wrong * np.log1p(-shares)), found)
        if self.error == 0.0:
            found = np.where(shares < 0.5, loss + self.wrong * np.log(shares), found)
        return self._bounded(found)

    def expected(self) -> Interval:
        """Return the interval of the expected score, low before high; the value lies within."""
        return self.interval(self.losses(_TAILS))

    def predicted(self, deviations: Vector, rows: int, test_rows: int, shift_auc: float | None, seed: int) -> Interval:
        """Return the interval of the score on a test; the expected one lies within.

        Args:
            deviations: How far scores of tests of this size lie from the score of many rows, by chance; NaN is left out.
            rows: Hidden rows the middle rests on.
            test_rows: Rows of the test.
            shift_auc: How well test rows can be told from train rows; None when not measured.
            seed: Of the pairing of both chances.
        """
        known = self.direction.to_utility(1.0) * deviations[np.isfinite(deviations)]
        shares = (np.arange(max(1, len(known))) + 0.5) / max(1, len(known))
        if not len(known) or not known.any():  # no spread to be seen, as in a test that nobody gets wrong
            tails = self.loss + (self.losses(_TAILS) - self.loss) * (1 + rows / max(1, test_rows)) ** 0.5
        else:
            drawn = np.random.default_rng(seed).permutation(self.losses(shares)) - known
            tails = np.quantile(self._bounded(drawn), _TAILS)
        widened = self._bounded(self.loss + (tails - self.loss) * widening(shift_auc))
        expected = self.losses(_TAILS)
        return self.interval(np.array([min(widened[0], expected[0]), max(widened[1], expected[1])]))

    def interval(self, losses: Vector) -> Interval:
        """Return losses, smaller first, as values of the metric, low before high."""
        best = 0.0 if self.perfect is None else self.direction.to_utility(self.perfect)
        better, worse = (self.direction.to_value(best - float(loss)) for loss in losses)
        return (worse, better) if self.direction is Direction.MAXIMIZE else (better, worse)

    def _bounded(self, losses: Vector) -> Vector:
        return losses if self.perfect is None else np.maximum(losses, 0.0)


_TAILS = np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])


def widening(shift_auc: float | None) -> float:
    """Return the factor for shift: 1 where test looks like train, 1.9 where the two are told apart without error."""
    return 1.0 if shift_auc is None else 1.0 + 2.0 * max(0.0, shift_auc - NO_SHIFT)


def correct_few(error: float, clusters: float) -> float:
    """Return the standard error of a bootstrap without its bias: K clusters show (K - 1) / K of the variance."""
    return float(error * (clusters / (clusters - 1.0)) ** 0.5)


def optimism_of_choice(chosen: NDArray[np.int64], utilities: Vector, whole: Vector) -> float:
    """Return by how much choosing flatters: the chosen's utility on the resample that chose it, less that on all rows.

    Tibshirani and Tibshirani 2009, "A bias correction for the minimum error rate in cross-validation", over resamples.

    Args:
        chosen: The candidate each resample would choose, shape (resamples,).
        utilities: Shape (candidates, resamples).
        whole: Utility of each candidate on all rows.
    """
    gaps = utilities[chosen, np.arange(len(chosen))] - whole[chosen]
    known = gaps[np.isfinite(gaps)]
    return max(0.0, float(known.mean())) if len(known) else 0.0


def out_of_bag(inside: Vector, outside: Vector) -> Vector:
    """Return, for each resample, the utility on the rows left out of the candidate that is best on the rows drawn.

    Tsamardinos, Greasidou and Borboudakis 2018, "Bootstrapping the out-of-sample predictions for efficient and accurate
    cross-validation" (BBC-CV). A resample on which that is undefined is left out.

    Args:
        inside: Utilities on the rows drawn, shape (candidates, resamples).
        outside: On the rows left out.
    """
    usable = ~np.isnan(inside).all(axis=0)
    inside, outside = inside[:, usable], outside[:, usable]
    best = np.argmax(np.where(np.isnan(inside), -np.inf, inside), axis=0)
    found: Vector = outside[best, np.arange(len(best))]
    return found[~np.isnan(found)]
