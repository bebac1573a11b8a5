"""Every built-in metric against a number worked out by hand, and the laws they share."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.definition import DefinedMetric, Options
from mlmaster.metrics.registry import DEFINITIONS, Registry
from mlmaster.ports import Array

REGISTRY = Registry()
LN2 = math.log(2)


def column(*values: Any) -> Array:
    return np.array(values).reshape(-1, 1)


ONE_HOT_TRUTH = np.array([0, 1, 2])
THREE = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])
FLAGS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
CASES: list[tuple[str, Array, Array, float]] = [
    ("mse", column(1.0, 2.0), column(2.0, 4.0), 2.5),
    ("rmse", column(0.0, 0.0), column(3.0, 4.0), math.sqrt(12.5)),
    ("rmse", np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]]), 2.0),
    ("rmse_log", column(1.0, 1.0), column(math.e, 1 / math.e), 1.0),
    ("rmsle", column(0.0, 0.0), column(math.e - 1, math.e - 1), 1.0),
    ("rmsle", np.array([[0.0, 0.0]]), np.array([[math.e - 1, math.e**3 - 1]]), 2.0),
    ("mae", column(1.0, 2.0), column(2.0, 4.0), 1.5),
    ("median_absolute_error", column(0.0, 0.0, 0.0), column(1.0, 2.0, 9.0), 2.0),
    ("r2", column(1.0, 2.0, 3.0), column(1.0, 2.0, 4.0), 0.5),
    ("mape", column(1.0, -2.0), column(2.0, -4.0), 1.0),
    ("smape", column(1.0, 0.0), column(3.0, 0.0), 50.0),
    ("pearson", column(1.0, 2.0, 3.0), column(2.0, 4.0, 6.0), 1.0),
    ("spearman", np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), np.array([[1.0, 9.0], [8.0, 4.0], [27.0, 1.0]]), 0.0),
    ("log_loss", column(1.0, 0.0), column(0.5, 0.75), (LN2 + 2 * LN2) / 2),
    ("log_loss", ONE_HOT_TRUTH, THREE, (LN2 + LN2 + 2 * LN2) / 3),
    ("log_loss", FLAGS, np.full((3, 2), 0.5), LN2),
    ("log_loss", column(1.0, 1.0), column(0.0, 1.0), (-math.log(2.0**-52) - math.log1p(-(2.0**-52))) / 2),
    ("balanced_log_loss", column(1.0, 0.0, 0.0, 0.0), column(0.25, 0.5, 0.5, 0.5), (2 * LN2 + LN2) / 2),
    ("balanced_log_loss", np.array([0, 1, 1, 2]), THREE[[0, 1, 1, 2]], (LN2 + LN2 + 2 * LN2) / 3),
    ("roc_auc", column(0.0, 0.0, 1.0, 1.0), column(0.1, 0.4, 0.35, 0.8), 0.75),
    ("roc_auc", FLAGS, np.array([[0.9, 0.5], [0.1, 0.5], [0.8, 0.5]]), 0.75),
    ("roc_auc_macro", ONE_HOT_TRUTH, THREE, (0.75 + 1.0 + 0.5) / 3),
    ("average_precision", column(0.0, 0.0, 1.0, 1.0), column(0.1, 0.4, 0.35, 0.8), (1 + 2 / 3) / 2),
    ("brier_score", column(1.0, 0.0), column(0.5, 0.0), 0.125),
    ("accuracy", column("a", "b", "c"), column("a", "b", "a"), 2 / 3),
    ("balanced_accuracy", column("a", "a", "a", "b"), column("a", "a", "c", "b"), (2 / 3 + 1) / 2),
    ("f1", column("0", "1", "1"), column("1", "1", "0"), 0.5),
    ("f1", column("0", "0", "1"), column("0", "0", "0"), 0.0),
    ("f1_macro", column("a", "a", "b"), column("a", "b", "b"), 2 / 3),
    ("f1_micro", column("a", "a", "b"), column("a", "b", "b"), 2 / 3),
    ("f1_micro", np.array([["1", "0"], ["1", "1"]]), np.array([["1", "1"], ["0", "1"]]), 2 / 3),
    ("f1_samples", column("a b", "c"), column("b", "c"), (2 / 3 + 1) / 2),
    ("f1_samples", column("a", "a"), column("a", ""), 0.5),
    ("f1_macro", np.array([["1", "0"], ["0", "0"]]), np.array([["1", "0"], ["1", "0"]]), 1 / 3),
    ("f1_samples", np.array([["1", "1", "0"], ["0", "0", "1"]]), np.array([["0", "1", "0"], ["0", "0", "1"]]), 5 / 6),
    ("matthews_corrcoef", column("0", "0", "1", "1"), column("1", "1", "0", "0"), -1.0),
    ("matthews_corrcoef", column("0", "0", "1", "1"), column("1", "1", "1", "1"), 0.0),
    ("quadratic_weighted_kappa", column("1", "2", "10"), column("1", "2", "10"), 1.0),
    ("quadratic_weighted_kappa", column("2", "2"), column("2", "2"), 1.0),
    ("quadratic_weighted_kappa", column("0", "1", "2"), column("2", "1", "0"), -1.0),
    ("map_at_k", column("a", "b c", ""), column("x a", "b x b c", "a"), (1 / 2 + (1 + 2 / 4) / 2 + 0) / 3),
    ("jaccard", column("A b", "", "x"), column("a c", "", ""), (1 / 3 + 1 + 0) / 3),
]


@pytest.mark.parametrize(("name", "truth", "predictions", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_number_worked_out_by_hand(name: str, truth: Array, predictions: Array, expected: float) -> None:
    assert REGISTRY.get(name).score(truth, predictions) == pytest.approx(expected, abs=1e-12)


def test_every_built_in_metric_has_a_number_worked_out_by_hand() -> None:
    assert {case[0] for case in CASES} == set(DEFINITIONS)


def test_map_stops_at_k() -> None:
    truth, ranking = column("a"), column("x y a")
    assert REGISTRY.get("map_at_k", {"k": 2}).score(truth, ranking) == 0.0
    assert REGISTRY.get("map_at_3").score(truth, ranking) == pytest.approx(1 / 3)


def test_the_positive_class_is_the_task_s_second() -> None:
    truth, predictions = column("yes", "no", "no"), column("yes", "yes", "no")
    by_default = DefinedMetric(DEFINITIONS["f1"])
    reversed_classes = DefinedMetric(DEFINITIONS["f1"], Options(classes=("yes", "no")))
    assert by_default.score(truth, predictions) == pytest.approx(2 / 3)
    assert reversed_classes.score(truth, predictions) == pytest.approx(2 / 3)
    assert by_default.score(truth[:1], predictions[:1]) == 1.0
    assert reversed_classes.score(truth[:1], predictions[:1]) == 0.0


def test_ratings_in_words_have_the_order_of_the_classes() -> None:
    truth, predictions = column("low", "mid", "high"), column("low", "high", "high")
    ordered = DefinedMetric(DEFINITIONS["quadratic_weighted_kappa"], Options(classes=("low", "mid", "high")))
    numbered = REGISTRY.get("qwk").score(column("0", "1", "2"), column("0", "2", "2"))
    assert ordered.score(truth, predictions) == pytest.approx(numbered)
    with pytest.raises(TaskError, match="row 1: 'low' is no rating"):
        REGISTRY.get("qwk").score(truth, predictions)
    with pytest.raises(SubmissionError, match=r"row 1: '1\.5' is no rating"):
        REGISTRY.get("qwk").score(column("1", "2"), column("1.5", "2"))


@pytest.mark.parametrize(
    ("name", "truth", "predictions", "message"),
    [
        ("rmse", column(1.0), column(math.nan), "row 1, prediction column 1 is not finite"),
        ("rmse", column(1.0, 2.0), column(1.0), "shape"),
        ("rmse", column(0.0), column(1e300), "too large"),
        (
            "rmsle",
            column(1.0, 1.0),
            column(0.0, -0.5),
            r"row 2, prediction column 1 is -0\.5, and must be 0 or greater",
        ),
        ("rmse_log", column(1.0), column(0.0), "must be greater than 0"),
        ("pearson", column(1.0, 2.0), column(3.0, 3.0), "every prediction is 3"),
        ("log_loss", column(1.0), column(1.5), r"is 1\.5, and must be in \[0, 1\]"),
        ("log_loss", np.array([0]), np.array([[0.5, 0.4]]), r"sum to 0\.9, and must sum to 1"),
        ("log_loss", np.array([0]), np.array([[1.2, -0.2]]), "must be in"),
        ("roc_auc", column(1.0, 0.0), column(2.0, 0.0), "must be in"),
    ],
)
def test_predictions_outside_the_domain_are_the_submission_s_fault(
    name: str, truth: Array, predictions: Array, message: str
) -> None:
    with pytest.raises(SubmissionError, match=message):
        REGISTRY.get(name).score(truth, predictions)


@pytest.mark.parametrize(
    ("name", "truth", "predictions", "message"),
    [
        ("rmse", np.empty((0, 1)), np.empty((0, 1)), "no rows"),
        ("rmsle", column(-1.0), column(1.0), r"holds -1 \(row 1\), and must be 0 or greater"),
        ("rmse_log", column(0.0), column(1.0), "must be greater than 0"),
        ("mape", column(1.0, 0.0), column(1.0, 1.0), "0 in row 2"),
        ("r2", column(1.0, 1.0), column(1.0, 2.0), "constant"),
        ("spearman", column(1.0, 1.0), column(1.0, 2.0), "constant"),
        ("roc_auc", column(1.0, 1.0), column(0.5, 0.6), r"same class \(1\)"),
        ("average_precision", column(0.0, 0.0), column(0.5, 0.6), "no row of target 1 is positive"),
        ("roc_auc_macro", np.array([0, 1]), THREE[:2], "class number 2"),
        ("f1", column("a", "b", "c"), column("a", "b", "c"), "3 classes"),
    ],
)
def test_a_truth_outside_the_domain_is_the_task_s_fault(
    name: str, truth: Array, predictions: Array, message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        REGISTRY.get(name).score(truth, predictions)


def test_probabilities_are_not_rescaled_within_the_tolerance() -> None:
    slightly_off = np.array([[0.5, 0.499995]])
    assert REGISTRY.get("log_loss").score(np.array([0]), slightly_off) == pytest.approx(LN2, abs=1e-12)


# --- laws ------------------------------------------------------------------------------------------------------------


def draw_rows(name: str, rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    """Return a truth the metric is defined on, and predictions for it."""
    kinds = DEFINITIONS[name].kinds
    if PredictionKind.CLASS_PROBABILITIES in kinds:
        return rng.permutation(np.arange(rows) % 3), rng.dirichlet(np.ones(3), size=rows)
    if PredictionKind.PROBABILITY in kinds:
        return rng.permutation(np.arange(rows) % 2).astype(float).reshape(-1, 1), rng.random((rows, 1))
    if PredictionKind.NUMBER in kinds:
        return rng.random((rows, 2)) + 0.1, rng.random((rows, 2)) + 0.1
    return rng.integers(0, 2, (rows, 1)).astype(str), rng.integers(0, 2, (rows, 1)).astype(str)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(6, 30))
def test_the_order_of_rows_does_not_matter(name: str, seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predictions = draw_rows(name, rng, rows)
    order = rng.permutation(rows)
    metric = REGISTRY.get(name)
    assert metric.score(truth, predictions) == pytest.approx(
        metric.score(truth[order], predictions[order]), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_scores_better_than_the_truth_itself(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predictions = draw_rows(name, rng, 12)
    perfect = np.eye(3)[truth] if truth.ndim == 1 else truth
    metric = REGISTRY.get(name)
    best = metric.direction.to_utility(metric.score(truth, perfect))
    assert metric.direction.to_utility(metric.score(truth, predictions)) <= best + 1e-9


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_a_metric_says_rightly_whether_order_alone_counts(name: str) -> None:
    truth, predictions = draw_rows(name, np.random.default_rng(5), 30)
    metric = REGISTRY.get(name)
    if predictions.dtype.kind != "f" or truth.ndim == 1:
        assert not metric.is_rank_based or name == "roc_auc_macro"
        return
    squeezed = predictions**3 * 0.9  # the same order, other numbers
    same = metric.score(truth, predictions) == pytest.approx(metric.score(truth, squeezed), rel=1e-12)
    assert metric.is_rank_based == same


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8, unique=True))
def test_rankings_mirror_when_the_direction_flips(values: list[float]) -> None:
    up = sorted(values, key=Direction.MAXIMIZE.to_utility)
    down = sorted(values, key=Direction.MINIMIZE.to_utility)
    assert up == down[::-1]
    for direction in Direction:
        assert [direction.to_value(direction.to_utility(value)) for value in values] == values
