# ruff: noqa: ARG001  (one signature for all of a kind, needed or not)
"""Edits that average a recipe with another family inside one script: models that err differently cancel their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mlmaster.engineers.offline.combine import MOST_MEMBERS, merged
from mlmaster.engineers.offline.edits import Edit
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import COUNTING, FAMILIES, default_recipe, drafting_order
from mlmaster.engineers.offline.recipe import Option, Recipe

_PRIORS: Mapping[str, tuple[float, float]] = {
    "catboost": (4.0, 1.0),
    "lightgbm": (3.0, 1.0),
    "extra_trees": (2.5, 1.5),
    "linear": (2.0, 1.5),
    "naive_bayes": (3.0, 1.0),
    "bayes_logistic": (3.0, 1.0),
    "word_char_logistic": (4.0, 1.0),
    "text_svm": (3.0, 1.5),
    "image_svm": (4.0, 1.0),
    "nearest": (1.0, 2.0),
}


def _no_change(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    return {}


def _average_with(family: str) -> Callable[[Recipe, Facts], Recipe | None]:
    def build(recipe: Recipe, facts: Facts) -> Recipe | None:
        members = recipe.members or (recipe,)
        has_it = any(member.family == family for member in members)
        is_full = len(members) >= MOST_MEMBERS or any(member.family == "baseline" for member in members)
        if has_it or is_full or family not in drafting_order(facts):
            return None
        joined = default_recipe(family, facts)
        # what is known about the rows serves the new member as well
        shared = {name: value for name, value in members[0].options.items() if joined.options.get(name) is None}
        withheld = {"style"} if family in COUNTING else frozenset()
        features = {name: value for name, value in shared.items() if value is True and name not in withheld}
        if FAMILIES[members[0].family].matrix != "none" and _is_alike(members[0].family, family):
            joined = joined.model_copy(update={"options": {**joined.options, **features}})
        found = next(iter(merged([recipe, joined], facts)), None)
        name = f"average_with_{family}"
        return found[1].model_copy(update={"edits": (*recipe.edits, name)}) if found is not None else None

    return build


def _is_alike(first: str, second: str) -> bool:
    tables = ("table", "ordinal", "one_hot")
    pair = (FAMILIES[first].matrix, FAMILIES[second].matrix)
    return pair[0] == pair[1] or all(matrix in tables for matrix in pair)


BLEND_EDITS: Sequence[Edit] = tuple(
    Edit(
        f"average_with_{name}",
        f"Average with {family.title}: what errs differently cancels out.",
        _no_change,
        prior=_PRIORS.get(name, (2.0, 1.5)),
        build=_average_with(name),
    )
    for name, family in FAMILIES.items()
    if family.matrix != "none"
)
"""One edit for each family that can join."""
