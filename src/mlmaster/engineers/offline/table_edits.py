# ruff: noqa: ARG005  (one signature for all of a kind, needed or not)
"""Edits for tables: features, model settings, targets and decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlmaster.engineers.offline.edits import Edit, number, switch, tune, whole
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.recipe import Option, Options, Recipe

BOOSTED = ("lightgbm", "xgboost", "catboost")


def _slower(options: Options) -> Mapping[str, Option]:
    return {"rate": round(number(options, "rate") / 2, 5), "rounds": whole(options, "rounds", 2)}


def _larger(options: Options) -> Mapping[str, Option]:
    if "leaves" in options:
        return {"leaves": whole(options, "leaves", 2), "leaf_rows": whole(options, "leaf_rows", 0.5, 5)}
    return {"depth": whole(options, "depth", 1) + 2}


def _smaller(options: Options) -> Mapping[str, Option]:
    if "leaves" in options:
        return {"leaves": whole(options, "leaves", 0.4, 6), "rounds": whole(options, "rounds", 1.3)}
    return {"depth": max(3, whole(options, "depth", 1) - 2), "rounds": whole(options, "rounds", 1.3)}


def _penalised(options: Options) -> Mapping[str, Option]:
    changes: dict[str, Option] = {"l2": round(4 * number(options, "l2", 1.0), 3)}
    if "leaf_rows" in options:
        changes["leaf_rows"] = whole(options, "leaf_rows", 2)
    if "leaf_weight" in options:
        changes["leaf_weight"] = round(2 * number(options, "leaf_weight"), 3)
    return changes


def _thinned(options: Options) -> Mapping[str, Option]:
    return {"column_share": round(max(0.2, 0.6 * number(options, "column_share", 1.0)), 3), "row_share": 0.7}


def _transform(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    floor, skew = facts.profile.target_minimum, facts.profile.target_skew
    fits = facts.goal is Goal.NUMBERS and recipe.options.get("transform") == "none" and floor is not None and floor >= 0
    return {"transform": "log1p" if skew is None or skew > 2 else "sqrt"} if fits and (skew or 0) > 0.8 else {}


def _weights(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    cares = facts.metric_is("balanced", "f1", "kappa", "matthews", "average_precision", "macro")
    is_classified = facts.goal in (Goal.BINARY, Goal.CLASSES)
    return {"balanced": True} if cares and is_classified and recipe.options.get("balanced") is False else {}


def _decision(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    is_single = facts.goal in (Goal.BINARY, Goal.CLASSES) and facts.is_hard_label
    if not is_single or recipe.options.get("decision") == "tuned" or facts.outputs > 30:
        return {}
    return {"decision": "tuned"} if facts.metric_is("f1", "kappa", "matthews", "balanced", "accuracy") else {}


def _ordered(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    fits = facts.metric_is("kappa") and facts.goal is Goal.CLASSES and facts.is_hard_label
    return {"decision": "ordered"} if fits and recipe.options.get("decision") == "likeliest" else {}


def _loss(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    if facts.goal is not Goal.NUMBERS or recipe.family not in BOOSTED:
        return {}
    return {"loss": "squared" if recipe.options.get("loss") == "absolute" else "absolute"}


TABLE_EDITS: Sequence[Edit] = (
    # what the rows hold
    Edit(
        "side_file_statistics",
        "Read each row's own file and add its counts, averages and distances.",
        switch("side_files", when=lambda f: f.side_rule is not None),
        prior=(6.0, 1.0),
    ),
    Edit(
        "text_topics",
        "Add TF-IDF topics of the text columns (a truncated SVD), so that trees can split on words.",
        switch("text_topics", when=lambda f: bool(f.texts), value=24),
        prior=(4.0, 1.0),
        needs=("scipy", "sklearn"),
    ),
    Edit(
        "sums_of_amounts",
        "Add sum, share and logs of amounts that belong together: the total often tells more than its parts.",
        switch("sums", when=lambda f: len(f.amounts) >= 2),
        prior=(3.0, 1.0),
    ),
    Edit(
        "shared_names",
        "Replace names by how many rows share them: families and firms show as repeated words.",
        switch("shared_names", when=lambda f: bool(f.names)),
        prior=(1.0, 2.0),
    ),
    Edit(
        "cyclical_dates",
        "Add sine and cosine of calendar parts, so that the end of a cycle lies next to its start.",
        switch("cycles", when=lambda f: bool(f.dates)),
        prior=(2.0, 2.0),
    ),
    Edit(
        "missing_indicators",
        "Flag missing cells: that a value is absent can itself be a sign.",
        switch("missing_flags", when=lambda f: any(c.missing > 0.001 for c in f.profile.columns)),
        prior=(1.0, 2.5),
    ),
    Edit(
        "number_pairs",
        "Add differences and ratios of the numbers most related to the target; trees only approximate these.",
        switch("number_pairs", when=lambda f: len(f.numbers) >= 3),
        prior=(2.0, 2.0),
    ),
    Edit(
        "group_statistics",
        "Add means of numbers within categories and each row's distance from them.",
        switch("group_statistics", when=lambda f: bool(f.numbers) and f.width >= 3),
        prior=(2.0, 2.0),
    ),
    Edit(
        "codes_as_categories",
        "Treat whole numbers with few levels as categories: codes have no order.",
        switch("codes_are_categories", when=lambda f: bool(f.numbers)),
        prior=(1.5, 2.0),
    ),
    Edit(
        "category_pairs",
        "Add combinations of two categories, which single splits miss.",
        switch("category_pairs", when=lambda f: len(f.categories) >= 2),
        prior=(1.5, 2.0),
    ),
    Edit(
        "count_encoding",
        "Add how often each category occurs: rare and common levels behave differently.",
        switch("counts", when=lambda f: bool(f.categories or f.packed)),
        prior=(1.5, 2.0),
    ),
    Edit(
        "target_encoding",
        "Add smoothed out-of-fold target means of categories, so that many levels cost few splits.",
        switch("target_means", when=lambda f: bool(f.categories or f.packed) and f.outputs <= 12),
        prior=(2.0, 2.0),
    ),
    Edit(
        "drop_noisy_columns",
        "Keep only the columns that hold nearly all the gain of a quick boosted model; the rest is noise to fit.",
        switch("drop_noise", when=lambda f: f.width >= 8),
        prior=(1.5, 2.0),
        needs=("lightgbm",),
    ),
    Edit(
        "log_of_skewed",
        "Take logs of skewed numbers, so that a few large values do not rule.",
        switch("tame_skew", ("one_hot",)),
        prior=(2.0, 1.5),
    ),
    Edit(
        "rank_gauss",
        "Map numbers to the normal distribution by their ranks: robust, and what linear and distance models like.",
        switch("rank_gauss", ("one_hot",)),
        prior=(2.0, 1.5),
    ),
    # how it is fitted
    Edit(
        "slower_learning",
        "Halve the learning rate and double the rounds: smoother steps, less noise.",
        tune(BOOSTED, _slower),
        prior=(2.5, 1.5),
    ),
    Edit(
        "larger_trees",
        "Grow larger trees, for interactions of more columns.",
        tune(BOOSTED, _larger),
        prior=(1.5, 2.0),
    ),
    Edit(
        "smaller_trees",
        "Grow smaller trees, more of them: fewer chances to fit noise.",
        tune(BOOSTED, _smaller),
        prior=(3.0, 1.5),
    ),
    Edit(
        "stronger_penalty",
        "Penalise leaves harder and let each hold more rows.",
        tune(BOOSTED, _penalised),
        prior=(1.5, 2.0),
    ),
    Edit(
        "fewer_columns_per_tree",
        "Let each tree see fewer columns and rows, so that trees differ more and average better.",
        tune(("lightgbm", "xgboost"), _thinned),
        prior=(2.0, 1.5),
    ),
    Edit(
        "random_splits",
        "Choose split points at random, as extra trees do: more bias, much less variance.",
        tune(("lightgbm",), lambda o: {"extra_random": True, "rounds": whole(o, "rounds", 1.5)}),
        prior=(1.0, 2.0),
    ),
    Edit(
        "more_seeds",
        "Average models of several seeds: the same bias, less variance.",
        tune((*BOOSTED, "network"), lambda o: {"seeds": whole(o, "seeds", 1) + 3}),
        prior=(3.0, 1.5),
    ),
    Edit(
        "inner_folds",
        "Fit five models that each stop early on rows left out, and average them: the number of rounds finds itself.",
        tune(BOOSTED, lambda o: {} if o.get("folds") else {"folds": 5}),
        prior=(3.0, 1.5),
    ),
    Edit(
        "absolute_or_squared_loss",
        "Swap squared for absolute loss (or back): the other centre of a skewed target.",
        _loss,
        prior=(0.7, 3.0),
    ),
    Edit(
        "more_trees",
        "Grow three times as many random trees with larger leaves.",
        tune(("extra_trees",), lambda o: {"trees": whole(o, "trees", 3), "leaf": whole(o, "leaf", 1) + 1}),
    ),
    Edit(
        "all_columns_per_split",
        "Let each split of the random trees see all columns.",
        tune(("extra_trees",), lambda o: {"share": 1.0}),
        prior=(2.0, 2.0),
    ),
    Edit(
        "stronger_regularisation",
        "Shrink the coefficients ten times harder.",
        tune(("linear",), lambda o: {"strength": number(o, "strength") / 10}),
        prior=(2.0, 2.0),
    ),
    Edit(
        "weaker_regularisation",
        "Shrink the coefficients ten times less.",
        tune(("linear",), lambda o: {"strength": number(o, "strength") * 10}),
        prior=(1.0, 2.0),
    ),
    Edit(
        "curves",
        "Add piecewise-linear pieces of each number, so that a linear model can bend.",
        switch("curves", ("one_hot",)),
        prior=(3.0, 1.5),
    ),
    Edit(
        "more_neighbours",
        "Average over three times as many neighbours.",
        tune(("nearest",), lambda o: {"neighbours": whole(o, "neighbours", 3)}),
    ),
    Edit(
        "larger_network",
        "Double the units and train a little longer.",
        tune(("network",), lambda o: {"units": whole(o, "units", 2), "epochs": whole(o, "epochs", 1.5)}),
    ),
    # what is asked
    Edit(
        "target_transform",
        "Fit a root or logarithm of the skewed target, so that large values do not rule the fit.",
        _transform,
        prior=(2.0, 2.0),
    ),
    Edit(
        "class_weights",
        "Let every class weigh the same: the metric does not count rows.",
        _weights,
        prior=(1.5, 1.5),
    ),
    Edit(
        "tuned_decision",
        "Choose the label by factors on the probabilities, tuned for the metric on answers to unseen rows.",
        _decision,
        prior=(2.0, 2.0),
    ),
    Edit(
        "ordered_decision",
        "Cut the expected class number into train's shares: near misses are cheap under this metric.",
        _ordered,
        prior=(3.0, 1.0),
    ),
)
"""Every edit for table families, in the order in which ties are broken."""
