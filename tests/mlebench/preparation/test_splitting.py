"""The split against numpy alone: a permutation, of which the first part is the test set and what follows it the train set."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlmaster.mlebench.preparation.splitting import split


@pytest.mark.parametrize(
    ("rows", "test_size", "tests"), [(100, 0.1, 10), (101, 0.1, 11), (2400, 0.1, 240), (144, 0.2, 29), (900, 100, 100)]
)
@pytest.mark.parametrize("seed", [0, 7])
def test_the_permutation_is_cut(rows: int, test_size: float, tests: int, seed: int) -> None:
    assert tests == (math.ceil(rows * test_size) if test_size < 1 else test_size)
    order = np.random.RandomState(seed).permutation(rows)
    train, test = split(rows, test_size, seed)
    assert test.tolist() == order[:tests].tolist()
    assert train.tolist() == order[tests:].tolist()


def test_the_seed_is_zero_unless_named() -> None:
    assert split(50, 0.1)[1].tolist() == split(50, 0.1, 0)[1].tolist() != split(50, 0.1, 1)[1].tolist()
