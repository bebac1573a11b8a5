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
        needs: What its scripts import beside numpy and pandas, names in `facts.DISTRIBUTIONS`.
    """

    title: str
    model: str
    matrix: Matrix
    goals: frozenset[Goal] = FITTED
    defaults: Options = field(default_factory=dict)
    most_rows: float = float("inf")
    why: str = ""
    needs: tuple[str, ...] = ("sklearn",)


_BOOSTED: Options = {"rounds": 300, "rate": 0.06, "seeds": 1, "folds": 0, "balanced": False}

_WORDS: Options = {"words": 2, "chars": 0, "min_df": 2, "sublinear": True}
_CHARS: Options = {"words": 0, "chars": 5, "least_chars": 2, "min_df": 2, "sublinear": True}

_PICTURE: Options = {"size": 32, "mode": "L", "cell": 8, "shifts": False}

FAMILIES: Mapping[str, Family] = {
    "lightgbm": Family(
        "LightGBM",
        "lightgbm",
        "table",
        defaults={**_BOOSTED, "leaves": 31, "leaf_rows": 20, "column_share": 0.8, "row_share": 0.8, "l2": 1.0},
        why="Boosted trees take numbers, categories and gaps as they are.",
        needs=("lightgbm",),
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
        needs=("catboost",),
    ),
    "xgboost": Family(
        "XGBoost",
        "xgboost",
        "table",
        defaults={**_BOOSTED, "depth": 5, "leaf_weight": 3.0, "column_share": 0.7, "row_share": 0.8, "l2": 2.0},
        why="Depth-wise boosted trees, regularised differently from LightGBM's.",
        needs=("xgboost",),
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
    "word_logistic": Family(
        "a logistic regression on TF-IDF of words",
        "logistic_text",
        "words",
        goals=CLASSIFIED,
        defaults={**_WORDS, "strength": 5.0, "balanced": False},
        why="Quick, hard to break, and close to the best a bag of words can do.",
        needs=("scipy", "sklearn"),
    ),
    "word_char_logistic": Family(
        "a logistic regression on TF-IDF of words and characters",
        "logistic_text",
        "words",
        goals=CLASSIFIED,
        defaults={**_WORDS, "chars": 5, "least_chars": 2, "strength": 5.0, "balanced": False},
        most_rows=300_000,
        why="Words say what a text is about; character n-grams catch endings, misspellings and tone.",
        needs=("scipy", "sklearn"),
    ),
    "bayes_logistic": Family(
        "an NB-SVM (logistic regression on naive Bayes ratios)",
        "bayes_logistic",
        "words",
        goals=CLASSIFIED,
        defaults={**_WORDS, "binary": True, "strength": 4.0, "alpha": 1.0},
        why="Scaling terms by their log-count ratio lets few examples of a term count.",
        needs=("scipy", "sklearn"),
    ),
    "text_svm": Family(
        "a calibrated linear SVM on TF-IDF of words and characters",
        "svm_text",
        "words",
        goals=CLASSIFIED,
        defaults={**_WORDS, "chars": 5, "least_chars": 2, "strength": 0.3, "balanced": False},
        most_rows=300_000,
        why="Margins in many dimensions; a sigmoid on held-out folds makes them probabilities.",
        needs=("scipy", "sklearn"),
    ),
    "naive_bayes": Family(
        "a multinomial naive Bayes on TF-IDF of words",
        "naive_bayes",
        "words",
        goals=CLASSIFIED,
        defaults={**_WORDS, "min_df": 1, "alpha": 0.1},
        why="It counts where others fit: it errs differently, and blends well.",
        needs=("scipy", "sklearn"),
    ),
    "complement_bayes": Family(
        "a calibrated complement naive Bayes on TF-IDF of words",
        "complement_bayes",
        "words",
        goals=CLASSIFIED,
        defaults={**_WORDS, "min_df": 1, "alpha": 0.3},
        why="Complement counts are steadier where classes are uneven.",
        needs=("scipy", "sklearn"),
    ),
    "text_ridge": Family(
        "a ridge regression on TF-IDF of words and characters",
        "ridge_text",
        "words",
        goals=frozenset({Goal.NUMBERS}),
        defaults={**_WORDS, "strength": 1.0},
        why="Quick, hard to break, and close to the best a bag of words can do.",
        needs=("scipy", "sklearn"),
    ),
    "text_svr": Family(
        "a linear support vector regression on TF-IDF of words and characters",
        "svr_text",
        "words",
        goals=frozenset({Goal.NUMBERS}),
        defaults={**_WORDS, "chars": 5, "least_chars": 2, "strength": 1.0},
        most_rows=200_000,
        why="Absolute errors beyond a margin: steadier than squares on rough targets.",
        needs=("scipy", "sklearn"),
    ),
    "topic_boosting": Family(
        "LightGBM on topics and style of the texts",
        "lightgbm",
        "words",
        defaults={
            **_BOOSTED,
            "words": 2,
            "chars": 0,
            "min_df": 2,
            "sublinear": True,
            "style": True,
            "topics": 60,
            "leaves": 15,
            "leaf_rows": 20,
            "column_share": 0.6,
            "row_share": 0.8,
            "l2": 5.0,
        },
        most_rows=200_000,
        why="Boosted trees on the main TF-IDF directions find interactions a linear model cannot.",
        needs=("scipy", "sklearn", "lightgbm"),
    ),
    "image_logistic": Family(
        "a logistic regression on pixels and gradient histograms",
        "logistic_pixels",
        "pixels",
        goals=CLASSIFIED,
        defaults={
            **_PICTURE,
            "pixels": True,
            "hog": True,
            "parts": 100,
            "scale": True,
            "strength": 0.1,
            "balanced": False,
        },
        why="Quick: main directions of pixels and edges, and a linear rule.",
        needs=("PIL", "sklearn"),
    ),
    "image_svm": Family(
        "an SVM with a Gaussian kernel on gradient histograms",
        "kernel_svm",
        "pixels",
        goals=CLASSIFIED,
        defaults={**_PICTURE, "pixels": False, "hog": True, "parts": 150, "strength": 10.0, "balanced": False},
        most_rows=15_000,
        why="Smooth borders between shapes: long the best on small pictures.",
        needs=("PIL", "sklearn"),
    ),
    "image_ridge": Family(
        "a ridge regression on pixels and gradient histograms",
        "ridge_text",
        "pixels",
        goals=frozenset({Goal.NUMBERS}),
        defaults={**_PICTURE, "pixels": True, "hog": True, "parts": 100, "scale": True, "strength": 0.1},
        why="Quick: main directions of pixels and edges, and a linear rule.",
        needs=("PIL", "sklearn"),
    ),
    "image_svr": Family(
        "a support vector regression on gradient histograms",
        "kernel_svr",
        "pixels",
        goals=frozenset({Goal.NUMBERS}),
        defaults={**_PICTURE, "pixels": False, "hog": True, "parts": 150, "strength": 3.0},
        most_rows=15_000,
        why="Smooth dependence on shapes.",
        needs=("PIL", "sklearn"),
    ),
    "image_boosting": Family(
        "LightGBM on principal directions of pixels and gradients",
        "lightgbm",
        "pixels",
        defaults={
            **_BOOSTED,
            **_PICTURE,
            "pixels": True,
            "hog": True,
            "colours": True,
            "parts": 60,
            "leaves": 15,
            "leaf_rows": 10,
            "column_share": 0.6,
            "row_share": 0.8,
            "l2": 2.0,
        },
        why="Boosted trees combine parts of a picture that a linear rule only adds.",
        needs=("PIL", "lightgbm"),
    ),
    "image_trees": Family(
        "extremely randomised trees on pixels and gradient histograms",
        "extra_trees",
        "pixels",
        defaults={**_PICTURE, "pixels": True, "hog": True, "trees": 300, "leaf": 1, "share": 0.1, "balanced": False},
        most_rows=50_000,
        why="Many random questions about pixels, averaged.",
        needs=("PIL", "sklearn"),
    ),
    "image_neighbours": Family(
        "nearest neighbours on principal directions",
        "nearest",
        "pixels",
        defaults={**_PICTURE, "pixels": True, "hog": True, "parts": 50, "neighbours": 5},
        most_rows=30_000,
        why="Pictures that look alike belong together; nothing else is assumed.",
        needs=("PIL", "sklearn"),
    ),
    "baseline": Family(
        "the average of train",
        "baseline",
        "none",
        why="It looks at no feature and cannot fail.",
        needs=(),
    ),
    "copied_text": Family(
        "the text itself",
        "copied_text",
        "none",
        goals=frozenset({Goal.WORDS}),
        why="The answer is often the text, or most of it.",
        needs=(),
    ),
    "remembered_text": Family(
        "remembered answers",
        "remembered_text",
        "none",
        goals=frozenset({Goal.WORDS}),
        why="Texts seen in train get the answer most frequent for them, others stay as they are.",
        needs=(),
    ),
    "frequent_text": Family(
        "the most frequent answer",
        "frequent_text",
        "none",
        goals=frozenset({Goal.WORDS}),
        why="It looks at no feature and cannot fail.",
        needs=(),
    ),
}
"""Every family by name."""

COUNTING = frozenset({"naive_bayes", "complement_bayes", "bayes_logistic"})
"""Families that count: a feature below zero (style, topics) has no place in them."""

_ORDER: Mapping[Modality, Sequence[str]] = {
    Modality.TABULAR: ("lightgbm", "catboost", "linear", "extra_trees", "xgboost", "network", "nearest"),
    Modality.TEXT: (
        "word_logistic",
        "text_ridge",
        "word_char_logistic",
        "text_svr",
        "bayes_logistic",
        "naive_bayes",
        "text_svm",
        "topic_boosting",
        "complement_bayes",
    ),
    Modality.IMAGE: (
        "image_logistic",
        "image_ridge",
        "image_svm",
        "image_svr",
        "image_boosting",
        "image_trees",
        "image_neighbours",
    ),
}


def drafting_order(facts: Facts) -> list[str]:
    """Return the families that suit the task and can be imported, the one to draft first in front."""
    if facts.goal is Goal.WORDS:
        return ["remembered_text", "copied_text", "frequent_text"] if facts.texts_or_names else ["frequent_text"]
    has_words = facts.task.modality is Modality.TEXT and bool(facts.texts)
    modality = Modality.TEXT if has_words else Modality.TABULAR
    if facts.image_rule is not None and (facts.task.modality is Modality.IMAGE or not facts.has_table):
        modality = Modality.IMAGE
    return [name for name in _ORDER[modality] if _suits(FAMILIES[name], facts)] or ["baseline"]


def _suits(family: Family, facts: Facts) -> bool:
    return facts.goal in family.goals and facts.rows <= family.most_rows and facts.has(family.needs)


def default_recipe(name: str, facts: Facts) -> Recipe:
    """Return a family's first recipe for a task: its defaults, with what the metric and the data ask for."""
    family = FAMILIES[name]
    options: dict[str, Option] = {**family.defaults, **metric_options(facts)}
    if family.matrix in ("table", "ordinal", "one_hot"):
        options["date_parts"] = bool(facts.dates)
        options["split_packed"] = bool(facts.packed or facts.id_separator)
    if family.matrix == "words":
        options["unescape"] = False
        if "strength" in options and facts.metric_is("log_loss") and family.model == "logistic_text":
            options["strength"] = 30.0  # calibrated probabilities want less shrinkage than ranks or labels
    if family.matrix == "pixels":
        options |= _picture_options(facts)
    return Recipe(family=name, options=options)


def _picture_options(facts: Facts) -> dict[str, Option]:
    """Return size, colour mode and cell that suit the pictures at hand."""
    longest = max(facts.profile.image_size or (32, 32))
    size = longest if longest <= 40 else 48 if facts.rows <= 5_000 else 32
    return {
        "size": max(8, size),
        "mode": "RGB" if (facts.profile.image_channels or 1) >= 3 else "L",
        "cell": max(2, size // 6),
    }


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
