# mypy: ignore-errors
"""Boosted trees: LightGBM, XGBoost, CatBoost. Each returns the mean over its models.

Two classes: the probability of the second. Several: one column for each. Numbers: the number.
"""

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb
from catboost import CatBoost, Pool

from mlmaster.engineers.offline.blocks.encoding import fold_numbers
from mlmaster.engineers.offline.blocks.reading import SEED, THREADS


def balanced_weights(y: np.ndarray) -> np.ndarray:
    """Return row weights under which every class weighs the same."""
    classes, places, counts = np.unique(y, return_inverse=True, return_counts=True)
    return (len(y) / (len(classes) * counts))[places]


def lightgbm(
    X: pd.DataFrame, y: np.ndarray, X_test: pd.DataFrame, params: dict, rounds: int, seeds: int, balanced: bool
) -> np.ndarray:
    """Fit LightGBM on all rows with a fixed number of rounds, once for each seed."""
    weight = balanced_weights(y) if balanced else None
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        settings = {**params, "seed": seed, "num_threads": THREADS, "deterministic": True, "verbosity": -1}
        booster = lgb.train(settings, lgb.Dataset(X, y, weight=weight), rounds)
        total = total + booster.predict(X_test)
    return total / seeds


def lightgbm_folds(
    X: pd.DataFrame,
    y: np.ndarray,
    X_test: pd.DataFrame,
    params: dict,
    rounds: int,
    seeds: int,
    balanced: bool,
    folds: int,
) -> np.ndarray:
    """Fit LightGBM on all but one fold, stop early on the fold left out, and average over folds and seeds."""
    weight = balanced_weights(y) if balanced else np.ones(len(y))
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        settings = {**params, "seed": seed, "num_threads": THREADS, "deterministic": True, "verbosity": -1}
        numbers = fold_numbers(y, folds, seed)
        for fold in range(folds):
            fit, held = numbers != fold, numbers == fold
            known = lgb.Dataset(X[fit], y[fit], weight=weight[fit])
            unseen = lgb.Dataset(X[held], y[held], weight=weight[held], reference=known)
            stop = lgb.early_stopping(max(20, rounds // 10), verbose=False)
            booster = lgb.train(settings, known, 2 * rounds, valid_sets=[unseen], callbacks=[stop])
            total = total + booster.predict(X_test, num_iteration=booster.best_iteration)
    return total / (seeds * folds)


def xgboost(
    X: pd.DataFrame, y: np.ndarray, X_test: pd.DataFrame, params: dict, rounds: int, seeds: int, balanced: bool
) -> np.ndarray:
    """Fit XGBoost on all rows with a fixed number of rounds, once for each seed."""
    weight = balanced_weights(y) if balanced else None
    known = xgb.DMatrix(X, y, weight=weight, enable_categorical=True)
    asked = xgb.DMatrix(X_test, enable_categorical=True)
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        settings = {**params, "seed": seed, "nthread": THREADS, "verbosity": 0}
        total = total + xgb.train(settings, known, rounds).predict(asked)
    return total / seeds


def xgboost_folds(
    X: pd.DataFrame,
    y: np.ndarray,
    X_test: pd.DataFrame,
    params: dict,
    rounds: int,
    seeds: int,
    balanced: bool,
    folds: int,
) -> np.ndarray:
    """Fit XGBoost on all but one fold, stop early on the fold left out, and average over folds and seeds."""
    weight = balanced_weights(y) if balanced else np.ones(len(y))
    asked = xgb.DMatrix(X_test, enable_categorical=True)
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        settings = {**params, "seed": seed, "nthread": THREADS, "verbosity": 0}
        numbers = fold_numbers(y, folds, seed)
        for fold in range(folds):
            fit, held = numbers != fold, numbers == fold
            known = xgb.DMatrix(X[fit], y[fit], weight=weight[fit], enable_categorical=True)
            unseen = xgb.DMatrix(X[held], y[held], weight=weight[held], enable_categorical=True)
            patience = max(20, rounds // 10)
            booster = xgb.train(
                settings,
                known,
                2 * rounds,
                evals=[(unseen, "held")],
                early_stopping_rounds=patience,
                verbose_eval=False,
            )
            total = total + booster.predict(asked, iteration_range=(0, booster.best_iteration + 1))
    return total / (seeds * folds)


def catboost_pool(X: pd.DataFrame, y: np.ndarray | None = None, weight: np.ndarray | None = None) -> Pool:
    """Return the rows as CatBoost wants them: categories as text."""
    names = [column for column in X.columns if X[column].dtype == "category"]
    texts = {name: X[name].astype(object).where(X[name].notna(), "missing").astype(str) for name in names}
    return Pool(X.assign(**texts), y, weight=weight, cat_features=names)


def catboost_answer(model: CatBoost, pool: Pool, outputs: int) -> np.ndarray:
    """Return probabilities in the order of the class numbers, or the numbers themselves."""
    if outputs == 0:
        return model.predict(pool)
    probabilities = model.predict(pool, prediction_type="Probability")
    if outputs == 1:
        return probabilities[:, 1]
    full = np.zeros((len(probabilities), outputs))
    full[:, np.asarray(model.classes_, dtype=int)] = probabilities
    return full


def catboost(
    X: pd.DataFrame,
    y: np.ndarray,
    X_test: pd.DataFrame,
    params: dict,
    rounds: int,
    seeds: int,
    balanced: bool,
    outputs: int,
) -> np.ndarray:
    """Fit CatBoost on all rows with a fixed number of rounds, once for each seed."""
    known = catboost_pool(X, y, balanced_weights(y) if balanced else None)
    asked = catboost_pool(X_test)
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        settings = {**params, "random_seed": seed, "thread_count": THREADS, "allow_writing_files": False}
        model = CatBoost({**settings, "iterations": rounds, "logging_level": "Silent"}).fit(known)
        total = total + catboost_answer(model, asked, outputs)
    return total / seeds


def catboost_folds(
    X: pd.DataFrame,
    y: np.ndarray,
    X_test: pd.DataFrame,
    params: dict,
    rounds: int,
    seeds: int,
    balanced: bool,
    outputs: int,
    folds: int,
) -> np.ndarray:
    """Fit CatBoost on all but one fold, stop early on the fold left out, and average over folds and seeds."""
    weight = balanced_weights(y) if balanced else np.ones(len(y))
    asked = catboost_pool(X_test)
    total = 0.0
    for seed in range(SEED, SEED + seeds):
        settings = {**params, "random_seed": seed, "thread_count": THREADS, "allow_writing_files": False}
        numbers = fold_numbers(y, folds, seed)
        for fold in range(folds):
            fit, held = numbers != fold, numbers == fold
            known = catboost_pool(X[fit], y[fit], weight[fit])
            unseen = catboost_pool(X[held], y[held], weight[held])
            model = CatBoost({**settings, "iterations": 2 * rounds, "logging_level": "Silent"})
            model.fit(known, eval_set=unseen, early_stopping_rounds=max(20, rounds // 10))
            total = total + catboost_answer(model, asked, outputs)
    return total / (seeds * folds)
