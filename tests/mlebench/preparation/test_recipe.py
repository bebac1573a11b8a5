"""Which competitions have a recipe, and that each recipe is one."""

from __future__ import annotations

import inspect
from importlib.resources import files

import pytest

from mlmaster.mlebench.preparation.recipe import has_recipe, recipe_of
from mlmaster.mlebench.registry import competition, competitions

WITH_RECIPE = [each.id for each in competitions().values() if has_recipe(each)]


def test_the_first_four_have_one() -> None:
    assert {
        "spooky-author-identification",
        "nomad2018-predict-transparent-conductors",
        "detecting-insults-in-social-commentary",
        "spaceship-titanic",
    } <= set(WITH_RECIPE)


def test_others_have_none() -> None:
    assert recipe_of(competition("vesuvius-challenge-ink-detection")) is None


@pytest.mark.parametrize("name", WITH_RECIPE)
def test_a_recipe_names_its_files_and_prepares(name: str) -> None:
    recipe = recipe_of(competition(name))
    assert recipe is not None
    assert recipe.RAW
    assert all(each == each.strip() and not each.startswith(("/", ".")) for each in recipe.RAW)
    assert not [each for each in recipe.RAW if each.endswith((".zip", ".gz", ".7z"))]
    assert list(inspect.signature(recipe.prepare).parameters) == ["raw", "public", "private"]


def test_every_recipe_belongs_to_a_competition() -> None:
    modules = files("mlmaster.mlebench.preparation.recipes").iterdir()
    with_constant = {
        each.name.removesuffix(".py")
        for each in modules
        if each.name.endswith(".py") and "\nRAW" in each.read_text(encoding="utf-8")
    }
    assert with_constant == {name.replace("-", "_") for name in WITH_RECIPE}
