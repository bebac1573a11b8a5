# ruff: noqa: ARG005  (one signature for all of a kind, needed or not)
"""Named edits: each changes one thing of a recipe. What it does, when it applies, how likely it pays before any evidence.

The prior weights are counts: (gains, no gains) that the bandit starts from. They are set by hand from what public
solutions of tabular and text competitions report, and are overruled by a few observations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import FAMILIES
from mlmaster.engineers.offline.recipe import Option, Options, Recipe


@dataclass(frozen=True, slots=True)
class Edit:
    """One named change.

    Attributes:
        name: Unique; stands in `Proposal.edit` and in `Recipe.edits`.
        plan: What it does and why, one sentence.
        change: The options it sets, from the options before; empty when it does not apply.
        prior: Gains and failures it starts with.
        build: Makes another recipe altogether, where options do not say it; `change` is not asked then.
        needs: What it adds to what scripts import, names in `facts.DISTRIBUTIONS`.
    """

    name: str
    plan: str
    change: Callable[[Recipe, Facts], Mapping[str, Option]]
    prior: tuple[float, float] = (1.0, 2.0)
    build: Callable[[Recipe, Facts], Recipe | None] | None = None
    needs: tuple[str, ...] = ()

    def apply(self, recipe: Recipe, facts: Facts) -> Recipe | None:
        """Return the changed recipe, or None where the edit does not apply or changes nothing."""
        if not facts.has(self.needs):
            return None
        if self.build is not None:
            return self.build(recipe, facts)
        if recipe.members:
            return self._apply_to_members(recipe, facts)
        changes = self.change(recipe, facts)
        new = {name: value for name, value in changes.items() if recipe.options.get(name) != value}
        return recipe.change(self.name, **new) if new else None

    def _apply_to_members(self, recipe: Recipe, facts: Facts) -> Recipe | None:
        members = tuple(self.apply(member, facts) or member for member in recipe.members)
        if members == recipe.members:
            return None
        update: dict[str, Any] = {"members": members, "edits": (*recipe.edits, self.name)}
        return recipe.model_copy(update=update)


def switch(
    option: str,
    matrices: Sequence[str] = ("table", "ordinal", "one_hot"),
    *,
    when: Callable[[Facts], bool] = lambda facts: True,
    value: Option = True,
) -> Callable[[Recipe, Facts], Mapping[str, Option]]:
    """Return a change that turns an option on for families of the given matrices."""

    def change(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
        fits = FAMILIES[recipe.family].matrix in matrices and when(facts)
        return {option: value} if fits and not recipe.is_on(option) else {}

    return change


def tune(
    families: Sequence[str],
    values: Callable[[Options], Mapping[str, Option]],
    *,
    when: Callable[[Facts], bool] = lambda facts: True,
) -> Callable[[Recipe, Facts], Mapping[str, Option]]:
    """Return a change that sets model options of some families from the options before."""

    def change(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
        return values(recipe.options) if recipe.family in families and when(facts) else {}

    return change


def number(options: Options, name: str, default: float = 0.0) -> float:
    """Return an option as a number."""
    value = options.get(name)
    return default if value is None else float(value)


def whole(options: Options, name: str, factor: float, least: int = 1) -> int:
    """Return a whole option times a factor, rounded, at least `least`."""
    return max(least, round(number(options, name, 1.0) * factor))
