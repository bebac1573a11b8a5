"""Evolve and merge: recipes made from more than one node's experience."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from mlmaster.core.node import Node
from mlmaster.core.task import PredictionKind
from mlmaster.engineers.offline.bandit import JOINT, evidence
from mlmaster.engineers.offline.edits import Edit
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.recipe import Combination, Option, Recipe

MOST_MEMBERS = 5
"""Largest blend: more members cost more time than they bring."""


def promising_combinations(
    recipe: Recipe, facts: Facts, edits: Sequence[Edit], history: Sequence[Node]
) -> Iterator[tuple[str, Recipe]]:
    """Yield recipes with two or three more edits: those that paid elsewhere, then untried ones by their priors."""
    gains, misses = evidence(history)
    fresh = [edit for edit in edits if edit.name not in recipe.edits and edit.apply(recipe, facts) is not None]
    paid = [edit for edit in fresh if gains[edit.name] > 0]
    untried = [edit for edit in fresh if not gains[edit.name] and not misses[edit.name]]

    def record(edit: Edit) -> tuple[float, str]:
        wins, losses = edit.prior[0] + 3 * gains[edit.name], edit.prior[1] + misses[edit.name]
        return (-wins / (wins + losses), edit.name)

    pool = [*sorted(paid, key=record)[:5], *sorted(untried, key=record)[:4]]
    for size in (3, 2) if len(paid) >= 3 else (2, 3):
        for chosen in combinations(pool, size):
            changed: Recipe | None = recipe
            for edit in chosen:
                changed = edit.apply(changed, facts) if changed is not None else None
            if changed is not None:
                # one step back must lead to the recipe that worked, not to the last edit but one
                yield (
                    JOINT.join(edit.name for edit in chosen),
                    changed.model_copy(update={"before": dict(recipe.options)} if not recipe.members else {}),
                )


def merged(recipes: Sequence[Recipe], facts: Facts) -> Iterator[tuple[str, Recipe]]:
    """Yield blends of the recipes: averaged as fits the metric, then weighed by held-out answers."""
    members: list[Recipe] = []
    for recipe in recipes:
        for member in recipe.members or (recipe,):
            if all(member.options != known.options or member.family != known.family for known in members):
                members.append(member)
    members = members[:MOST_MEMBERS]
    if len(members) < 2 or facts.goal is Goal.WORDS:
        return
    first = members[0]
    shared: dict[str, Option] = {
        name: first.options.get(name) for name in ("transform", "decision") if name in first.options
    }
    if "transform" in shared:
        members = [m.model_copy(update={"options": {**m.options, "transform": shared["transform"]}}) for m in members]
    for combine in _ways(facts):
        yield (
            f"merge_by_{combine}",
            Recipe(family="blend", options=shared, members=tuple(members), combine=combine),
        )


def _ways(facts: Facts) -> Sequence[Combination]:
    if facts.metric_is("roc_auc", "average_precision", "spearman"):
        return ("rank", "mean", "stack")
    if facts.goal is Goal.CLASSES and facts.task.prediction_kind is PredictionKind.CLASS_PROBABILITIES:
        return ("mean", "geometric", "stack")
    return ("mean", "stack")
