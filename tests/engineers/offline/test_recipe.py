from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mlmaster.engineers.offline.recipe import Recipe

OPTION = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
OPTIONS = st.dictionaries(st.text(min_size=1, max_size=8), OPTION, max_size=4)
SINGLE = st.builds(
    Recipe,
    family=st.text(min_size=1, max_size=8),
    options=OPTIONS,
    edits=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    before=st.none() | OPTIONS,
    safety=st.lists(st.text(max_size=5), max_size=3).map(tuple),
)
ANY = st.builds(
    lambda first, members, combine: first.model_copy(update={"members": tuple(members), "combine": combine}),
    SINGLE,
    st.lists(SINGLE, max_size=3),
    st.sampled_from(["mean", "geometric", "rank", "stack"]),
)


@given(ANY)
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    again = Recipe.read(json.loads(json.dumps(recipe.store())))
    assert again == recipe
    assert again is not None
    assert again.signature() == recipe.signature()


def test_foreign_data_is_no_recipe() -> None:
    assert Recipe.read(None) is None
    assert Recipe.read({"prompt": "x"}) is None
    assert Recipe.read({"family": "linear", "tokens": 3}) is None


def test_the_signature_leaves_the_way_out() -> None:
    plain = Recipe(family="linear", options={"a": 1, "b": 2})
    other = Recipe(family="linear", options={"a": 1}).change("edit", b=2).guard("measure")
    assert plain.signature() == other.signature()
    assert other.edits == ("edit",)
    assert other.before == {"a": 1}
    assert plain.signature() != plain.change("edit", b=3).signature()
