"""Every built-in metric under resamples against the formula itself on the repeated rows."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.custom import load_metric
from mlmaster.metrics.definition import DefinedMetric, Options, score_each
from mlmaster.metrics.registry import DEFINITIONS
from mlmaster.metrics.weighed import BLOCK_CELLS
from mlmaster.ports import Array

WORDS = np.array(["", "a", "b", "c", "a b", "b a c", "c c", "A"])


def coarse(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Few distinct numbers, so that many are equal."""
    return rng.integers(1, 5, (rows, columns)) / 4


def fine(rng: np.random.Generator, rows: int, columns: int) -> Array:
    return rng.random((rows, columns)) + 0.01


def draw_data(name: str, rng: np.random.Generator, rows: int, is_fine: bool, columns: int) -> tuple[Array, Array]:
    kinds, numbers = DEFINITIONS[name].kinds, fine if is_fine else coarse
    if PredictionKind.NUMBER in kinds:
        return numbers(rng, rows, columns) * 1e3, numbers(rng, rows, columns) * 1e3
    if PredictionKind.CLASS_PROBABILITIES in kinds and (columns > 1 or PredictionKind.PROBABILITY not in kinds):
        weights = numbers(rng, rows, 3)
        return rng.integers(0, 3, rows), weights / weights.sum(axis=1, keepdims=True)
    if PredictionKind.PROBABILITY in kinds:
        truth = rng.integers(0, 2, (rows, columns)).astype(float)
        return truth, np.clip(numbers(rng, rows, columns), 0.0, 1.0)
    if PredictionKind.LABEL not in kinds:
        return rng.choice(WORDS, (rows, columns)), rng.choice(WORDS, (rows, columns))
    classes = 2 if columns > 1 or TaskKind.MULTICLASS not in DEFINITIONS[name].tasks else 4
    # rare classes are missing from many resamples
    labels = [np.minimum(rng.geometric(0.6, (rows, columns)) - 1, classes - 1) * 5 // 3 for _ in range(2)]
    return labels[0].astype(str), labels[1].astype(str)


def draw_counts(rng: np.random.Generator, rows: int) -> NDArray[np.uint8]:
    return rng.poisson(rng.choice([0.1, 0.5, 1.0, 2.0]), (6, rows)).astype(np.uint8)


def require_equal(metric: DefinedMetric, truth: Array, predictions: Array, counts: NDArray[np.uint8]) -> None:
    try:
        metric.score(truth, predictions)
    except (TaskError, SubmissionError):
        assume(False)
    expected = score_each(metric.score, truth, predictions, counts)
    np.testing.assert_allclose(metric.resampled(truth, predictions, counts), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 25),
    is_fine=st.booleans(),
    columns=st.integers(1, 3),
    options=st.sampled_from([Options(), Options(k=2, is_multilabel=True)]),
)
def test_a_resample_scores_what_its_repeated_rows_score(
    name: str, seed: int, rows: int, is_fine: bool, columns: int, options: Options
) -> None:
    rng = np.random.default_rng(seed)
    truth, predictions = draw_data(name, rng, rows, is_fine, columns)
    require_equal(DefinedMetric(DEFINITIONS[name], options), truth, predictions, draw_counts(rng, rows))


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_blocks_do_not_show(name: str) -> None:
    """More cells than are weighed at a time, drawn as in a run: the first, a middle and the last resample are checked."""
    rng = np.random.default_rng(3)
    truth, predictions = draw_data(name, rng, 700, True, 1)
    counts = rng.poisson(1.0, (2 * BLOCK_CELLS // 700 + 5, 700)).astype(np.uint8)
    counts[40] = 0
    metric = DefinedMetric(DEFINITIONS[name])
    values = metric.resampled(truth, predictions, counts)
    assert np.flatnonzero(np.isnan(values)).tolist() == [40]
    looked_at = [0, len(counts) // 2, len(counts) - 1]
    expected = score_each(metric.score, truth, predictions, counts[looked_at])
    np.testing.assert_allclose(values[looked_at], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["r2", "pearson"])
def test_digits_lost_to_a_far_row_are_won_back(name: str) -> None:
    """Without the row far off, what is left of the sums of squares has too few digits: the formula itself is asked."""
    truth = np.array([[1e6], [1.0], [2.0], [4.0]])
    predictions = np.array([[2e6], [1.5], [2.5], [3.0]])
    counts = np.array([[1, 1, 1, 1], [0, 1, 1, 1], [0, 2, 1, 0], [0, 3, 0, 0], [0, 0, 0, 0]], dtype=np.uint8)
    metric = DefinedMetric(DEFINITIONS[name])
    values = metric.resampled(truth, predictions, counts)
    np.testing.assert_allclose(values, score_each(metric.score, truth, predictions, counts), rtol=1e-9)
    assert np.isnan(values).tolist() == [False, False, False, True, True]


def test_a_mean_that_overflows_under_a_resample_is_undefined_there() -> None:
    truth, predictions = np.zeros((2, 1)), np.array([[1.2e154], [1.0]])
    metric = DefinedMetric(DEFINITIONS["mse"])
    values = metric.resampled(truth, predictions, np.array([[1, 1], [2, 0], [0, 2]]))
    assert np.isnan(values).tolist() == [False, True, False]


def test_without_known_classes_the_positive_one_is_the_last_that_is_drawn() -> None:
    truth, predictions = np.array([["0"], ["0"], ["1"]]), np.array([["0"], ["1"], ["1"]])
    counts = np.array([[1, 1, 1], [1, 0, 0]], dtype=np.uint8)
    assert DefinedMetric(DEFINITIONS["f1"]).resampled(truth, predictions, counts).tolist() == [2 / 3, 1.0]
    known = DefinedMetric(DEFINITIONS["f1"], Options(classes=("0", "1")))
    assert known.resampled(truth, predictions, counts).tolist() == [2 / 3, 0.0]


def test_a_metric_from_a_file_is_asked_for_each_resample(tmp_path: Path) -> None:
    file = tmp_path / "metric.py"
    file.write_text(
        "greater_is_better = True\ndef score(t, p):\n    if len(t) < 2:\n        raise ValueError('few')\n    return len(t)\n"
    )
    values = load_metric(file).resampled(np.zeros((2, 1)), np.zeros((2, 1)), np.array([[1, 1], [1, 0], [2, 3]]))
    np.testing.assert_array_equal(values, [2.0, np.nan, 5.0])
