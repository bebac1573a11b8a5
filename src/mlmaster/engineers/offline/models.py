# ruff: noqa: ARG001, ARG005  (one signature for all of a kind, needed or not)
"""Model lines: for each model and goal, the library function that fits it and the arguments its options become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.recipe import Options


@dataclass(frozen=True, slots=True)
class Fit:
    """A function of the library and its keyword arguments; `params` become a constant of their own in the script."""

    function: str
    arguments: Mapping[str, Any]
    params: Mapping[str, Any] | None = None


def _classes(facts: Facts) -> int:
    return facts.outputs if facts.goal is Goal.CLASSES else 2


def _boosted(function: str, options: Options, params: Mapping[str, Any], **more: Any) -> Fit:
    arguments = {"rounds": options["rounds"], "seeds": options["seeds"], "balanced": bool(options.get("balanced"))}
    arguments |= more
    if options.get("folds"):
        return Fit(f"{function}_folds", {**arguments, "folds": options["folds"]}, params)
    return Fit(function, arguments, params)


def _lightgbm(options: Options, facts: Facts) -> Fit:
    objective = {Goal.CLASSES: "multiclass", Goal.NUMBERS: "regression"}.get(facts.goal, "binary")
    if facts.goal is Goal.NUMBERS and options.get("loss") == "absolute":
        objective = "regression_l1"
    params: dict[str, Any] = {"objective": objective}
    if facts.goal is Goal.CLASSES:
        params["num_class"] = facts.outputs
    params |= {
        "learning_rate": options["rate"],
        "num_leaves": options["leaves"],
        "min_data_in_leaf": options["leaf_rows"],
        "feature_fraction": options["column_share"],
        "bagging_fraction": options["row_share"],
        "bagging_freq": 1,
        "lambda_l2": options["l2"],
        "cat_smooth": 20,
    }
    if options.get("extra_random"):
        params["extra_trees"] = True
    return _boosted("lightgbm", options, params)


def _xgboost(options: Options, facts: Facts) -> Fit:
    objective = {Goal.CLASSES: "multi:softprob", Goal.NUMBERS: "reg:squarederror"}.get(facts.goal, "binary:logistic")
    if facts.goal is Goal.NUMBERS and options.get("loss") == "absolute":
        objective = "reg:absoluteerror"
    params: dict[str, Any] = {"objective": objective}
    if facts.goal is Goal.CLASSES:
        params["num_class"] = facts.outputs
    params |= {
        "eta": options["rate"],
        "max_depth": options["depth"],
        "min_child_weight": options["leaf_weight"],
        "colsample_bytree": options["column_share"],
        "subsample": options["row_share"],
        "lambda": options["l2"],
        "max_cat_to_onehot": 8,
        "tree_method": "hist",
    }
    return _boosted("xgboost", options, params)


def _catboost(options: Options, facts: Facts) -> Fit:
    loss = {Goal.CLASSES: "MultiClass", Goal.NUMBERS: "RMSE"}.get(facts.goal, "Logloss")
    if facts.goal is Goal.NUMBERS and options.get("loss") == "absolute":
        loss = "MAE"
    params = {
        "loss_function": loss,
        "learning_rate": options["rate"],
        "depth": options["depth"],
        "l2_leaf_reg": options["l2"],
        "one_hot_max_size": 8,
    }
    outputs = {Goal.CLASSES: facts.outputs, Goal.NUMBERS: 0}.get(facts.goal, 1)
    return _boosted("catboost", options, params, outputs=outputs)


def _linear(options: Options, facts: Facts) -> Fit:
    strength = float(options["strength"] or 1.0)
    if facts.goal is Goal.NUMBERS:
        return Fit("ridge", {"alpha": round(10.0 / strength, 4)})
    return Fit("logistic", {"classes": _classes(facts), "C": strength, "balanced": bool(options.get("balanced"))})


def _extra_trees(options: Options, facts: Facts) -> Fit:
    arguments = {"trees": options["trees"], "leaf": options["leaf"], "share": options["share"]}
    if facts.goal is Goal.NUMBERS:
        return Fit("extra_trees_numbers", arguments)
    return Fit("extra_trees", {"classes": _classes(facts), **arguments, "balanced": bool(options.get("balanced"))})


def _network(options: Options, facts: Facts) -> Fit:
    arguments = {name: options[name] for name in ("units", "epochs", "penalty", "seeds")}
    if facts.goal is Goal.NUMBERS:
        return Fit("network_numbers", arguments)
    return Fit("network", {"classes": _classes(facts), **arguments})


def _nearest(options: Options, facts: Facts) -> Fit:
    arguments = {"neighbours": options["neighbours"]}
    if facts.goal is Goal.NUMBERS:
        return Fit("nearest_numbers", arguments)
    return Fit("nearest", {"classes": _classes(facts), **arguments})


def _text(function: str, *extra: str, **fixed: str) -> Callable[[Options, Facts], Fit]:
    """Return the fit of a linear text model for classes; `extra` names further options it takes, `fixed` are passed on."""

    def fit(options: Options, facts: Facts) -> Fit:
        arguments: dict[str, Any] = {"classes": _classes(facts)}
        if "strength" in options:
            arguments["C"] = options["strength"]
        arguments |= {name: bool(options.get(name)) if name == "balanced" else options[name] for name in extra}
        return Fit(function, {**arguments, **fixed})

    return fit


def _ridge_text(options: Options, facts: Facts) -> Fit:
    return Fit("ridge", {"alpha": round(1.0 / float(options["strength"] or 1.0), 4)})


def _svr_text(options: Options, facts: Facts) -> Fit:
    return Fit("linear_svr", {"C": options["strength"]})


def _baseline(options: Options, facts: Facts) -> Fit:
    if facts.goal is Goal.CLASSES:
        return Fit("class_shares", {"classes": facts.outputs})
    return Fit("average", {})


MODELS: Mapping[str, Callable[[Options, Facts], Fit]] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
    "linear": _linear,
    "extra_trees": _extra_trees,
    "network": _network,
    "nearest": _nearest,
    "logistic_text": _text("logistic", "balanced", solver="sag"),
    "logistic_pixels": _text("logistic", "balanced"),
    "kernel_svm": _text("kernel_svm", "balanced"),
    "kernel_svr": lambda options, facts: Fit("kernel_svr", {"C": options["strength"]}),
    "svm_text": _text("linear_svm", "balanced"),
    "bayes_logistic": _text("bayes_logistic", "alpha"),
    "naive_bayes": _text("naive_bayes", "alpha"),
    "complement_bayes": _text("complement_bayes", "alpha"),
    "ridge_text": _ridge_text,
    "svr_text": _svr_text,
    "baseline": _baseline,
}
"""From options to a fit, by model."""
