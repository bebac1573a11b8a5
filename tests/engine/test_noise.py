"""The paired bootstrap: its draw, and whether its standard errors are those of data generated anew."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlmaster.core.score import Direction
from mlmaster.engine import noise
from mlmaster.metrics.registry import Registry

MAE, AUC = Registry().get("mae"), Registry().get("roc_auc")
NOTHING = np.zeros(0)


def vector(*values: float) -> noise.Vector:
    return np.array(values)


# --- the draw --------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    clusters=st.lists(st.integers(0, 2**40), min_size=1, max_size=20),
    seed=st.integers(0, 2**63),
)
def test_a_cluster_s_draw_is_its_own(clusters: list[int], seed: int) -> None:
    """It does not depend on the rows beside it, their order, or how many resamples are asked for."""
    numbers = np.array(clusters)
    counts = noise.draw(numbers, seed, 12)
    assert (noise.draw(numbers, seed, 12) == counts).all()
    assert (noise.draw(numbers[::-1], seed, 12) == counts[:, ::-1]).all()
    assert (noise.draw(numbers[:1], seed, 12)[:, 0] == counts[:, 0]).all()
    assert (noise.draw(numbers, seed, 7) == counts[:7]).all()
    assert (noise.draw(numbers, seed, 5, first=4) == counts[4:9]).all()
    for number in clusters:
        rows = counts[:, numbers == number]
        assert (rows == rows[:, :1]).all()


def test_counts_are_poisson() -> None:
    counts = noise.draw(np.arange(5_000), 7, 400)
    share = np.bincount(counts.ravel(), minlength=9) / counts.size
    expected = [math.exp(-1) / math.factorial(k) for k in range(9)]
    np.testing.assert_allclose(share, expected, atol=5 * 0.5 / math.sqrt(counts.size))
    assert counts.mean() == pytest.approx(1.0, abs=5 / math.sqrt(counts.size))
    assert counts.var() == pytest.approx(1.0, abs=5 * math.sqrt(3 / counts.size))


@pytest.mark.parametrize("stride", [1, 4, 1000, 2**32])
def test_counts_of_clusters_resamples_and_seeds_are_unrelated(stride: int) -> None:
    clusters = np.arange(500) * stride
    counts = noise.draw(clusters, 0, 400).astype(float)
    other = noise.draw(clusters, 1, 400).astype(float)
    for left, right in [
        (counts[:-1], counts[1:]),
        (counts[:-4], counts[4:]),
        (counts[:, :-1], counts[:, 1:]),
        (counts, other),
    ]:
        correlation = np.corrcoef(left.ravel(), right.ravel())[0, 1]
        assert abs(correlation) < 5 / math.sqrt(left.size)


# --- resampled metrics -----------------------------------------------------------------------------------------------


def test_resamples_are_the_metric_of_the_drawn_rows() -> None:
    rng = np.random.default_rng(0)
    truth, predictions, clusters = rng.random((30, 1)), rng.random((30, 1)), rng.integers(0, 9, 30)
    values = noise.resample(MAE, truth, predictions, clusters, seed=5)
    assert values.shape == (noise.RESAMPLES,)
    drawn = np.repeat(np.arange(30), noise.draw(clusters, 5)[17])
    assert values[17] == pytest.approx(MAE.score(truth[drawn], predictions[drawn]))


@pytest.mark.slow
def test_many_rows_are_drawn_in_parts() -> None:
    rows, count = 2**21, 68
    predictions = np.random.default_rng(0).random((rows, 1))
    assert rows * count > noise.MAX_CELLS
    values = noise.resample(MAE, np.zeros((rows, 1)), predictions, np.arange(rows), 3, count)
    expected = [float(noise.draw(np.arange(rows), 3, 1, first=r)[0] @ predictions[:, 0]) for r in (0, 60, 64)]
    totals = [int(noise.draw(np.arange(rows), 3, 1, first=r).sum(dtype=np.int64)) for r in (0, 60, 64)]
    np.testing.assert_allclose(values[[0, 60, 64]], np.divide(expected, totals), rtol=1e-12)


def test_an_undefined_resample_is_nan() -> None:
    truth, predictions = np.array([[0.0], [0.0], [1.0]]), np.array([[0.1], [0.4], [0.3]])
    counts = noise.draw(np.arange(3), 0)
    values = noise.resample(AUC, truth, predictions, np.arange(3), 0)
    assert (np.isnan(values) == ((counts[:, 2] == 0) | (counts[:, :2].sum(axis=1) == 0))).all()


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_one_cluster_tells_nothing_about_its_noise(rows: int) -> None:
    values = noise.resample(MAE, np.zeros((rows, 1)), np.ones((rows, 1)), np.full(rows, 3), 0)
    assert values.shape == (noise.RESAMPLES,)
    assert np.isnan(values).all()


# --- differences -----------------------------------------------------------------------------------------------------


def test_a_difference_is_over_the_shared_folds_and_positive_is_mine() -> None:
    mine = {0: (1.0, vector(1, 2, 3)), 1: (2.0, vector(2, 2, 2)), 2: (9.0, NOTHING)}
    theirs = {0: (2.0, vector(1, 1, 1)), 1: (4.0, vector(2, 4, 6))}
    difference, error = noise.paired_difference(mine, theirs, Direction.MINIMIZE)
    assert difference == 1.5
    assert error == pytest.approx(np.std([0, -0.5, -1], ddof=1))
    assert noise.paired_difference(mine, theirs, Direction.MAXIMIZE) == (-1.5, error)
    with pytest.raises(ValueError, match="share no fold"):
        noise.paired_difference(mine, {}, Direction.MINIMIZE)


def test_resamples_undefined_in_any_fold_are_left_out() -> None:
    nan = math.nan
    mine = {0: (1.0, vector(nan, 1, 5, 2)), 1: (1.0, vector(3, 3, 3, 4))}
    theirs = {0: (1.0, vector(0, 0, 0, 0)), 1: (1.0, vector(0, 0, nan, 0))}
    _, error = noise.paired_difference(mine, theirs, Direction.MAXIMIZE)
    assert error == pytest.approx(np.std([2.0, 3.0], ddof=1))


@pytest.mark.parametrize("usable", [vector(), vector(1.0), vector(1.0, math.nan)])
def test_without_two_usable_resamples_nothing_is_sure(usable: noise.Vector) -> None:
    folds = {0: (1.0, usable)}
    assert noise.paired_difference(folds, {0: (2.0, usable)}, Direction.MINIMIZE) == (1.0, math.inf)


def test_vectors_of_different_lengths_are_compared_over_what_both_have() -> None:
    rng = np.random.default_rng(0)
    clusters = np.arange(50)
    truth, mine, theirs = (rng.random((50, 1)) for _ in range(3))
    short = {f: (0.0, noise.resample(MAE, truth, mine, clusters, f, 100)) for f in (0, 1)}
    longer = {f: (0.0, noise.resample(MAE, truth, theirs, clusters, f, 400 - 100 * f)) for f in (0, 1)}
    cut = {f: (0.0, values[:100]) for f, (_, values) in longer.items()}
    expected = noise.paired_difference(short, cut, Direction.MINIMIZE)
    assert noise.paired_difference(short, longer, Direction.MINIMIZE) == expected
    assert noise.paired_difference(longer, short, Direction.MAXIMIZE)[1] == expected[1]


# --- standard errors against data generated anew ---------------------------------------------------------------------


def generate(
    rng: np.random.Generator, clusters: int, size: int
) -> tuple[NDArray[np.int64], noise.Vector, noise.Vector]:
    """Return clusters and the losses of two nodes by row: a shared part, and a part by which whole clusters differ."""
    names = np.repeat(np.arange(clusters), size)
    shared = rng.exponential(5.0, len(names))
    by_cluster = rng.normal(0.0, 0.5, clusters)[names]
    return names, shared + 1.0 + by_cluster + rng.normal(0.0, 0.5, len(names)), shared + 1.0


def difference(names: NDArray[np.int64], mine: noise.Vector, theirs: noise.Vector) -> tuple[float, float]:
    truth = np.zeros((len(mine), 1))
    vectors = [noise.resample(MAE, truth, losses.reshape(-1, 1), names, 0) for losses in (mine, theirs)]
    scores = [float(np.abs(losses).mean()) for losses in (mine, theirs)]
    return noise.paired_difference({0: (scores[0], vectors[0])}, {0: (scores[1], vectors[1])}, Direction.MINIMIZE)


def test_clusters_drawn_together_give_the_true_standard_error() -> None:
    rng = np.random.default_rng(1)
    data = [generate(rng, clusters=60, size=20) for _ in range(300)]
    true_error = np.std([(mine - theirs).mean() for _, mine, theirs in data], ddof=1)
    by_cluster = np.mean([difference(*each)[1] for each in data[:30]])
    by_row = np.mean([difference(np.arange(len(names)), mine, theirs)[1] for names, mine, theirs in data[:30]])
    assert by_cluster == pytest.approx(true_error, rel=0.15)
    assert by_row < 0.5 * true_error


def folds_of(losses: noise.Vector, layout: list[NDArray[np.int64]], clusters: NDArray[np.int64]) -> list[noise.Vector]:
    return [
        noise.resample(MAE, np.zeros((len(rows), 1)), losses[rows].reshape(-1, 1), clusters[rows], 0) for rows in layout
    ]


def test_rows_hidden_again_by_another_repeat_are_no_fresh_evidence() -> None:
    rng = np.random.default_rng(2)
    losses, rows = rng.exponential(1.0, 400), np.arange(400)
    once = noise.standard_error(folds_of(losses, [rows[:200], rows[200:]], rows))
    twice = noise.standard_error(folds_of(losses, [rows[:200], rows[200:], rows[::2], rows[1::2]], rows))
    assert once == pytest.approx(losses.std() / 20, rel=0.15)
    assert twice == pytest.approx(once, rel=0.05)


def test_a_cluster_that_lies_in_two_folds_is_drawn_alike_in_both() -> None:
    """Ten rows of each cluster, half of them in either fold: the truth is that of clusters, not of folds of their own."""
    rng = np.random.default_rng(3)
    clusters, place = np.repeat(np.arange(80), 10), np.arange(800)
    layout = [place[place % 2 == half] for half in (0, 1)]
    losses = [rng.exponential(2.0, 80)[clusters] + rng.random(800) for _ in range(300)]
    true_error = np.std([each.mean() for each in losses], ddof=1)
    found = np.mean([noise.standard_error(folds_of(each, layout, clusters)) for each in losses[:40]])
    assert found == pytest.approx(true_error, rel=0.15)
