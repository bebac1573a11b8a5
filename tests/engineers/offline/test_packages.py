"""Only what the interpreter of the scripts can import is proposed; what each family and edit imports is declared."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.engineers.offline.nodes import scored

from mlmaster.core.execution import Fault
from mlmaster.core.node import ROOT, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import Modality
from mlmaster.engineers.offline import OfflineEngineer
from mlmaster.engineers.offline.catalogue import EDITS
from mlmaster.engineers.offline.facts import DISTRIBUTIONS, Facts
from mlmaster.engineers.offline.families import FAMILIES, default_recipe, drafting_order
from mlmaster.engineers.offline.script import write_script
from mlmaster.errors import Exhausted

if TYPE_CHECKING:
    from .conftest import Tiny

ALWAYS = {"numpy": "2.0", "pandas": "2.2"}
PLAIN = {**ALWAYS, "scikit-learn": "1.6", "scipy": "1.14"}
INTERPRETERS = {
    "no boosting": {**PLAIN, "pillow": "11"},
    "no pictures": {**PLAIN, "lightgbm": "4.5"},
    "no sklearn": {**ALWAYS, "xgboost-cpu": "3.0"},
    "nothing": ALWAYS,
}
KINDS = ("number", "label", "classes", "labels", "words")


def imported(code: str) -> set[str]:
    """Return what a script imports beside the standard library."""
    names = {alias.name for part in ast.walk(ast.parse(code)) if isinstance(part, ast.Import) for alias in part.names}
    names |= {str(part.module) for part in ast.walk(ast.parse(code)) if isinstance(part, ast.ImportFrom)}
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names


def proposals(context: Context) -> Iterator[Proposal]:
    """Yield what the engineer has left, until it is exhausted."""
    for _ in range(200):
        try:
            proposal = OfflineEngineer().propose(context)
        except Exhausted:
            return
        yield proposal
        parent = context.parent.id if context.parent else ROOT
        fault = Fault.ERROR if context.operator is Operator.DEBUG else None
        sibling = scored(proposal, len(context.siblings) + 2, context.operator, parent, gain=True, fault=fault)
        context = replace(context, siblings=(*context.siblings, sibling))
    raise AssertionError("not exhausted")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("modality", Modality)
@pytest.mark.parametrize("name", INTERPRETERS)
def test_only_what_can_be_imported_is_proposed(
    name: str, modality: Modality, kind: str, tiny: Callable[..., Tiny]
) -> None:
    one, packages = tiny(kind, modality), INTERPRETERS[name]
    there = {module for module, ways in DISTRIBUTIONS.items() if packages.keys() & set(ways)} | ALWAYS.keys()
    root = Context(Operator.DRAFT, one.task, one.profile, packages=packages)
    drafts = list(proposals(root))
    assert drafts
    nodes = [scored(draft, number, Operator.DRAFT, gain=True) for number, draft in enumerate(drafts, 2)]
    for proposal in drafts:
        assert imported(proposal.code) <= there, proposal.edit
    for operator in (Operator.IMPROVE, Operator.EVOLVE, Operator.DEBUG):
        parent = nodes[0] if operator is not Operator.DEBUG else replace(nodes[0], fault=Fault.ERROR)
        context = replace(root, operator=operator, parent=parent, path=(parent,), history=tuple(nodes))
        for proposal in proposals(context):
            assert imported(proposal.code) <= there, (operator, proposal.edit)


def test_without_boosting_tables_still_get_several_families(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    facts = Facts.of(one.task, one.profile, PLAIN)
    assert drafting_order(facts) == ["linear", "extra_trees", "network", "nearest"]
    assert drafting_order(Facts.of(one.task, one.profile, ALWAYS)) == ["baseline"]


def test_nothing_known_of_packages_holds_nothing_back(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    assert Facts.of(one.task, one.profile, {}) == Facts.of(one.task, one.profile)
    assert drafting_order(Facts.of(one.task, one.profile, {}))[0] == "lightgbm"


@pytest.mark.parametrize("modality", Modality)
def test_families_and_edits_declare_what_they_import(modality: Modality, tiny: Callable[..., Tiny]) -> None:
    for kind in KINDS:
        facts = tiny(kind, modality).facts
        for family in (*drafting_order(facts), "frequent_text" if kind == "words" else "baseline"):
            recipe = default_recipe(family, facts)
            own = imported(write_script(recipe, facts, "Plan.")) - ALWAYS.keys()
            assert own <= set(FAMILIES[family].needs), family
            for edit in EDITS:
                changed = edit.apply(recipe, facts)
                if changed is not None and not changed.members:
                    more = imported(write_script(changed, facts, "Plan.")) - own - ALWAYS.keys()
                    assert more <= {*edit.needs, *FAMILIES[family].needs}, (family, edit.name)


def test_every_family_needs_what_it_declares(tiny: Callable[..., Tiny]) -> None:
    found: dict[str, set[str]] = {}
    for modality in Modality:
        for kind in KINDS:
            facts = tiny(kind, modality).facts
            for family in drafting_order(facts):
                code = write_script(default_recipe(family, facts), facts, "Plan.")
                found.setdefault(family, set()).update(imported(code) - ALWAYS.keys())
    assert found == {family: set(FAMILIES[family].needs) for family in found}
    assert found.keys() | {"baseline"} == FAMILIES.keys()
