"""Errors of predicted numbers. With several targets each is the mean over the columns (so `rmse` is MCRMSE)."""

from __future__ import annotations

import numpy as np

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.metrics.definition import (
    ANYWHERE,
    NON_NEGATIVE,
    POSITIVE,
    Definition,
    Domain,
    Score,
    TruthRule,
    by_column,
)
from mlmaster.ports import Array

_NUMBER = frozenset({PredictionKind.NUMBER})
_REGRESSION = frozenset({TaskKind.REGRESSION})


def _mse(truth: Array, predictions: Array) -> float:
    # Plain NumPy here and in _mae: a bootstrap calls it thousands of times, and scikit-learn's checks cost 50 times the sum.
    return float(np.mean((truth - predictions) ** 2))


def _rmse(truth: Array, predictions: Array) -> float:
    return float(np.sqrt(_mse(truth, predictions)))


def _rmse_log(truth: Array, predictions: Array) -> float:
    """RMSE of natural logarithms, as in Kaggle's House Prices: both sides must be positive."""
    return _rmse(np.log(truth), np.log(predictions))


def _rmsle(truth: Array, predictions: Array) -> float:
    """RMSE of ln(1 + x); negative numbers are invalid, as scikit-learn up to 1.5 (used by MLE-bench) had it."""
    return _rmse(np.log1p(truth), np.log1p(predictions))


def _mae(truth: Array, predictions: Array) -> float:
    return float(np.mean(np.abs(truth - predictions)))


def _median_absolute_error(truth: Array, predictions: Array) -> float:
    from sklearn.metrics import median_absolute_error

    return float(median_absolute_error(truth, predictions))


def _r2(truth: Array, predictions: Array) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(truth, predictions))


def _mape(truth: Array, predictions: Array) -> float:
    """Mean of |t - p| / |t|, as a fraction (scikit-learn's unit, not per cent)."""
    from sklearn.metrics import mean_absolute_percentage_error

    return float(mean_absolute_percentage_error(truth, predictions))


def _smape(truth: Array, predictions: Array) -> float:
    """Mean of 200 |t - p| / (|t| + |p|), 0 where both are 0: per cent, 0 to 200, as Kaggle's web traffic task states it."""
    scale = np.abs(truth) + np.abs(predictions)
    error = np.abs(truth - predictions)
    return float(200.0 * np.mean(np.divide(error, scale, out=np.zeros_like(error), where=scale > 0)))


def _needs_spread(truth: Array) -> str | None:
    constant = [j for j in range(truth.shape[1]) if np.ptp(truth[:, j]) == 0]
    return f"target {constant[0] + 1} is constant" if constant else None


def _needs_nonzero(truth: Array) -> str | None:
    rows = np.argwhere(truth == 0)
    return f"the target is 0 in row {rows[0][0] + 1}, and it is divided by" if len(rows) else None


def _define(
    name: str,
    title: str,
    function: Score,
    *aliases: str,
    direction: Direction = Direction.MINIMIZE,
    domain: Domain = ANYWHERE,
    truth_rule: TruthRule | None = None,
    instead: str = "",
) -> Definition:
    return Definition(
        name, title, direction, _NUMBER, _REGRESSION, function, aliases, domain, truth_rule, instead or "rmse or mae"
    )


DEFINITIONS = (
    _define("mse", "mean squared error", by_column(_mse), "mean_squared_error"),
    _define(
        "rmse",
        "root mean squared error",
        by_column(_rmse),
        "root_mean_squared_error",
        "root_mean_square_error",
        "mcrmse",
    ),
    _define(
        "rmse_log",
        "RMSE of logarithms",
        by_column(_rmse_log),
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
        by_column(_rmsle),
        "root_mean_squared_log_error",
        "root_mean_squared_logarithmic_error",
        "root_mean_square_logarithmic_error",
        "mean_column_wise_rmsle",
        domain=NON_NEGATIVE,
        instead="rmse, which takes negative numbers",
    ),
    _define("mae", "mean absolute error", by_column(_mae), "mean_absolute_error", "mcmae"),
    _define("median_absolute_error", "median absolute error", by_column(_median_absolute_error), "medae"),
    _define(
        "r2",
        "R²",
        by_column(_r2),
        "r_squared",
        "r_2",
        "coefficient_of_determination",
        direction=Direction.MAXIMIZE,
        truth_rule=_needs_spread,
    ),
    _define(
        "mape",
        "mean absolute percentage error (fraction)",
        by_column(_mape),
        "mean_absolute_percentage_error",
        truth_rule=_needs_nonzero,
        instead="smape, which takes zeros, or mae",
    ),
    _define(
        "smape",
        "symmetric mean absolute percentage error (0 to 200)",
        by_column(_smape),
        "symmetric_mean_absolute_percentage_error",
    ),
)
