"""Recipes are cut to the time a script may take, and only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlmaster.core.task import Modality
from mlmaster.engineers.offline.cost import SHARE, START_S, fitted, seconds
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import default_recipe, drafting_order, quick_start

if TYPE_CHECKING:
    from .conftest import Tiny


def grown(one: Tiny, rows: int) -> Facts:
    return Facts.of(one.task, one.profile.model_copy(update={"train_rows": rows, "test_rows": rows // 5}))


def test_small_recipes_are_left_as_they_are(tiny: Callable[..., Tiny]) -> None:
    facts = tiny("classes").facts
    recipe = default_recipe("lightgbm", facts)
    assert fitted(recipe, facts, 600.0, 1) == recipe
    assert fitted(recipe, facts, float("inf"), 1) == recipe


def test_the_first_draft_of_ten_thousand_rows_takes_seconds(tiny: Callable[..., Tiny]) -> None:
    facts = grown(tiny("label"), 10_000)
    assert seconds(quick_start(default_recipe("lightgbm", facts)), facts, 1) < 10


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(100, 5_000_000),
    limit=st.floats(30, 3600),
    modality=st.sampled_from(Modality),
    place=st.integers(0, 9),
)
def test_a_cut_recipe_is_never_dearer_and_fits_where_it_can(
    tiny: Callable[..., Tiny], rows: int, limit: float, modality: Modality, place: int
) -> None:
    facts = grown(tiny("classes", modality), rows)
    names = drafting_order(facts)
    recipe = default_recipe(names[place % len(names)], facts)
    cut = fitted(recipe, facts, limit, 1)
    assert seconds(cut, facts, 1) <= seconds(recipe, facts, 1) + 1e-9
    if seconds(recipe, facts, 1) <= SHARE * limit:
        assert cut == recipe


def test_seeds_go_before_rounds(tiny: Callable[..., Tiny]) -> None:
    facts = grown(tiny("number"), 50_000)
    recipe = default_recipe("lightgbm", facts).change("more_seeds", seeds=10)
    one_seed = seconds(recipe.change("x", seeds=1), facts, 1)
    cut = fitted(recipe, facts, one_seed / SHARE + 0.1, 1)
    assert cut.options["seeds"] == 1
    assert cut.options["rounds"] == recipe.options["rounds"]


def test_fewer_rounds_take_larger_steps(tiny: Callable[..., Tiny]) -> None:
    facts = grown(tiny("number"), 3_000_000)
    recipe = default_recipe("lightgbm", facts)
    cut = fitted(recipe, facts, 200.0, 1)
    assert int(cut.options["rounds"] or 0) < int(recipe.options["rounds"] or 0)
    assert float(cut.options["rate"] or 0) > float(recipe.options["rate"] or 0)


@pytest.mark.parametrize("threads", [1, 4])
def test_more_threads_never_cost_more(threads: int, tiny: Callable[..., Tiny]) -> None:
    facts = grown(tiny("number"), 1_000_000)
    recipe = default_recipe("lightgbm", facts)
    assert START_S < seconds(recipe, facts, threads) <= seconds(recipe, facts, 1)
