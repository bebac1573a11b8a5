from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from mlmaster.engineers.offline.layout import WIDTH, Code, call, literal

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8"), max_size=60),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=5),
    ),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([0, 4, 8]))
def test_a_literal_means_its_value(value: object, indent: int) -> None:
    assert ast.literal_eval(literal(value, indent)) == value


def test_short_values_stay_on_one_line_and_long_ones_wrap() -> None:
    assert literal(["a", 'b"']) == '["a", "b\\""]'
    assert literal({"rate": 0.1, "range": (1, 2)}) == '{"rate": 0.1, "range": (1, 2)}'
    wrapped = literal([f"column number {number}" for number in range(9)])
    assert wrapped.splitlines()[1] == '    "column number 0",'
    assert max(map(len, wrapped.splitlines())) <= WIDTH


def test_calls_take_code_as_it_is() -> None:
    assert call("fit", Code("X"), "X", rounds=3) == 'fit(X, "X", rounds=3)'
    long = call("fit", *[Code(f"an_argument_{number}") for number in range(9)], indent=4)
    assert ast.unparse(ast.parse(long)).startswith("fit(an_argument_0, an_argument_1")
