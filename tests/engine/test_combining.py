"""Several answers become one: tables of small cases, laws, and the same bits from `reproduce.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.blend import BlendKind
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.engine import reproduce
from mlmaster.engine.combining import Form, average, combine, ranks, vote
from mlmaster.ports import Array

FORMS: tuple[Form, ...] = ("number", "probability", "classes")
KINDS = (BlendKind.MEAN, BlendKind.GEOMETRIC, BlendKind.RANK)


def column(*values: float) -> Array:
    return np.array([values]).T


def draw(form: Form, rng: np.random.Generator, rows: int) -> Array:
    """Return numbers of a form, some of them at the ends of their range, some equal."""
    if form == "number":
        return np.round(rng.lognormal(sigma=3, size=(rows, 2)), int(rng.integers(0, 3)))
    if form == "probability":
        return np.clip(np.round(rng.normal(0.5, 0.6, size=(rows, 2)), 2), 0.0, 1.0)
    chances = rng.dirichlet(np.full(4, 0.2), size=rows)
    chances[0] = [0.0, 1.0, 0.0, 0.0]
    return chances


def draw_parts(form: Form, seed: int) -> list[tuple[float, Array]]:
    rng = np.random.default_rng(seed)
    members = int(rng.integers(2, 5))
    return [(float(w), draw(form, rng, 7)) for w in rng.dirichlet(np.ones(members))]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_reproduction_has_the_same_bits(form: Form, kind: BlendKind, seed: int) -> None:
    parts = draw_parts(form, seed)
    ours = average(form, kind, parts)
    alone = reproduce.average(form, kind.value, [(weight, array.tolist()) for weight, array in parts])
    assert ours.tolist() == alone


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [BlendKind.MEAN, BlendKind.GEOMETRIC])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_equal_members_are_their_own_blend(form: Form, kind: BlendKind, seed: int) -> None:
    parts = draw_parts(form, seed)
    same = [(weight, parts[0][1]) for weight, _ in parts]
    assert average(form, kind, same) == pytest.approx(parts[0][1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_blend_is_what_its_members_are(form: Form, kind: BlendKind, seed: int) -> None:
    parts = draw_parts(form, seed)
    blended = average(form, kind, parts)
    assert np.isfinite(blended).all()
    if form != "number" or kind is BlendKind.RANK:
        assert ((blended >= 0) & (blended <= 1)).all()
    if form == "classes" and kind is not BlendKind.RANK:
        assert blended.sum(axis=1) == pytest.approx(1.0, abs=1e-9)
    if kind is not BlendKind.RANK and form != "classes":
        stacked = np.stack([array for _, array in parts])
        assert (blended >= stacked.min(axis=0) - 1e-9).all()
        assert (blended <= stacked.max(axis=0) * (1 + 1e-9) + 1e-9).all()


@pytest.mark.parametrize(
    ("form", "kind", "one", "other", "expected"),
    [
        ("number", BlendKind.MEAN, column(1.0), column(3.0), [[2.0]]),
        ("number", BlendKind.GEOMETRIC, column(1.0), column(4.0), [[2.0]]),
        ("number", BlendKind.GEOMETRIC, column(0.0), column(4.0), [[2.0]]),  # no logarithm: the plain mean
        ("probability", BlendKind.GEOMETRIC, column(0.8), column(0.2), [[0.5]]),
        ("probability", BlendKind.GEOMETRIC, column(0.9), column(0.5), [[0.75]]),
        ("classes", BlendKind.GEOMETRIC, np.array([[0.8, 0.2]]), np.array([[0.2, 0.8]]), [[0.5, 0.5]]),
        ("number", BlendKind.RANK, column(1, 2, 3), column(90, 7, 8), [[0.5], [1 / 3], [2 / 3]]),
    ],
)
def test_small_cases(form: Form, kind: BlendKind, one: Array, other: Array, expected: list[list[float]]) -> None:
    assert average(form, kind, [(0.5, one), (0.5, other)]) == pytest.approx(np.array(expected))


def test_weights_that_pass_one_in_the_last_digit_leave_probabilities_at_one() -> None:
    weights = [0.1, 0.2, 0.7000000000000002]
    assert sum(weights) > 1.0
    assert average("probability", BlendKind.MEAN, [(weight, column(1.0)) for weight in weights]).max() == 1.0


def test_equal_numbers_share_a_rank() -> None:
    assert ranks(column(5, 1, 5, 9)).ravel().tolist() == [0.5, 0.125, 0.5, 0.875]


def test_the_heavier_side_wins_a_vote_and_the_first_wins_a_tie() -> None:
    yes, no = np.array([["yes"], ["a"]]), np.array([["no"], ["b"]])
    assert vote([(0.4, yes), (0.6, no)])[0, 0] == "no"
    assert vote([(0.5, yes), (0.5, no)]).ravel().tolist() == ["yes", "a"]
    assert vote([(0.4, no), (0.3, yes), (0.3, yes)])[0, 0] == "yes"


def make_task(kind: PredictionKind, tmp_path: Path = Path(), *, is_multilabel: bool = False) -> Task:
    return Task(
        name="t",
        directory=tmp_path,
        train="train.csv",
        submission_columns=("y",),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.MULTILABEL if is_multilabel else TaskKind.BINARY,
        prediction_kind=kind,
        classes=("no", "yes"),
        metric="accuracy",
        direction=Direction.MAXIMIZE,
    )


def test_labels_are_blended_by_what_stands_behind_them() -> None:
    task = make_task(PredictionKind.LABEL)
    sure, unsure = np.array([[0.1, 0.9]]), np.array([[0.6, 0.4]])
    members = [(0.5, [unsure]), (0.5, [sure])]
    assert combine(task, BlendKind.MEAN, members).tolist() == [["yes"]]
    labels = [(0.5, [np.array([["no"]])]), (0.5, [np.array([["yes"]])])]
    assert combine(task, BlendKind.VOTE, labels).tolist() == [["no"]]


def test_a_single_member_s_folds_vote_or_are_averaged() -> None:
    labels = [np.array([[cell]]) for cell in ("no", "yes", "yes")]
    assert combine(make_task(PredictionKind.LABEL), BlendKind.MEAN, [(1.0, labels)]).tolist() == [["yes"]]
    chances = [column(0.2), column(0.4)]
    found = combine(make_task(PredictionKind.PROBABILITY), BlendKind.MEAN, [(1.0, chances)])
    assert found == pytest.approx(column(0.3))
