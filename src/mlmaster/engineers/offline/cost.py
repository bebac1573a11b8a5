"""What a recipe costs, about, and the recipe cut to the time a script may take.

The figures are seconds of one thread, measured on one core of a small server; they only need to be right within a factor
of three. The recipe stored in the tree keeps its wishes; only the script is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, sqrt

from mlmaster.engineers.offline.edits import number, whole
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.families import FAMILIES
from mlmaster.engineers.offline.recipe import Option, Recipe

SHARE = 0.5
"""Share of the limit a script should need by the estimate."""
LEAST_ROUNDS = 40
START_S = 4.0
"""Start of Python and import of the libraries."""

_PER_CELL: Mapping[str, float] = {"lightgbm": 2.5e-8, "xgboost": 3.5e-8, "catboost": 8e-8}
_PER_ROUND: Mapping[str, float] = {"lightgbm": 1.5e-3, "xgboost": 1.5e-3, "catboost": 3e-3}


def seconds(recipe: Recipe, facts: Facts, threads: int) -> float:
    """Return about how long the recipe's script runs."""
    if recipe.members:
        repeats = 4 if recipe.combine == "stack" else 1
        return repeats * sum(seconds(member, facts, threads) for member in recipe.members)
    rows = min(facts.rows, number(recipe.options, "most_rows", facts.rows))
    repeats = 4 if recipe.options.get("decision") == "tuned" else 1
    reading = 3e-6 * (facts.rows + facts.profile.test_rows) * facts.width
    return START_S + reading + repeats * (_features(recipe, facts, rows) + _fits(recipe, facts, rows, threads))


def _features(recipe: Recipe, facts: Facts, rows: float) -> float:
    """Return the seconds until the matrix is there."""
    options, both = recipe.options, rows + facts.profile.test_rows
    match FAMILIES[recipe.family].matrix:
        case "none":
            return 0.0
        case "words":
            words = sum(c.mean_words or 25.0 for c in facts.profile.columns if c.name in facts.texts) / 25
            return both * words * (7e-5 * number(options, "words") + (4e-4 if options.get("chars") else 0.0))
        case "pixels":
            copies = 5 if options.get("shifts") else 1
            return both * copies * (2e-4 + number(options, "size") ** 2 * 4e-7)
        case _:
            blocks = sum(value is True for value in options.values())
            files = 6e-3 * both if options.get("side_files") and facts.side_rule is not None else 0.0
            return files + both * facts.width * 5e-7 * (1 + blocks)


def _fits(recipe: Recipe, facts: Facts, rows: float, threads: int) -> float:
    """Return the seconds all models need once the matrix is there."""
    family, options = FAMILIES[recipe.family], recipe.options
    outputs = facts.outputs if facts.goal is not Goal.BINARY else 1
    models = max(1.0, number(options, "seeds", 1)) * (number(options, "folds", 0) or 1) * outputs
    speed = max(1.0, 0.7 * threads)
    width = max(8.0, number(options, "parts") or number(options, "topics") or facts.width)
    if options.get("side_files") and facts.side_rule is not None:
        width += 100
    if family.matrix == "pixels" and options.get("shifts"):
        rows *= 5
    match family.model:
        case "lightgbm" | "xgboost" | "catboost":
            leaves = max(1.0, number(options, "leaves", 31) / 31, 2.0 ** (number(options, "depth", 6) - 6))
            per_round = _PER_ROUND[family.model] + _PER_CELL[family.model] * rows * width / speed
            if family.model == "catboost":
                per_round += 2e-4 * len(facts.categories)
            return models * number(options, "rounds") * per_round * sqrt(leaves)
        case "extra_trees":
            columns = number(options, "size") ** 1.5 if family.matrix == "pixels" else width * number(options, "share")
            return number(options, "trees") * rows * max(2.0, columns) * 5e-7 / speed
        case "network":
            return models * number(options, "epochs") * rows * (number(options, "units") + width) * 4e-7
        case "nearest":
            return rows * (facts.profile.test_rows + 0.2 * rows) * width * 2e-9
        case "kernel_svm" | "kernel_svr":
            return outputs * rows**2 * width * 4e-9
        case _:
            terms = 4.0 if options.get("chars") else 1.0
            return outputs * rows * (1e-4 * terms if family.matrix == "words" else 1e-6 * width)


def fitted(recipe: Recipe, facts: Facts, limit_s: float, threads: int) -> Recipe:
    """Return the recipe cut so that its script should end well within the limit.

    Seeds and inner folds go first, then rounds (with larger steps), then rows.
    """
    if recipe.members:
        part = limit_s / len(recipe.members) / (4 if recipe.combine == "stack" else 1)
        members = tuple(fitted(member, facts, part, threads) for member in recipe.members)
        return recipe.model_copy(update={"members": members})
    allowed = SHARE * limit_s
    if not isfinite(limit_s) or seconds(recipe, facts, threads) <= allowed:
        return recipe
    for change in ({"seeds": 2}, {"seeds": 1}, {"folds": 3}, {"folds": 0}):
        name, value = next(iter(change.items()))
        if number(recipe.options, name) > value:
            recipe = _with(recipe, **{name: value})
            if seconds(recipe, facts, threads) <= allowed:
                return recipe
    for name in ("rounds", "trees", "epochs"):
        if name not in recipe.options:
            continue
        factor = max(0.05, min(1.0, allowed / seconds(recipe, facts, threads)))
        before = number(recipe.options, name)
        count = whole(recipe.options, name, factor, min(LEAST_ROUNDS, int(before)))
        recipe = _with(recipe, **{name: count})
        if "rate" in recipe.options:
            recipe = _with(recipe, rate=round(min(0.2, number(recipe.options, "rate") * before / count), 4))
    if seconds(recipe, facts, threads) > allowed and recipe.is_on("side_files"):
        recipe = _with(recipe, side_files=False)
    needed = seconds(recipe, facts, threads)
    if needed > allowed:
        rows = int(max(2_000, facts.rows * allowed / needed))
        if rows < facts.rows:
            recipe = _with(recipe, most_rows=rows)
    return recipe


def _with(recipe: Recipe, **options: Option) -> Recipe:
    return recipe.model_copy(update={"options": {**recipe.options, **options}})
