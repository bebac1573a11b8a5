# mypy: ignore-errors
"""Feature blocks that look at the target of train rows."""

import lightgbm as lgb
import numpy as np
import pandas as pd


def fold_numbers(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return a fold for each row, so that every fold sees the same mix of targets."""
    shuffled = np.random.default_rng(seed).permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    numbers = np.empty(len(y), dtype=int)
    numbers[order] = np.arange(len(y)) % folds
    return numbers


def target_columns(y: np.ndarray, classes: int) -> np.ndarray:
    """Return what can be averaged: the targets themselves, or one 0/1 column for each of several classes."""
    return (y == np.arange(classes)).astype(float) if classes > 2 else y.astype(float)


def encode_by_target(
    table: pd.DataFrame, targets: np.ndarray, seed: int, most_columns: int = 12, weight: float = 20.0
) -> pd.DataFrame:
    """Add the smoothed mean target of each level; for train rows from the other folds only."""
    n = len(targets)
    folds = fold_numbers(targets[:, 0], 5, seed)
    names = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c]) and table[c].nunique() > 2]
    names = sorted(names, key=lambda c: -table[c].nunique())[:most_columns]
    encoded = {}
    for number, target in enumerate(targets.T):
        for name in names:
            levels = table[name].astype("str")
            column = np.empty(len(table))
            for fold in (*range(5), None):
                known = np.ones(n, dtype=bool) if fold is None else folds != fold
                asked = np.arange(n, len(table)) if fold is None else np.flatnonzero(folds == fold)
                groups = pd.Series(target[known]).groupby(levels.iloc[:n][known].to_numpy())
                overall = target[known].mean()
                means = (groups.sum() + weight * overall) / (groups.count() + weight)
                column[asked] = levels.iloc[asked].map(means).fillna(overall)
            encoded[f"{name}_target_{number + 1}"] = column
    return table.assign(**encoded)


def add_number_pairs(table: pd.DataFrame, targets: np.ndarray, most_columns: int = 6) -> pd.DataFrame:
    """Add differences and ratios of the numbers most related to the target."""
    numbers = [c for c in table.columns if pd.api.types.is_numeric_dtype(table[c]) and table[c].nunique() > 10]
    ranks = table[numbers].iloc[: len(targets)].astype(float).rank()
    related = sum(ranks.corrwith(pd.Series(target).rank()).abs().fillna(0.0) for target in targets.T)
    best = list(related.sort_values(ascending=False, kind="stable").index[:most_columns]) if numbers else []
    pairs = {}
    for place, first in enumerate(best):
        for second in best[place + 1 :]:
            pairs[f"{first}_minus_{second}"] = table[first] - table[second]
            pairs[f"{first}_per_{second}"] = table[first] / table[second].where(table[second].abs() > 1e-9)
    return table.assign(**pairs)


def keep_telling_columns(table: pd.DataFrame, targets: np.ndarray, seed: int, share: float = 0.98) -> pd.DataFrame:
    """Keep the columns that together hold nearly all the gain of a quick boosted model."""
    gains = np.zeros(table.shape[1])
    plain = table.set_axis([f"f{place}" for place in range(table.shape[1])], axis=1).iloc[: len(targets)]
    params = {"verbosity": -1, "seed": seed, "num_leaves": 15, "learning_rate": 0.1, "deterministic": True}
    for target in targets.T:
        booster = lgb.train({**params, "num_threads": 1}, lgb.Dataset(plain, target), 100)
        gain = booster.feature_importance("gain")
        gains += gain / max(gain.sum(), 1e-12)
    order = np.argsort(-gains, kind="stable")
    enough = int(np.searchsorted(np.cumsum(gains[order]) / max(gains.sum(), 1e-12), share)) + 1
    return table[[table.columns[place] for place in sorted(order[:enough])]]
