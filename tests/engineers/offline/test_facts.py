"""Roles of columns, as worked out from a profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mlmaster.core.task import Modality, PredictionKind, TaskKind
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.families import default_recipe, drafting_order, metric_options

if TYPE_CHECKING:
    from .conftest import Tiny


def test_columns_get_their_roles(tiny: Callable[..., Tiny]) -> None:
    facts = tiny("label").facts
    assert facts.goal is Goal.BINARY
    assert facts.dates == ("day",)
    assert facts.packed == (("cabin", "/"),)
    assert facts.id_separator == "_"
    assert facts.names == ("person",)
    assert facts.texts == ("comment",)
    assert facts.amounts == ("spent", "saved")
    assert facts.side_rule is not None
    assert facts.image_rule is None
    assert facts.left_out == ()


def test_an_id_without_structure_is_left_out(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    columns = tuple(c.model_copy(update={"separators": ""}) if c.name == "key" else c for c in one.profile.columns)
    facts = Facts.of(one.task, one.profile.model_copy(update={"columns": columns}))
    assert facts.left_out == ("key",)
    assert facts.id_separator is None


def test_train_only_columns_are_no_features(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    facts = Facts.of(one.task.model_copy(update={"train_only": ("spent",)}), one.profile)
    assert "spent" not in (*facts.amounts, *facts.numbers)


@pytest.mark.parametrize(
    ("metric", "minimum", "expected"),
    [
        ("rmsle", 0.0, {"transform": "log1p", "loss": "squared"}),
        ("rmse_log", 1.0, {"transform": "log", "loss": "squared"}),
        ("rmse", 0.0, {"transform": "none", "loss": "squared"}),
        ("mae", -3.0, {"transform": "none", "loss": "absolute"}),
        ("smape", 0.0, {"transform": "log1p", "loss": "absolute"}),
    ],
)
def test_the_fit_is_the_metrics_own(
    metric: str, minimum: float, expected: dict[str, str], tiny: Callable[..., Tiny]
) -> None:
    one = tiny("number")
    task = one.task.model_copy(update={"metric": metric})
    assert metric_options(Facts.of(task, one.profile.model_copy(update={"target_minimum": minimum}))) == expected


@pytest.mark.parametrize(("metric", "decision"), [("accuracy", "likeliest"), ("balanced_accuracy", "even")])
def test_labels_are_decided_as_the_metric_counts(metric: str, decision: str, tiny: Callable[..., Tiny]) -> None:
    one = tiny("grade")
    assert metric_options(Facts.of(one.task.model_copy(update={"metric": metric}), one.profile)) == {
        "decision": decision
    }


def test_large_tables_get_no_families_that_grow_too_fast(tiny: Callable[..., Tiny]) -> None:
    one = tiny("probability")
    facts = Facts.of(one.task, one.profile.model_copy(update={"train_rows": 2_000_000}))
    assert drafting_order(facts) == ["lightgbm", "catboost", "linear", "xgboost"]


def test_two_classes_called_multiclass_are_fitted_as_binary(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    task = one.task.model_copy(
        update={"kind": TaskKind.MULTICLASS, "prediction_kind": PredictionKind.CLASS_PROBABILITIES}
    )
    assert Facts.of(task, one.profile).goal is Goal.BINARY


def test_ranks_want_shrinkage_and_probabilities_do_not(tiny: Callable[..., Tiny]) -> None:
    ranked, calibrated = tiny("probability", Modality.TEXT), tiny("classes", Modality.TEXT)
    assert default_recipe("word_logistic", ranked.facts).options["strength"] == 5.0
    assert default_recipe("word_logistic", calibrated.facts).options["strength"] == 30.0
