"""What a script does and why, in a few sentences: `Proposal.plan` and the header of the script."""

from __future__ import annotations

from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.families import FAMILIES
from mlmaster.engineers.offline.recipe import Recipe

_COMBINED = {
    "mean": "average their answers",
    "geometric": "average the logs of their probabilities",
    "rank": "average the ranks of their answers, which is all the metric sees",
    "stack": "weigh them by their answers on rows they have not seen",
}
_TRANSFORMS = {
    "log1p": "The target is fitted as log(1 + y), so that the squared error is the metric's own.",
    "log": "The target is fitted as log(y), so that the squared error is the metric's own.",
    "sqrt": "The square root of the target is fitted.",
}


def describe(recipe: Recipe, facts: Facts) -> str:
    """Return what a recipe does, in one to three sentences."""
    if recipe.members:
        names = " and ".join(FAMILIES[member.family].title for member in recipe.members)
        return f"Fit {names}, and {_COMBINED[recipe.combine]}."
    family = FAMILIES[recipe.family]
    sentences = [f"Fit {family.title}. {family.why}".strip()]
    if recipe.is_on("date_parts") and facts.dates:
        sentences.append("Dates are split into calendar parts.")
    transform = _TRANSFORMS.get(str(recipe.options.get("transform")))
    if transform and facts.goal is Goal.NUMBERS:
        sentences.append(transform)
    if recipe.edits:
        sentences.append(f"Changes so far: {', '.join(edit.replace('_', ' ') for edit in recipe.edits)}.")
    return " ".join(sentences)
