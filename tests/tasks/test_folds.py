"""Laws of dealing: partition, balance in every stratum, whole clusters, order in time, determinism; how many folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.tasks.folds import (
    NEVER,
    Numbers,
    count_folds,
    cut_pieces,
    cut_stretches,
    cut_windows,
    deal,
    deal_folds,
    find_strata,
    guide_mask,
    pick_small,
)


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


def deal_rows(strata: Numbers, folds: int, seed: int) -> Numbers:
    return deal_folds(strata, np.arange(len(strata)), folds, np.random.default_rng(seed))


labels = st.lists(st.integers(0, 4), min_size=2, max_size=200)
clustered = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=2, max_size=200)
seeds = st.integers(0, 2**32)


@given(labels, seeds, st.integers(2, 7))
def test_folds_partition_the_rows_and_balance_within_every_class_and_overall(
    values: list[int], seed: int, folds: int
) -> None:
    strata = np.array(values)
    folds = min(folds, len(values))
    assigned = deal_rows(strata, folds, seed)
    assert set(assigned.tolist()) == set(range(folds))
    for chosen in (np.ones(len(values), dtype=bool), *(strata == label for label in set(values))):
        sizes = np.bincount(assigned[chosen], minlength=folds)
        assert sizes.max() - sizes.min() <= 1


@given(clustered, seeds, st.integers(2, 7))
def test_clusters_are_dealt_whole_and_no_part_is_left_empty(rows: list[tuple[int, int]], seed: int, parts: int) -> None:
    strata, clusters = (np.array(column) for column in zip(*rows, strict=True))
    dealt = deal(strata, clusters, parts, np.random.default_rng(seed))
    assert all(len(set(dealt[clusters == cluster].tolist())) == 1 for cluster in set(clusters.tolist()))
    assert len(set(dealt.tolist())) == min(parts, len(set(clusters.tolist())))
    assert np.array_equal(dealt, deal(strata, clusters, parts, np.random.default_rng(seed)))


def test_clusters_of_many_sizes_and_a_rare_class_are_balanced() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(300), rng.integers(1, 12, 300))
    strata = (rng.random(len(clusters)) < 0.1).astype(np.int64)
    dealt = deal(strata, clusters, 5, rng)
    for stratum in (0, 1):
        sizes = np.bincount(dealt[strata == stratum])
        assert sizes.max() - sizes.min() <= 0.05 * sizes.sum() / 5 + 2


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300), seeds, st.integers(2, 5))
def test_regression_folds_balance_within_every_quantile(values: list[float], seed: int, folds: int) -> None:
    truth = np.array(values).reshape(-1, 1)
    folds = min(folds, len(values))
    strata = find_strata(make_task(TaskKind.REGRESSION), truth)
    assigned = deal_rows(strata, folds, seed)
    for stratum in set(strata.tolist()):
        sizes = np.bincount(assigned[strata == stratum], minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    means = [values_of.min() for values_of in (truth[strata == s, 0] for s in sorted(set(strata.tolist())))]
    assert means == sorted(means)


def test_another_seed_deals_otherwise() -> None:
    strata = np.zeros(100, dtype=np.int64)
    assert len({tuple(deal_rows(strata, 5, seed).tolist()) for seed in range(5)}) == 5


@given(st.integers(2, 400), seeds)
def test_a_single_fold_hides_a_fifth_once(rows: int, seed: int) -> None:
    assigned = deal_rows(np.zeros(rows, dtype=np.int64), 1, seed)
    assert set(assigned.tolist()) == {0, NEVER}
    parts = min(rows, 5)
    assert (assigned == 0).sum() in (rows // parts, rows // parts + 1)


@given(clustered, seeds)
def test_a_single_fold_hides_whole_clusters_and_leaves_some(rows: list[tuple[int, int]], seed: int) -> None:
    strata, clusters = (np.array(column) for column in zip(*rows, strict=True))
    clusters[0], clusters[1] = 100, 101
    assigned = deal_folds(strata, clusters, 1, np.random.default_rng(seed))
    assert set(assigned.tolist()) == {0, NEVER}
    assert not set(clusters[assigned == 0].tolist()) & set(clusters[assigned == NEVER].tolist())


@given(labels, seeds, st.integers(1, 5))
def test_two_thirds_of_every_fold_guide(values: list[int], seed: int, folds: int) -> None:
    strata = np.array(values)
    folds = min(folds, len(values))
    assigned = deal_rows(strata, folds, seed)
    guide = guide_mask(strata, np.arange(len(values)), assigned, np.random.default_rng(seed))
    assert guide[assigned == NEVER].all()
    for fold in range(folds):
        size, judged = int((assigned == fold).sum()), int((~guide[assigned == fold]).sum())
        assert abs(judged - size / 3) < 1
        for label in set(values):
            cell = (assigned == fold) & (strata == label)
            assert abs((~guide[cell]).sum() - cell.sum() / 3) < 1


@given(clustered, seeds, st.integers(1, 5))
def test_hidden_rows_of_a_cluster_are_all_guide_or_all_judge(
    rows: list[tuple[int, int]], seed: int, folds: int
) -> None:
    strata, clusters = (np.array(column) for column in zip(*rows, strict=True))
    assigned = deal_rows(strata, min(folds, len(rows)), seed)
    guide = guide_mask(strata, clusters, assigned, np.random.default_rng(seed))
    for cluster in set(clusters.tolist()):
        assert len(set(guide[(clusters == cluster) & (assigned != NEVER)].tolist())) <= 1


@given(st.lists(st.integers(-1, 40), min_size=2, max_size=200), st.integers(1, 6), st.integers(1, 80))
def test_windows_hide_the_newest_rows_one_after_another(order: list[int], folds: int, rows: int) -> None:
    kept = sorted({each for each in order if each >= 0})
    ranks = np.array([kept.index(each) if each >= 0 else -1 for each in order])
    if not kept:
        return
    assigned = cut_windows(ranks, folds, rows)
    assert (assigned[ranks < 0] == NEVER).all()
    found = sorted(set(assigned.tolist()) - {NEVER})
    assert found == list(range(len(found)))
    assert len(found) <= folds
    for fold in found:
        assert ranks[assigned == fold].min() > max(
            ranks[(assigned > fold) | ((assigned == NEVER) & (ranks >= 0))], default=-1
        )
    if len(kept) > 1 and rows <= len(order) // 2:
        assert (assigned[ranks >= 0] == NEVER).any()


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=100),
    st.floats(0.5, 500),
    st.integers(1, 12),
    st.floats(0, 0.99),
)
def test_stretches_follow_time_and_last_no_longer_than_asked(
    moments: list[int], span: float, fewest: int, offset: float
) -> None:
    times = np.array(moments, dtype=np.float64)
    found = cut_stretches(times, span, fewest, offset)
    order = np.argsort(times, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert len(set(found.tolist())) >= min(fewest, len(set(moments)))
    for stretch in set(found.tolist()):
        assert np.ptp(times[found == stretch]) <= span


def test_a_row_without_a_time_is_a_stretch_of_its_own() -> None:
    found = cut_stretches(np.array([0.0, np.nan, 1.0, np.nan, 100.0]), 10.0, 1)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 4


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=1, max_size=100), st.integers(1, 30))
def test_pieces_stay_within_a_part_and_keep_one_time_together(rows: list[tuple[int, int]], size: int) -> None:
    order, parts = (np.array(column) for column in zip(*rows, strict=True))
    found = cut_pieces(order, parts, size)
    for piece in set(found.tolist()):
        assert len(set(parts[found == piece].tolist())) == 1
    for moment, part in set(rows):
        assert len(set(found[(order == moment) & (parts == part)].tolist())) == 1


@pytest.mark.parametrize(
    ("rows", "media_bytes", "folds"),
    [(10, 0, 5), (49_999, 0, 5), (50_000, 0, 3), (499_999, 0, 3), (500_000, 0, 1), (100, 2 << 30, 1)],
)
def test_number_of_folds_by_size(rows: int, media_bytes: int, folds: int) -> None:
    assert count_folds(rows, media_bytes) == folds


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
