"""The families of solutions: which tasks each suits, its default options, and the order in which drafts use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mlmaster.core.task import Modality
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.recipe import Option, Options, Recipe

Matrix = Literal["table", "ordinal", "one_hot", "words", "pixels", "none"]
"""What a family's models are fitted to."""

FITTED = frozenset({Goal.NUMBERS, Goal.BINARY, Goal.CLASSES, Goal.LABELS})
CLASSIFIED = FITTED - {Goal.NUMBERS}


@dataclass(frozen=True, slots=True)
class Family:
    """One family.

    Attributes:
        title: For plans: "a … on typed columns".
        model: The model it fits, a key of `models.MODELS`.
        matrix: What the model is fitted to.
        goals: Goals it can serve.
        defaults: Options beside the common ones.
        most_rows: Train rows beyond which it is not drafted (its cost grows faster than the rows).
        why: One sentence for the plan.
    """

    title: str
    model: str
    matrix: Matrix
    goals: frozenset[Goal] = FITTED
    defaults: Options = field(default_factory=dict)
    most_rows: float = float("inf")
    why: str = ""


_BOOSTED: Options = {"rounds": 300, "rate": 0.06, "seeds": 1, "folds": 0, "balanced": False}

FAMILIES: Mapping[str, Family] = {
    "lightgbm": Family(
        "LightGBM",
        "lightgbm",
        "table",
        defaults={**_BOOSTED, "leaves": 31, "leaf_rows": 20, "column_share": 0.8, "row_share": 0.8, "l2": 1.0},
        why="Boosted trees take numbers, categories and gaps as they are.",
    ),
    "linear": Family(
        "a regularised linear model",
        "linear",
        "one_hot",
        defaults={"strength": 1.0, "balanced": False, "tame_skew": True},
        why="A linear model on scaled numbers and one-hot categories is quick, and errs differently from trees.",
    ),
    "catboost": Family(
        "CatBoost",
        "catboost",
        "table",
        defaults={**_BOOSTED, "rounds": 500, "depth": 6, "l2": 3.0},
        why="Ordered boosting handles categories by itself and needs little tuning on small tables.",
    ),
    "xgboost": Family(
        "XGBoost",
        "xgboost",
        "table",
        defaults={**_BOOSTED, "depth": 5, "leaf_weight": 3.0, "column_share": 0.7, "row_share": 0.8, "l2": 2.0},
        why="Depth-wise boosted trees, regularised differently from LightGBM's.",
    ),
    "extra_trees": Family(
        "extremely randomised trees",
        "extra_trees",
        "ordinal",
        defaults={"trees": 300, "leaf": 2, "share": 0.5, "balanced": False},
        most_rows=200_000,
        why="Averaging random trees has low variance and blends well with boosting.",
    ),
    "network": Family(
        "a small neural network",
        "network",
        "one_hot",
        defaults={"units": 64, "epochs": 40, "penalty": 0.01, "seeds": 1, "rank_gauss": True},
        most_rows=200_000,
        why="A network on normalised numbers finds smooth interactions that trees cut into steps.",
    ),
    "nearest": Family(
        "nearest neighbours",
        "nearest",
        "one_hot",
        defaults={"neighbours": 15, "rank_gauss": True},
        most_rows=50_000,
        why="Similar rows have similar answers; nothing else is assumed.",
    ),
    "baseline": Family(
        "the average of train",
        "baseline",
        "none",
        why="It looks at no feature and cannot fail.",
    ),
    "copied_text": Family(
        "the text itself",
        "copied_text",
        "none",
        goals=frozenset({Goal.WORDS}),
        why="The answer is often the text, or most of it.",
    ),
    "remembered_text": Family(
        "remembered answers",
        "remembered_text",
        "none",
        goals=frozenset({Goal.WORDS}),
        why="Texts seen in train get the answer most frequent for them, others stay as they are.",
    ),
    "frequent_text": Family(
        "the most frequent answer",
        "frequent_text",
        "none",
        goals=frozenset({Goal.WORDS}),
        why="It looks at no feature and cannot fail.",
    ),
}
"""Every family by name."""

_ORDER: Mapping[Modality, Sequence[str]] = {
    Modality.TABULAR: ("lightgbm", "catboost", "linear", "extra_trees", "xgboost", "network", "nearest"),
}


def drafting_order(facts: Facts) -> list[str]:
    """Return the families that suit the task, the one to draft first in front."""
    if facts.goal is Goal.WORDS:
        return ["remembered_text", "copied_text", "frequent_text"] if facts.texts_or_names else ["frequent_text"]
    names = list(_ORDER.get(facts.task.modality, ()))
    return [name for name in names if facts.goal in FAMILIES[name].goals and facts.rows <= FAMILIES[name].most_rows]


def default_recipe(name: str, facts: Facts) -> Recipe:
    """Return a family's first recipe for a task: its defaults, with what the metric and the data ask for."""
    family = FAMILIES[name]
    options: dict[str, Option] = {**family.defaults, **metric_options(facts)}
    if family.matrix in ("table", "ordinal", "one_hot"):
        options["date_parts"] = bool(facts.dates)
        options["split_packed"] = bool(facts.packed or facts.id_separator)
    return Recipe(family=name, options=options)


def quick_start(recipe: Recipe) -> Recipe:
    """Return a recipe that answers within seconds: the first valid submission of a run."""
    quick: dict[str, Option] = {}
    if "rounds" in recipe.options:
        quick = {"rounds": 150, "rate": 0.1}
    return recipe.model_copy(update={"options": {**recipe.options, **quick}})


def metric_options(facts: Facts) -> dict[str, Option]:
    """Return how targets are transformed and answers decided so that the fit is the metric's own."""
    options: dict[str, Option] = {}
    floor = facts.profile.target_minimum
    if facts.goal is Goal.NUMBERS:
        options["transform"] = "none"
        if facts.metric_is("rmsle", "msle"):
            options["transform"] = "log1p"
        elif facts.metric_is("rmse_log", "rmse_logs", "log_rmse") and (floor is None or floor > 0):
            options["transform"] = "log"
        elif facts.metric_is("mape", "smape") and floor is not None and floor >= 0:
            options["transform"] = "log1p"
        options["loss"] = "absolute" if facts.metric_is("mae", "mape", "smape", "medae") else "squared"
    elif facts.is_hard_label:
        options["decision"] = "even" if facts.metric_is("balanced") else "likeliest"
    elif facts.metric_is("balanced"):
        options["decision"] = "even"
    return options
