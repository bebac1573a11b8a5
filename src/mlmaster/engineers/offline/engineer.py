"""The offline engineer: proposes solutions from a library of techniques, without a language model.

Each operator yields candidates, best first; the first whose script is new is the answer. Everything is a function of the
context, so the same context gives the same proposal. Families are in `families`, edits in `table_edits`, `text_edits` and
`image_edits`, faults in `debug`, and how a recipe becomes a script in `script`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from mlmaster.core.execution import Fault
from mlmaster.core.node import Node, NodeState, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.engineers.offline import bandit, combine, debug
from mlmaster.engineers.offline.catalogue import EDITS
from mlmaster.engineers.offline.cost import fitted, seconds
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import default_recipe, drafting_order, quick_start
from mlmaster.engineers.offline.plans import describe
from mlmaster.engineers.offline.recipe import Recipe
from mlmaster.engineers.offline.script import write_script
from mlmaster.errors import Exhausted
from mlmaster.ports import Desk

Candidate = tuple[str, str, Recipe]
"""Name of the edit or family, what it does and why, the recipe."""


class OfflineEngineer:
    """Proposes from a curated library; needs no key and no network."""

    name = "offline"
    operators = frozenset(Operator)

    def propose(self, context: Context, desk: Desk | None = None) -> Proposal:  # noqa: ARG002 - it tries nothing out
        """Return the next script for the context; see `mlmaster.ports.Engineer`."""
        if context.task.is_self_reported:
            raise Exhausted(
                "the offline engineer writes scripts that are scored on hidden rows, and this task hides none "
                "(self_reported): none of its scripts would report a score of its own; "
                "ask a language model with --model"
            )
        facts = Facts.of(context.task, context.profile, context.packages)
        known = {recipe.signature() for recipe in _recipes((*context.history, *context.siblings, *context.path))}
        refused = len(context.refusals)
        for edit, plan, recipe in _leaving_room(_candidates(context, facts), context):
            if recipe.signature() in known:
                continue
            code = write_script(fitted(recipe, facts, context.script_limit_s, context.threads), facts, plan)
            if code == context.parent_code:
                continue
            if refused:
                refused -= 1
                continue
            return Proposal(plan=plan, code=code, edit=edit, recipe=recipe.store())
        where = "the root" if context.parent is None else f"node {context.parent.id}"
        raise Exhausted(f"the offline engineer has nothing left to {context.operator} at {where}")


def _recipes(nodes: Iterable[Node]) -> list[Recipe]:
    recipes = (Recipe.read(node.recipe) for node in nodes)
    return [recipe for recipe in recipes if recipe is not None]


def _leaving_room(candidates: Iterator[Candidate], context: Context) -> Iterator[Candidate]:
    """Put as many candidates last as siblings are decided but not proposed: those will most likely take the first."""
    is_shared = context.operator in (Operator.DRAFT, Operator.IMPROVE)
    open_siblings = sum(node.state is NodeState.DECIDED for node in context.siblings) if is_shared else 0
    left_to_them = list(islice(candidates, open_siblings))
    yield from candidates
    yield from left_to_them


def _candidates(context: Context, facts: Facts) -> Iterator[Candidate]:
    if context.operator is Operator.DRAFT:
        yield from _drafts(context, facts)
        return
    recipe = Recipe.read(context.parent.recipe) if context.parent is not None else None
    if context.parent is None or recipe is None:
        return
    match context.operator:
        case Operator.IMPROVE:
            yield from _improvements(recipe, context, facts)
        case Operator.DEBUG:
            yield from _safer(recipe, context, facts)
        case Operator.EVOLVE:
            for names, changed in combine.promising_combinations(recipe, facts, EDITS, context.history):
                plan = f"Join edits that paid in this run or are untried: {_spoken(names)}. {describe(changed, facts)}"
                yield names, plan, changed
        case Operator.MERGE:
            others = _recipes(node for node, _ in context.others)
            for name, blend in combine.merged([recipe, *others], facts):
                yield name, f"Merge solutions that err differently. {describe(blend, facts)}", blend


def _drafts(context: Context, facts: Facts) -> Iterator[Candidate]:
    used = {node.edit for node in context.siblings} | {recipe.family for recipe in _recipes(context.siblings)}
    is_first = not context.siblings
    for name in drafting_order(facts):
        if name not in used:
            recipe = default_recipe(name, facts)
            yield name, describe(recipe, facts), quick_start(recipe) if is_first else recipe


def _improvements(recipe: Recipe, context: Context, facts: Facts) -> Iterator[Candidate]:
    on_path = {name for node in context.path for name in node.edit.split(bandit.JOINT)} | set(recipe.edits)
    tried = on_path | {node.edit for node in context.siblings}
    for edit in bandit.rank([edit for edit in EDITS if edit.name not in tried], context.history, context.seed):
        changed = edit.apply(recipe, facts)
        if changed is not None and seconds(changed, facts, context.threads) <= context.script_limit_s:
            yield edit.name, f"{edit.plan} {describe(changed, facts)}", changed


def _safer(recipe: Recipe, context: Context, facts: Facts) -> Iterator[Candidate]:
    fault = (context.parent.fault if context.parent is not None else None) or Fault.ERROR
    for name, guarded in debug.safer(recipe, fault, facts):
        if name in ("drop_last_edit", "first_member"):
            # the recipe before the edit was run already, as a rule: take the next-best edit instead
            yield from _replacements(guarded, recipe, context, facts)
        plan = f"After a fault ({fault.replace('_', ' ')}): {debug.PLANS[name]} {describe(guarded, facts)}"
        yield f"debug_{name}", plan, guarded


def _replacements(before: Recipe, failed: Recipe, context: Context, facts: Facts) -> Iterator[Candidate]:
    tried = {*failed.edits, *(node.edit for node in context.siblings)}
    edits = [edit for edit in EDITS if edit.name not in tried and edit.build is None]
    for edit in bandit.rank(edits, context.history, context.seed)[:8]:
        changed = edit.apply(before, facts)
        if changed is not None:
            plan = f"After an error: take the last edit back, and another instead. {edit.plan}"
            yield "debug_replace_last_edit", f"{plan} {describe(changed, facts)}", changed
            return


def _spoken(names: str) -> str:
    return names.replace(bandit.JOINT, ", ").replace("_", " ")
