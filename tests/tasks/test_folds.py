"""Laws of dealing: partition, balance in every stratum, determinism; and how many folds a table gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import SettingsError, TaskError
from mlmaster.tasks.folds import NEVER, assign_folds, count_folds, find_strata, guide_mask, pick_small


def make_task(kind: TaskKind = TaskKind.BINARY) -> Task:
    return Task(
        name="t",
        directory=Path("/nowhere"),
        train="train.csv",
        submission_columns=("y",),
        prediction_columns=("y",),
        targets=("y",),
        kind=kind,
        prediction_kind=PredictionKind.NUMBER if kind is TaskKind.REGRESSION else PredictionKind.LABEL,
        metric="accuracy",
        direction=Direction.MAXIMIZE,
    )


labels = st.lists(st.sampled_from("abcde"), min_size=2, max_size=200)
seeds = st.integers(0, 2**32)


@given(labels, seeds, st.integers(2, 7))
def test_folds_partition_the_rows_and_balance_within_every_class_and_overall(
    values: list[str], seed: int, folds: int
) -> None:
    truth = np.array(values).reshape(-1, 1)
    folds = min(folds, len(values))
    assigned = assign_folds(make_task(TaskKind.MULTICLASS), truth, len(values), seed, folds)
    assert set(assigned.tolist()) == set(range(folds))
    for chosen in (np.ones(len(values), dtype=bool), *(truth[:, 0] == label for label in set(values))):
        sizes = np.bincount(assigned[chosen], minlength=folds)
        assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300), seeds, st.integers(2, 5))
def test_regression_folds_balance_within_every_quantile(values: list[float], seed: int, folds: int) -> None:
    truth = np.array(values).reshape(-1, 1)
    folds = min(folds, len(values))
    strata = find_strata(make_task(TaskKind.REGRESSION), truth)
    assigned = assign_folds(make_task(TaskKind.REGRESSION), truth, len(values), seed, folds)
    for stratum in set(strata.tolist()):
        sizes = np.bincount(assigned[strata == stratum], minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    means = [values_of.min() for values_of in (truth[strata == s, 0] for s in sorted(set(strata.tolist())))]
    assert means == sorted(means)


@given(labels, seeds)
def test_folds_and_guide_depend_on_truth_and_seed_alone(values: list[str], seed: int) -> None:
    truth, task = np.array(values), make_task(TaskKind.MULTICLASS)
    folds = assign_folds(task, truth, len(values), seed, 2)
    assert np.array_equal(folds, assign_folds(task, truth.copy(), len(values), seed, 2))
    assert np.array_equal(guide_mask(task, truth, folds, seed), guide_mask(task, truth.copy(), folds.copy(), seed))


def test_another_seed_deals_otherwise() -> None:
    truth = np.zeros((100, 1))
    dealt = {tuple(assign_folds(make_task(), truth, 100, seed).tolist()) for seed in range(5)}
    assert len(dealt) == 5


@given(st.integers(2, 400), seeds)
def test_a_single_fold_hides_a_fifth_once(rows: int, seed: int) -> None:
    assigned = assign_folds(make_task(), np.zeros((rows, 1)), rows, seed, 1)
    assert set(assigned.tolist()) == {0, NEVER}
    parts = min(rows, 5)
    assert (assigned == 0).sum() in (rows // parts, rows // parts + 1)


@given(labels, seeds, st.integers(1, 5))
def test_two_thirds_of_every_fold_guide(values: list[str], seed: int, folds: int) -> None:
    task, truth = make_task(TaskKind.MULTICLASS), np.array(values)
    folds = min(folds, len(values))
    assigned = assign_folds(task, truth, len(values), seed, folds)
    guide = guide_mask(task, truth, assigned, seed)
    assert guide[assigned == NEVER].all()
    for fold in range(folds):
        size, judged = int((assigned == fold).sum()), int((~guide[assigned == fold]).sum())
        assert abs(judged - size / 3) < 1
        for label in set(values):
            cell = (assigned == fold) & (truth == label)
            assert abs((~guide[cell]).sum() - cell.sum() / 3) < 1


@pytest.mark.parametrize(
    ("rows", "media_bytes", "folds"),
    [(10, 0, 5), (49_999, 0, 5), (50_000, 0, 3), (499_999, 0, 3), (500_000, 0, 1), (100, 2 << 30, 1)],
)
def test_number_of_folds_by_size(rows: int, media_bytes: int, folds: int) -> None:
    assert count_folds(rows, media_bytes) == folds


def test_three_rows_get_three_folds() -> None:
    assert sorted(assign_folds(make_task(), np.zeros((3, 1)), 3, 0).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("folds", [0, -1, 11, 101])
def test_absurd_fold_counts_are_refused(folds: int) -> None:
    with pytest.raises(SettingsError, match=f"folds: {folds} is out of range; give 1 to 10"):
        assign_folds(make_task(), np.zeros((10, 1)), 10, 0, folds)


def test_one_row_cannot_be_split() -> None:
    with pytest.raises(TaskError, match=r"train.csv: has 1 labelled rows"):
        assign_folds(make_task(), np.zeros((1, 1)), 1, 0)


def test_strata_of_labels_are_their_combinations() -> None:
    truth = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    strata = find_strata(make_task(TaskKind.MULTILABEL), truth)
    assert strata[0] == strata[2] != strata[1]


@given(st.lists(st.integers(0, 6), min_size=2, max_size=120), seeds, st.integers(8, 50), st.integers(1, 20))
def test_a_small_sample_shows_every_stratum_and_hides_no_visible_row(
    values: list[int], seed: int, visible: int, hidden: int
) -> None:
    strata = np.array(values)
    shown, kept = pick_small(strata, seed, visible, hidden)
    if len(values) > len(set(values)):
        assert set(strata[shown].tolist()) == set(values)
    assert not set(shown.tolist()) & set(kept.tolist())
    assert len(shown) <= visible
    assert 1 <= len(kept) <= hidden
    if len(values) >= 2 * (visible + hidden):
        assert (len(shown), len(kept)) == (visible, hidden)
