"""Ids of hidden rows: they stay where the real test's tell as much, and are counted anew where they would tell more."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, PredictionKind, Task, TaskKind
from mlmaster.tasks.numbering import are_dates, decide_numbering
from mlmaster.tasks.rebuild import new_id


def make_task(*, reads_order: bool = False, rules: tuple[FileRule, ...] = ()) -> Task:
    return Task(
        name="t",
        directory=Path("/nowhere"),
        train="train.csv",
        id_column="id",
        submission_columns=("id", "y"),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.BINARY,
        prediction_kind=PredictionKind.LABEL,
        metric="accuracy",
        direction=Direction.MAXIMIZE,
        reads_order=reads_order,
        file_rules=rules,
    )


def numbers(start: int, stop: int, form: str = "{}") -> list[str]:
    return [form.format(i) for i in range(start, stop)]


SHUFFLED = Random(0).sample(range(1000, 1500), 500)


@pytest.mark.parametrize(
    ("train", "test", "first"),
    [
        (numbers(1, 301), numbers(301, 401), "301"),  # all above
        (numbers(101, 401), numbers(1, 101), "401"),  # all below: new ids are no train row's
        (numbers(1, 300) + numbers(400, 700), numbers(300, 400), "700"),  # a block in the middle
        (numbers(1, 301, "train_{}"), numbers(1, 101, "test_{}"), "test_1"),
        (numbers(1, 301, "{}.jpg"), numbers(900, 999, "{}.jpg"), "301.jpg"),
        (numbers(1, 301, "{:05d}"), numbers(900, 999, "{:05d}"), "00301"),
        (list(map(str, SHUFFLED[:400])), list(map(str, SHUFFLED[400:])), None),  # drawn at random from one range
        (numbers(1, 301, "{:04d}_01"), numbers(301, 401, "{:04d}_01"), None),  # of several parts
        (["a9f", "03c", "b71"], ["77d", "a10"], None),
    ],
)
def test_ids_stay_only_where_the_tests_lie_among_them(train: list[str], test: list[str], first: str | None) -> None:
    found = decide_numbering(make_task(), train, test, None)
    assert (None if found is None else new_id(found, 0)) == first
    if found is not None:
        assert {new_id(found, place) for place in range(1000)}.isdisjoint(train)


def test_a_label_within_an_id_is_taken_away_unless_the_real_test_shows_it_too() -> None:
    labels = ["cat", "dog"] * 50
    train = [f"{label}.{i}" for i, label in enumerate(labels)]
    among = [f"{i}.5" for i in range(20)]
    found = decide_numbering(make_task(), train, [f"cow.{i}" for i in range(20)], labels)
    assert found is not None
    telling_too = [f"{'dog' if i % 3 else 'cat'}.{i}5" for i in range(20, 80)]
    assert decide_numbering(make_task(), train, telling_too, labels) is None
    assert decide_numbering(make_task(), train, among, ["cat"] * 100) is None  # one class: nothing to tell
    # a number that is often, but not in every class, a word of the id tells nothing
    assert decide_numbering(make_task(), [f"1_{i}" for i in range(100)], ["1_3a"], ["1"] * 95 + ["0"] * 5) is None


def test_without_a_test_ids_go_when_neighbours_have_like_targets() -> None:
    rng = Random(1)
    ids = numbers(1, 201)
    by_target = [str(i + rng.random()) for i in range(200)]
    assert decide_numbering(make_task(), ids, (), by_target) is not None
    assert decide_numbering(make_task(), ids, (), ["no"] * 100 + ["yes"] * 100) is not None
    assert decide_numbering(make_task(), ids, (), rng.sample(by_target, 200)) is None
    assert decide_numbering(make_task(), ids, (), ["no", "yes"] * 100) is None
    assert decide_numbering(make_task(), ids[:20], (), by_target[:20]) is None


def test_in_a_shared_folder_new_ids_are_no_train_rows() -> None:
    rule = FileRule(train="{key}.png", test="{key}.png", key="id")
    both = numbers(1, 11), numbers(5, 8)
    shared = decide_numbering(make_task(rules=(rule,)), *both, None)
    apart = decide_numbering(make_task(), *both, None)
    assert shared is not None
    assert apart is not None
    assert (new_id(shared, 0), new_id(apart, 0)) == ("11", "1")


def test_matching_by_order_and_missing_ids_are_reasons_and_dates_are_not() -> None:
    assert decide_numbering(make_task(reads_order=True), ["1", "3"], ["2", "4"], None) is not None
    assert decide_numbering(make_task(), None, ["q7", "q9"], None) is not None
    assert decide_numbering(make_task(reads_order=True), ["2020-01-01"] * 3, ["2021-01-01"], None) is None
    assert are_dates(["2011-01-01 00:00:00", "20120618192155Z", "1/2/2013"])
    assert not are_dates(["1"])
    assert not are_dates([])
