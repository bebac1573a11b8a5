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

_PER_CELL: Mapping[str, float] = {"lightgbm": 2.5e-8, "xgboost": 3.5e-8, "catboost": 8e-8}
_PER_ROUND: Mapping[str, float] = {"lightgbm": 1.5e-3, "xgboost": 1.5e-3, "catboost": 3e-3}


def seconds(recipe: Recipe, facts: Facts, threads: int) -> float:
    """Return about how long the recipe's script runs."""
    if recipe.members:
        repeats = 4 if recipe.combine == "stack" else 1
        return repeats * sum(seconds(member, facts, threads) for member in recipe.members)
    options = recipe.options
    model = FAMILIES[recipe.family].model
    rows = min(facts.rows, number(options, "most_rows", facts.rows))
    models = max(1.0, number(options, "seeds", 1)) * (facts.outputs if facts.goal is not Goal.BINARY else 1)
    models *= number(options, "folds", 0) or 1
    repeats = 4 if options.get("decision") == "tuned" else 1
    speed = max(1.0, 0.7 * threads)
    if model in _PER_CELL:
        leaves = max(1.0, number(options, "leaves", 31) / 31, 2.0 ** (number(options, "depth", 6) - 6))
        per_round = _PER_ROUND[model] + _PER_CELL[model] * rows * max(8, facts.width) / speed
        return 4 + repeats * models * number(options, "rounds") * per_round * sqrt(leaves)
    if model == "extra_trees":
        return 4 + repeats * number(options, "trees") * rows * max(8, facts.width) * 2.5e-7 / speed
    if model == "network":
        return 4 + repeats * models * number(options, "epochs") * rows * number(options, "units") * 6e-7
    return 4 + repeats * rows * facts.width * 1e-6


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
    needed = seconds(recipe, facts, threads)
    if needed > allowed:
        rows = int(max(2_000, facts.rows * allowed / needed))
        if rows < facts.rows:
            recipe = _with(recipe, most_rows=rows)
    return recipe


def _with(recipe: Recipe, **options: Option) -> Recipe:
    return recipe.model_copy(update={"options": {**recipe.options, **options}})
