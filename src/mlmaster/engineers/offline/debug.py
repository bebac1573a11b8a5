# ruff: noqa: ARG001  (one signature for all of a kind, needed or not)
"""The safer variant for a fault: a ladder of measures for each kind, each taken once, ending in a script that cannot fail.

A chain of debugs therefore ends: every answer takes a measure not taken before, the last is the plain baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from mlmaster.core.execution import Fault
from mlmaster.engineers.offline.edits import number, whole
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.families import FAMILIES, default_recipe
from mlmaster.engineers.offline.recipe import Combination, Option, Recipe

Measure = Callable[[Recipe, Facts], Recipe | None]
BASELINE = "baseline"


def _drop_last_edit(recipe: Recipe, facts: Facts) -> Recipe | None:
    if recipe.before is None or not recipe.edits:
        return None
    return recipe.model_copy(
        update={
            "options": dict(recipe.before),
            "edits": recipe.edits[:-1],
            "before": None,
            "safety": (*recipe.safety, "drop_last_edit"),
        }
    )


def _first_member(recipe: Recipe, facts: Facts) -> Recipe | None:
    if not recipe.members:
        return None
    return recipe.members[0].model_copy(update={"safety": (*recipe.safety, "first_member")})


def _cheaper(recipe: Recipe, facts: Facts) -> Recipe | None:
    if recipe.members:
        members = tuple(_cheaper(member, facts) or member for member in recipe.members)
        combine: Combination = "mean" if recipe.combine == "stack" else recipe.combine
        if members == recipe.members and combine == recipe.combine:
            return None
        safety = (*recipe.safety, "cheaper")
        return recipe.model_copy(update={"members": members, "combine": combine, "safety": safety})
    options = recipe.options
    changes: dict[str, Option] = {}
    for name in ("rounds", "trees", "epochs"):
        if name in options:
            changes[name] = whole(options, name, 0.3, 10)
    if "rate" in options:
        changes["rate"] = min(0.3, round(2 * number(options, "rate"), 4))
    if number(options, "seeds") > 1:
        changes["seeds"] = 1
    if options.get("folds"):
        changes["folds"] = 0
    if options.get("decision") == "tuned":
        changes["decision"] = "likeliest"
    if options.get("chars"):
        changes |= {"chars": 0, "words": 1} if options.get("words") else {"chars": 3, "least_chars": 3}
    if FAMILIES[recipe.family].matrix == "words":
        changes["most_words"] = 20_000
    if options.get("shifts"):
        changes["shifts"] = False
    if number(options, "size") > 16:
        changes["size"] = int(number(options, "size") / 2)
    return recipe.guard("cheaper", **changes) if changes else None


def _fewer_rows(recipe: Recipe, facts: Facts) -> Recipe | None:
    rows = min(int(number(recipe.options, "most_rows", facts.rows)), facts.rows) // 4
    return recipe.guard("fewer_rows", most_rows=max(200, min(rows, 100_000)))


def _plain_features(recipe: Recipe, facts: Facts) -> Recipe | None:
    """Return the family's own defaults without any edit."""
    if recipe.members:
        return None
    plain = default_recipe(recipe.family, facts)
    if plain.options == recipe.options:
        return None
    return plain.model_copy(update={"safety": (*recipe.safety, "plain_features")})


def _robust(recipe: Recipe, facts: Facts) -> Recipe | None:
    if not facts.has_table or facts.goal is Goal.WORDS or not facts.has(FAMILIES["extra_trees"].needs):
        return None
    plain = default_recipe("extra_trees", facts)
    options = {**plain.options, "date_parts": False, "split_packed": False, "robust": True, "trees": 100}
    return Recipe(family="extra_trees", options=options, safety=(*recipe.safety, "robust"))


def _baseline(recipe: Recipe, facts: Facts) -> Recipe | None:
    family = "frequent_text" if facts.goal is Goal.WORDS else BASELINE
    if recipe.family == family:
        return None
    return Recipe(family=family, options=default_recipe(family, facts).options, safety=(*recipe.safety, BASELINE))


def _careful_writer(recipe: Recipe, facts: Facts) -> Recipe | None:
    return recipe.guard("careful_writer", careful=True)


_ERROR: Sequence[tuple[str, Measure]] = (
    ("first_member", _first_member),
    ("drop_last_edit", _drop_last_edit),
    ("plain_features", _plain_features),
    ("robust", _robust),
    (BASELINE, _baseline),
)
_SMALLER: Sequence[tuple[str, Measure]] = (
    ("first_member", _first_member),
    ("cheaper", _cheaper),
    ("fewer_rows", _fewer_rows),
    ("plain_features", _plain_features),
    (BASELINE, _baseline),
)
LADDERS: Mapping[Fault, Sequence[tuple[str, Measure]]] = {
    Fault.ERROR: _ERROR,
    Fault.POLICY: _ERROR,
    Fault.TIMEOUT: _SMALLER,
    Fault.OUT_OF_MEMORY: (_SMALLER[0], _SMALLER[2], _SMALLER[1], *_SMALLER[3:]),
    Fault.DISK: _SMALLER,
    Fault.INVALID_SUBMISSION: (("careful_writer", _careful_writer), *_ERROR),
}
"""Measures for each fault, mildest first."""

PLANS: Mapping[str, str] = {
    "first_member": "Keep only the first member of the blend.",
    "drop_last_edit": "Take the last edit back.",
    "plain_features": "Go back to the family's plain features and settings.",
    "robust": "Code every column as plain numbers and fit random trees, which take anything.",
    "cheaper": "Fit fewer and larger steps, once.",
    "fewer_rows": "Fit on a sample of the rows.",
    "careful_writer": "Check every answer before it is written, and fill what is not valid.",
    BASELINE: "Answer with the average of train: always valid.",
}


def safer(recipe: Recipe, fault: Fault, facts: Facts) -> Iterator[tuple[str, Recipe]]:
    """Yield recipes with one measure against the fault each, mildest first; nothing when all are taken."""
    for name, measure in LADDERS.get(fault, _ERROR):
        answer = measure(recipe, facts) if name not in recipe.safety else None
        if answer is not None:
            yield name, answer
