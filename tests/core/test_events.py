"""Every kind of event survives being written to and read from JSON."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlmaster.core.budget import Budget, BudgetLimits
from mlmaster.core.cost import Cost, Size
from mlmaster.core.events import EVENT, Decided, Event, FoldScored, Record, SmokePassed
from mlmaster.core.scheme import Relation, Scheme, Shift

KINDS = get_args(get_args(Event)[0])


JSON = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
AMOUNTS = st.floats(min_value=0, max_value=1e12)
LIMITS = st.builds(
    BudgetLimits,
    time_s=st.none() | st.floats(min_value=1e-6, max_value=1e12),
    nodes=st.none() | st.integers(min_value=1),
    cost_usd=st.none() | AMOUNTS,
    tokens=st.none() | st.integers(min_value=0),
)
SIZES = st.builds(Size, st.integers(0, 10**9), st.integers(0, 10**9))
RELATIONS = st.builds(Relation, test=st.none() | FINITE, row=FINITE, by_key=FINITE)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    "settings": st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    "recipe": st.none() | st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    "members": st.lists(st.tuples(st.integers(1, 99), FINITE), max_size=3).map(tuple),
    "scheme": st.none()
    | st.builds(
        Scheme,
        folds=st.integers(1, 99),
        repeats=st.integers(1, 9),
        relations=st.lists(RELATIONS, max_size=2).map(tuple),
        shift=st.none() | st.builds(Shift, auc=FINITE),
    ),
    "size": SIZES,
    "costs": st.lists(st.builds(Cost, SIZES, FINITE, st.integers(0)), max_size=2).map(tuple),
    "budget": st.builds(Budget, limits=LIMITS, elapsed_s=AMOUNTS, nodes=st.integers(0), cost_usd=AMOUNTS),
}
"""Fields whose type alone does not say what they may hold. JSON has no NaN and no infinities, and neither do events."""


def any_event() -> st.SearchStrategy[Event]:
    """Instances of every kind, every field drawn."""
    return st.one_of(*(st.builds(kind, **_fields(kind)) for kind in KINDS))


def _fields(kind: type[Event]) -> dict[str, st.SearchStrategy[Any]]:
    found: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in kind.model_fields.items():
        if name in FIELDS:
            found[name] = FIELDS[name]
        elif field.annotation is float:
            found[name] = FINITE
        elif field.annotation == float | None:
            found[name] = st.none() | FINITE
        elif name != "kind":
            found[name] = st.from_type(field.annotation)  # type: ignore[arg-type]
    return found


def _name(kind: type[Event]) -> str:
    return str(kind.model_fields["kind"].default)


def test_every_kind_has_its_own_name() -> None:
    assert len({_name(kind) for kind in KINDS}) == len(KINDS) == 15


@given(any_event())
@settings(deadline=None, max_examples=300)
def test_an_event_survives_json(event: Event) -> None:
    assert EVENT.validate_json(EVENT.dump_json(event)) == event


@given(any_event(), st.integers(1, 10**6))
@settings(deadline=None, max_examples=50)
def test_a_record_survives_json(event: Event, seq: int) -> None:
    record = Record(seq=seq, at=1.5, elapsed_s=0.5, event=event)
    assert Record.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("kind", KINDS, ids=_name)
def test_an_unknown_field_is_an_error(kind: type[Event]) -> None:
    with pytest.raises(ValidationError, match="unheard_of"):
        EVENT.validate_python({"kind": _name(kind), "unheard_of": 1})


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValidationError, match="nonsense"):
        EVENT.validate_python({"kind": "nonsense"})


def test_what_scripts_cost_is_read_from_older_journals_too() -> None:
    smoke = EVENT.validate_python({"kind": "smoke_passed", "node": 1, "wall_s": 2.0, "peak_bytes": 5})
    assert isinstance(smoke, SmokePassed)
    assert smoke.costs == ()
    fold = EVENT.validate_python({"kind": "fold_scored", "node": 1, "fold": 0, "value": 0.5, "wall_s": 2.0})
    assert isinstance(fold, FoldScored)
    assert fold.size.rows == 0


def test_a_chain_is_new_continued_or_none() -> None:
    fields = {"kind": "decided", "node": 1, "operator": "draft", "parents": [0], "reason": "", "budget": {"limits": {}}}
    for chain in ("new", "continue", "none"):
        event = EVENT.validate_python(fields | {"chain": chain})
        assert isinstance(event, Decided)
        assert event.chain == chain
    with pytest.raises(ValidationError, match="chain"):
        EVENT.validate_python(fields | {"chain": "open"})
