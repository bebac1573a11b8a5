"""Errors of predicted numbers. With several targets each is the mean over the columns (so `rmse` is MCRMSE)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.metrics.definition import (
    ANYWHERE,
    NON_NEGATIVE,
    POSITIVE,
    Definition,
    Domain,
    Prepare,
    Score,
    TruthRule,
    by_column,
    prepared_by_column,
)
from mlmaster.metrics.weighed import Counts, Vector, Weigh, mean_of, spread, weighted_sums
from mlmaster.ports import Array

Losses = Callable[[Array, Array], Array]

_NUMBER = frozenset({PredictionKind.NUMBER})
_REGRESSION = frozenset({TaskKind.REGRESSION})


def _squares(truth: Array, predictions: Array) -> Array:
    # Plain NumPy here and in most formulas: scikit-learn's checks cost 50 times the sum.
    squares: Array = (truth - predictions) ** 2
    return squares


def _squares_of_logs(truth: Array, predictions: Array) -> Array:
    """As in Kaggle's House Prices: both sides must be positive."""
    return _squares(np.log(truth), np.log(predictions))


def _squares_of_logs_plus_one(truth: Array, predictions: Array) -> Array:
    """ln(1 + x); negative numbers are invalid, as scikit-learn up to 1.5 (used by MLE-bench) had it."""
    return _squares(np.log1p(truth), np.log1p(predictions))


def _distances(truth: Array, predictions: Array) -> Array:
    distances: Array = np.abs(truth - predictions)
    return distances


def _shares(truth: Array, predictions: Array) -> Array:
    """Return |t - p| / |t|, divided by no less than the float's epsilon, as scikit-learn has it."""
    shares: Array = _distances(truth, predictions) / np.maximum(np.abs(truth), np.finfo(np.float64).eps)
    return shares


def _symmetric_shares(truth: Array, predictions: Array) -> Array:
    """Return 200 |t - p| / (|t| + |p|), 0 where both are 0: per cent, 0 to 200, as Kaggle's web traffic task states it."""
    scale = np.abs(truth) + np.abs(predictions)
    shares: Array = 200.0 * np.divide(_distances(truth, predictions), scale, out=np.zeros_like(scale), where=scale > 0)
    return shares


def _mean(losses: Losses) -> tuple[Score, Prepare]:
    """Return the mean of losses over rows and columns, and its weighing."""
    return (
        lambda truth, predictions, _: float(losses(truth, predictions).mean()),
        lambda truth, predictions, _: mean_of(losses(truth, predictions)),
    )


def _root_mean(losses: Losses) -> tuple[Score, Prepare]:
    """Return the mean over columns of the root of the mean loss, and its weighing."""
    return (
        lambda truth, predictions, _: float(np.sqrt(losses(truth, predictions).mean(axis=0)).mean()),
        lambda truth, predictions, _: mean_of(losses(truth, predictions), np.sqrt),
    )


def _median_absolute_error(truth: Array, predictions: Array) -> float:
    return float(np.median(_distances(truth, predictions)))


def _prepare_median(truth: Array, predictions: Array) -> Weigh:
    distances = _distances(truth, predictions)
    order = np.argsort(distances)
    distances = distances[order]

    def weigh(counts: Counts, totals: Vector) -> Array:
        sums = np.cumsum(counts.take(order, axis=1), axis=1, dtype=np.int64)
        # the k-th smallest for the one or two k in the middle, k counted from 1
        middle = np.stack([(totals + 1) // 2, totals // 2 + 1], axis=1).astype(np.int64)
        places = np.array([np.searchsorted(each, k) for each, k in zip(sums, middle, strict=True)])
        values: Array = distances[places].mean(axis=1)
        return values

    return weigh


def _r2(truth: Array, predictions: Array) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(truth, predictions))


def _prepare_r2(truth: Array, predictions: Array) -> Weigh:
    centred = truth - truth.mean()
    columns = np.stack([_squares(truth, predictions), centred, centred**2], axis=1)

    def weigh(counts: Counts, totals: Vector) -> Array:
        errors, sums, squares = weighted_sums(counts, columns).T
        around_mean = spread(sums, squares, totals)
        return np.where(np.isfinite(around_mean), 1.0 - errors / around_mean, np.inf)

    return weigh


def _needs_spread(truth: Array) -> str | None:
    constant = [j for j in range(truth.shape[1]) if np.ptp(truth[:, j]) == 0]
    return f"target {constant[0] + 1} is constant" if constant else None


def _needs_nonzero(truth: Array) -> str | None:
    rows = np.argwhere(truth == 0)
    return f"the target is 0 in row {rows[0][0] + 1}, and it is divided by" if len(rows) else None


def _define(
    name: str,
    title: str,
    formula: tuple[Score, Prepare],
    *aliases: str,
    direction: Direction = Direction.MINIMIZE,
    domain: Domain = ANYWHERE,
    truth_rule: TruthRule | None = None,
    instead: str = "",
) -> Definition:
    return Definition(
        name, title, direction, _NUMBER, _REGRESSION, *formula, aliases, domain, truth_rule, instead or "rmse or mae"
    )


DEFINITIONS = (
    _define("mse", "mean squared error", _mean(_squares), "mean_squared_error"),
    _define(
        "rmse",
        "root mean squared error",
        _root_mean(_squares),
        "root_mean_squared_error",
        "root_mean_square_error",
        "mcrmse",
    ),
    _define(
        "rmse_log",
        "RMSE of logarithms",
        _root_mean(_squares_of_logs),
        "log_rmse",
        "rmse_of_logs",
        "rmse_of_log",
        "root_mean_squared_error_of_logs",
        domain=POSITIVE,
        instead="rmsle, which takes zeros, or rmse",
    ),
    _define(
        "rmsle",
        "root mean squared logarithmic error",
        _root_mean(_squares_of_logs_plus_one),
        "root_mean_squared_log_error",
        "root_mean_squared_logarithmic_error",
        "root_mean_square_logarithmic_error",
        "mean_column_wise_rmsle",
        domain=NON_NEGATIVE,
        instead="rmse, which takes negative numbers",
    ),
    _define("mae", "mean absolute error", _mean(_distances), "mean_absolute_error", "mcmae"),
    _define(
        "median_absolute_error",
        "median absolute error",
        (by_column(_median_absolute_error), prepared_by_column(_prepare_median)),
        "medae",
    ),
    _define(
        "r2",
        "R²",
        (by_column(_r2), prepared_by_column(_prepare_r2)),
        "r_squared",
        "r_2",
        "coefficient_of_determination",
        direction=Direction.MAXIMIZE,
        truth_rule=_needs_spread,
    ),
    _define(
        "mape",
        "mean absolute percentage error (fraction)",
        _mean(_shares),
        "mean_absolute_percentage_error",
        truth_rule=_needs_nonzero,
        instead="smape, which takes zeros, or mae",
    ),
    _define(
        "smape",
        "symmetric mean absolute percentage error (0 to 200)",
        _mean(_symmetric_shares),
        "symmetric_mean_absolute_percentage_error",
    ),
)
