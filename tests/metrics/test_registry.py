import dataclasses
from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import TaskError
from mlmaster.metrics.registry import DEFINITIONS, Registry
from mlmaster.ports import MetricRegistry

REGISTRY = Registry()


def test_it_is_the_port_s_registry() -> None:
    port: MetricRegistry = REGISTRY
    assert port.get("rmse").name == "rmse"


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("RMSE", "rmse"),
        ("neg_root_mean_squared_error", "rmse"),
        ("root-mean-squared-error", "rmse"),
        ("mean-column-wise-rmsle", "rmsle"),
        ("Root Mean Squared Logarithmic Error", "rmsle"),
        ("neg_mean_squared_log_error", None),
        ("AUC-ROC", "roc_auc"),
        ("column-wise ROC AUC", "roc_auc"),
        ("mean-column-wise-roc-auc", "roc_auc"),
        ("auroc-multi-label", "roc_auc"),
        ("roc_auc_score", "roc_auc"),
        ("roc_auc_ovr", "roc_auc_macro"),
        ("multi-class-log-loss", "log_loss"),
        ("neg_log_loss", "log_loss"),
        ("LogLoss", "log_loss"),
        ("multi-class-classification-accuracy", "accuracy"),
        ("accuracy_score", "accuracy"),
        ("macro-f1-score", "f1_macro"),
        ("micro-f1-score", "f1_micro"),
        ("f1-score", "f1"),
        ("F1", "f1"),
        ("matthews-correlation-coefficient", "matthews_corrcoef"),
        ("quadratic-weighted-kappa", "quadratic_weighted_kappa"),
        ("QWK", "quadratic_weighted_kappa"),
        ("column-wise-spearman", "spearman"),
        ("pearson-correlation-coefficient", "pearson"),
        ("word-level-jaccard-score", "jaccard"),
        ("jaccard-similarity", "jaccard"),
        ("MAP@5", "map_at_5"),
        ("map-at-5", "map_at_5"),
        ("R²", "r2"),
        ("R2", "r2"),
        ("average_precision_score", "average_precision"),
    ],
)
def test_the_names_of_kaggle_mle_bench_and_scikit_learn_are_known(asked: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(TaskError, match=r"did you mean .*rmsle"):
            REGISTRY.get(asked)
    else:
        assert REGISTRY.get(asked).name == name


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_a_standard_name_is_its_own_and_has_all_a_user_needs(name: str) -> None:
    metric = REGISTRY.get(name)
    assert metric.name == name
    assert metric.kinds
    assert metric.title


LOWER_IS_BETTER = {
    *("mse", "rmse", "rmse_log", "rmsle", "mae", "median_absolute_error", "mape", "smape"),
    *("log_loss", "balanced_log_loss", "brier_score"),
}


def test_directions_are_fixed_here() -> None:
    minimized = {name for name in DEFINITIONS if REGISTRY.get(name).direction is Direction.MINIMIZE}
    assert minimized == LOWER_IS_BETTER


def test_an_unknown_name_lists_near_ones() -> None:
    with pytest.raises(TaskError, match=r"unknown metric 'rmsel'; did you mean .*rmsle"):
        REGISTRY.get("rmsel")
    with pytest.raises(TaskError, match="known are: accuracy, average_precision"):
        REGISTRY.get("zzzzqqq")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("rmse", {"k": 3.0}, "takes no parameter 'k'; it takes: none"),
        ("map_at_k", {"n": 3.0}, "it takes: k"),
        ("map_at_k", {"k": 0.0}, "whole number from 1"),
        ("map_at_k", {"k": 2.5}, "whole number from 1"),
        ("map_at_k", {"k": float("inf")}, "whole number from 1"),
    ],
)
def test_parameters_are_checked(name: str, params: dict[str, float], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        REGISTRY.get(name, params)


def test_two_metrics_cannot_share_a_name() -> None:
    rmse = DEFINITIONS["rmse"]
    other = dataclasses.replace(rmse, name="other", aliases=("RMSE",))
    with pytest.raises(ValueError, match="stands for two"):
        Registry([rmse, other])


@pytest.mark.parametrize("kind", TaskKind)
@pytest.mark.parametrize("prediction_kind", [None, *PredictionKind])
def test_the_default_fits_the_kind_of_prediction(kind: TaskKind, prediction_kind: PredictionKind | None) -> None:
    definition = REGISTRY.definition(REGISTRY.default(kind, prediction_kind))
    assert definition is not None
    if prediction_kind is None:
        assert kind in definition.tasks
    elif prediction_kind in (PredictionKind.LABEL, PredictionKind.RANKING, PredictionKind.TEXT):
        assert prediction_kind in definition.kinds


def test_a_task_s_metric_knows_its_classes() -> None:
    task = Task(
        name="toy",
        directory=Path("/nowhere"),
        train="train.csv",
        submission_columns=("y",),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.BINARY,
        prediction_kind=PredictionKind.LABEL,
        classes=("yes", "no"),
        metric="f1",
        direction=Direction.MAXIMIZE,
    )
    import numpy as np

    truth, predictions = np.array([["no"], ["yes"]]), np.array([["no"], ["no"]])
    assert REGISTRY.for_task(task).score(truth, predictions) == pytest.approx(2 / 3)
    assert REGISTRY.get("f1").score(truth, predictions) == 0.0
