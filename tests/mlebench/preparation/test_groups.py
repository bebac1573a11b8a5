import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.groups import split_groups
from mlmaster.mlebench.preparation.splitting import split

KEYS = st.one_of(
    st.lists(st.integers(-9, 9), min_size=1), st.lists(st.sampled_from(["b", "a", "B", "10", "9", "é"]), min_size=1)
)


@settings(deadline=None, max_examples=30)
@given(keys=KEYS, seed=st.integers(0, 9))
def test_groups_are_dealt_in_the_order_of_their_keys_and_stay_whole(keys: list[int] | list[str], seed: int) -> None:
    names = sorted(set(keys))  # type: ignore[type-var]  # all of one type
    if len(names) < 2:
        return
    rows = [[row for row, key in enumerate(keys) if key == name] for name in names]
    train, test = split_groups(pd.Series(keys), 0.3, seed)
    train_groups, test_groups = split(len(names), 0.3, seed)
    assert train.tolist() == [row for group in train_groups for row in rows[group]]
    assert test.tolist() == [row for group in test_groups for row in rows[group]]


def test_no_row_is_lost_in_a_large_table() -> None:
    keys = pd.Series(np.random.default_rng(0).integers(0, 5000, 100000))
    train, test = split_groups(keys, 0.1)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(100000))
    assert not set(keys.iloc[train]) & set(keys.iloc[test])


def test_a_row_without_a_key_is_named() -> None:
    with pytest.raises(DataError, match="patient is empty in row 3"):
        split_groups(pd.Series(["a", "b", None, "a"], name="patient"), 0.5)
