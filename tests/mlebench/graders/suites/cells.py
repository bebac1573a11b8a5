"""Ways to spoil or respell the numbers of a submission, for competitions whose predictions are numbers."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case
from tests.mlebench.graders.suites.damage import with_cell

ROWS = 40


def no_numbers(good: pd.DataFrame, column: str) -> list[Case]:
    """Return submissions with a cell that is no number."""
    return [
        Case("broken", f"a word in {column}", with_cell(good, column, "high", 4), INVALID),
        Case("broken", f"words in {column}", good.assign(**{column: "high"}), INVALID),
        Case("broken", f"a decimal comma in {column}", with_cell(good, column, "0,5", 4), INVALID),
        Case("broken", f"a percentage in {column}", with_cell(good, column, "5%", 4), INVALID),
        Case("broken", f"a hexadecimal number in {column}", with_cell(good, column, "0x1p-1", 4), INVALID),
        Case("broken", f"a list in {column}", with_cell(good, column, "[0.5]", 4), INVALID),
    ]


def no_finite_numbers(good: pd.DataFrame, column: str) -> list[Case]:
    """Return submissions with a cell that is no number or not a finite one."""
    return [
        *no_numbers(good, column),
        Case("broken", f"an empty cell in {column}", with_cell(good, column, None, 4), INVALID),
        Case("broken", f"nothing in {column}", good.assign(**{column: math.nan}), INVALID),
        Case("broken", f"NaN in {column}", with_cell(good, column, "NaN", 4), INVALID),
        Case("broken", f"an infinity in {column}", with_cell(good, column, "inf", 4), INVALID),
        Case("broken", f"a negative infinity in {column}", with_cell(good, column, "-inf", 4), INVALID),
        Case("broken", f"a number beyond doubles in {column}", with_cell(good, column, "1e999", 4), INVALID),
    ]


def out_of_range(good: pd.DataFrame, column: str, low: float, high: float) -> list[Case]:
    """Return submissions with a number that is just, or far, out of bounds."""
    return [
        Case("broken", f"{column} just too small", with_cell(good, column, low - 1e-9, 4), INVALID),
        Case("broken", f"{column} just too large", with_cell(good, column, high + 1e-9, 4), INVALID),
        Case("broken", f"{column} far too small", with_cell(good, column, low - 1e6, 4), INVALID),
        Case("broken", f"{column} far too large", with_cell(good, column, high + 1e6, 4), INVALID),
    ]


def noisy_probabilities(seed: int, truth: Sequence[int], times: int) -> list[list[float]]:
    """Return probabilities of a flag, from nearly right to mostly wrong, strictly between 0 and 1."""
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(times):
        noise = rng.normal(scale=0.3 + number, size=len(truth))
        drawn.append(
            [1 / (1 + math.exp(2 - 4 * flag + each)) for flag, each in zip(truth, noise.tolist(), strict=True)]
        )
    return drawn


def flags(seed: int, rows: int = ROWS, share: float = 0.4) -> list[int]:
    """Draw flags with both values."""
    rng = np.random.default_rng(seed)
    drawn = (rng.random(rows) < share).astype(int)
    drawn[:2] = [0, 1]
    return [int(each) for each in rng.permutation(drawn)]


def hex_ids(seed: int, rows: int = ROWS, digits: int = 16) -> list[str]:
    """Draw ids as hexadecimal text with a letter in front, in no order."""
    rng = np.random.default_rng(seed)
    return ["f" + bytes(rng.integers(0, 256, digits // 2).tolist()).hex()[1:] for _ in range(rows)]


def pair_count_auc(truth: Sequence[float], scores: Sequence[float]) -> float:
    """Count the pairs of a positive and a negative in the right order, and half of those with equal scores."""
    positive = [score for flag, score in zip(truth, scores, strict=True) if flag == 1]
    negative = [score for flag, score in zip(truth, scores, strict=True) if flag == 0]
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return won / (len(positive) * len(negative))
