"""Every family for every kind of prediction, every edit, every safety measure: the script runs and answers validly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from mlmaster.core.execution import Fault
from mlmaster.core.task import Modality
from mlmaster.engineers.offline import combine, debug
from mlmaster.engineers.offline.catalogue import EDITS
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import default_recipe, drafting_order
from mlmaster.engineers.offline.recipe import Option, Recipe
from mlmaster.engineers.offline.script import write_script

if TYPE_CHECKING:
    from .conftest import Run, Tiny

Runner = Callable[[Sequence[tuple[str, "Tiny", str]]], list["Run"]]
KINDS = ("number", "two_numbers", "probability", "label", "classes", "grade", "ranking", "labels")
QUICK: dict[str, Option] = {"rounds": 8, "trees": 10, "epochs": 5, "size": 16, "cell": 4, "parts": 10, "topics": 5}


def quick(recipe: Recipe) -> Recipe:
    """Return the recipe with few rounds: what is tested is that it runs."""
    options = {name: value for name, value in QUICK.items() if recipe.options.get(name)}
    members = tuple(quick(member) for member in recipe.members)
    return recipe.model_copy(update={"options": {**recipe.options, **options}, "members": members})


def script(recipe: Recipe, facts: Facts) -> str:
    return write_script(quick(recipe), facts, "A test.")


@pytest.mark.slow
@pytest.mark.parametrize("modality", Modality)
def test_every_family_answers_every_kind(
    modality: Modality, tiny: Callable[..., Tiny], run_scripts: Runner, check: Callable[[Run], None]
) -> None:
    scripts = []
    for kind in KINDS:
        one = tiny(kind, modality)
        families = drafting_order(one.facts)
        assert len(families) >= 3, kind
        for family in (*families, "baseline"):
            scripts.append((f"{family} {kind}", one, script(default_recipe(family, one.facts), one.facts)))
    for run in run_scripts(scripts):
        check(run)


@pytest.mark.slow
@pytest.mark.parametrize("modality", Modality)
def test_every_edit_runs(
    modality: Modality, tiny: Callable[..., Tiny], run_scripts: Runner, check: Callable[[Run], None]
) -> None:
    scripts: list[tuple[str, Tiny, str]] = []
    seen: set[str] = set()
    for kind in ("grade", "two_numbers", "label"):
        one = tiny(kind, modality)
        for family in drafting_order(one.facts):
            base = default_recipe(family, one.facts)
            for edit in EDITS:
                changed = edit.apply(base, one.facts) if edit.name not in seen else None
                if changed is not None:
                    seen.add(edit.name)
                    scripts.append((f"{edit.name} on {family} {kind}", one, script(changed, one.facts)))
    assert len(seen) > 12
    for run in run_scripts(scripts):
        check(run)


def test_all_table_edits_together(tiny: Callable[..., Tiny], run_scripts: Runner, check: Callable[[Run], None]) -> None:
    scripts = []
    for kind, family in (("classes", "lightgbm"), ("number", "linear"), ("probability", "lightgbm")):
        one = tiny(kind)
        recipe = default_recipe(family, one.facts)
        for edit in EDITS:
            if not edit.name.startswith("average_with"):
                recipe = edit.apply(recipe, one.facts) or recipe
        recipe = recipe.change("few", seeds=1, folds=2) if "rounds" in recipe.options else recipe
        scripts.append((f"all {family} {kind}", one, script(recipe, one.facts)))
    for run in run_scripts(scripts):
        check(run)


def test_words_are_answered(tiny: Callable[..., Tiny], run_scripts: Runner, check: Callable[[Run], None]) -> None:
    one = tiny("words", Modality.TEXT)
    families = drafting_order(one.facts)
    assert families == ["remembered_text", "copied_text", "frequent_text"]
    for run in run_scripts([(name, one, script(default_recipe(name, one.facts), one.facts)) for name in families]):
        check(run)


def test_a_column_for_each_class_is_read(
    tiny: Callable[..., Tiny], run_scripts: Runner, check: Callable[[Run], None]
) -> None:
    """The same answers as from one column of labels."""
    ones = [tiny(kind) for kind in ("classes", "marked_classes")]
    runs = run_scripts([("linear", one, script(default_recipe("linear", one.facts), one.facts)) for one in ones])
    for run in runs:
        check(run)
    first, second = ((run.directory / "submission.csv").read_text() for run in runs)
    assert first == second


def test_blends_run(tiny: Callable[..., Tiny], run_scripts: Runner, check: Callable[[Run], None]) -> None:
    scripts = []
    for kind in ("two_numbers", "classes", "probability", "labels"):
        one = tiny(kind)
        recipes = [default_recipe("lightgbm", one.facts), default_recipe("linear", one.facts)]
        for name, blend in combine.merged(recipes, one.facts):
            scripts.append((f"{name} {kind}", one, script(blend, one.facts)))
    assert len(scripts) == 2 + 3 + 3 + 3
    for run in run_scripts(scripts):
        check(run)


def test_every_safety_measure_runs(
    tiny: Callable[..., Tiny], run_scripts: Runner, check: Callable[[Run], None]
) -> None:
    scripts = []
    for kind, modality in (("grade", Modality.TABULAR), ("classes", Modality.TEXT), ("label", Modality.IMAGE)):
        one = tiny(kind, modality)
        first, second, *_ = (default_recipe(name, one.facts) for name in drafting_order(one.facts))
        blend = next(combine.merged([first, second], one.facts))[1]
        for recipe in (first, blend):
            for fault in (Fault.ERROR, Fault.TIMEOUT, Fault.INVALID_SUBMISSION):
                for name, safer in debug.safer(recipe, fault, one.facts):
                    scripts.append((f"{name} after {fault} {kind}", one, script(safer, one.facts)))
    codes = {code: (name, one, code) for name, one, code in scripts}
    for run in run_scripts(list(codes.values())):
        check(run)


def test_models_that_count_get_no_style(tiny: Callable[..., Tiny]) -> None:
    """Style is scaled around zero, and naive Bayes refuses what is negative."""
    facts = tiny("classes", Modality.TEXT).facts
    named = {edit.name: edit for edit in EDITS}
    with_style = named["style_features"].apply(default_recipe("word_logistic", facts), facts)
    assert with_style is not None
    for family in ("naive_bayes", "complement_bayes", "bayes_logistic"):
        assert named["style_features"].apply(default_recipe(family, facts), facts) is None
        blend = named[f"average_with_{family}"].apply(with_style, facts)
        assert blend is not None
        assert [member.is_on("style") for member in blend.members] == [True, False]
