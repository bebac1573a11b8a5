from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.synthetic import (
    SIZES,
    Row,
    Source,
    assert_same,
    assert_sound,
    cells,
    changed,
    deal,
    prepared,
    raw_table,
    table,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes.google_quest_challenge import LABELS

ID = "google-quest-challenge"
RARE = "question_type_spelling"
SHOWN = [
    "qa_id",
    "question_title",
    "question_body",
    "question_user_name",
    "question_user_page",
    "answer",
    "answer_user_name",
    "answer_user_page",
    "url",
    "category",
    "host",
]


def rows_of(size: int, rare: Callable[[int], float]) -> list[Row]:
    source = Source(size)
    return [
        {
            "qa_id": 2 * number,
            **{name: source.text(0) for name in SHOWN[1:]},
            **{name: source.int(0, 9) / 9 for name in LABELS},
            RARE: rare(number),
        }
        for number in range(size)
    ]


def assert_prepared(rows: list[Row], train: list[Row], test: list[Row], folder: Path) -> None:
    found = prepared(ID, {"train.csv": raw_table(rows)}, folder)
    last = max(1, len(test) - 1)
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, SHOWN),
            "public/sample_submission.csv": table(
                changed(test, lambda number: dict.fromkeys(LABELS, number * (1.0 / last) if number < last else 1.0)),
                ["qa_id", *LABELS],
            ),
            "private/test.csv": table(test, ["qa_id", *LABELS]),
        },
    )
    assert_sound(found, "qa_id", LABELS)
    assert len({row[RARE] for row in cells(found["private/test.csv"])}) > 1


def test_thirty_labels() -> None:
    questions, answers = ([name for name in LABELS if name.startswith(part)] for part in ("question_", "answer_"))
    assert [*sorted(set(questions)), *sorted(set(answers))] == list(LABELS)
    assert (len(questions), len(answers)) == (21, 9)


@pytest.mark.parametrize("size", SIZES)
def test_a_tenth_is_dealt(size: int, tmp_path: Path) -> None:
    rows = rows_of(size, lambda number: number / 3)
    assert_prepared(rows, *deal(rows, 0.1), tmp_path)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rare", [1 / 3, 1.0], ids=["a third", "whole"])
def test_a_test_set_without_the_rare_label_gets_the_first_that_has_it(size: int, rare: float, tmp_path: Path) -> None:
    train, test = deal(rows_of(size, lambda _: 0.0), 0.1)
    # in the permuted order of the train set, the third row and all after the fifth have the label
    holders = {row["qa_id"] for at, row in enumerate(train) if at == 2 or at > 4}
    rows: list[Row] = [{**row, RARE: rare if row["qa_id"] in holders else 0.0} for row in rows_of(size, lambda _: 0.0)]
    train, test = deal(rows, 0.1)
    train[2], test[0] = test[0], train[2]
    assert_prepared(rows, train, test, tmp_path)


def test_a_table_without_the_rare_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{RARE} is 0 in every row"):
        prepared(ID, {"train.csv": raw_table(rows_of(40, lambda _: 0.0))}, tmp_path)
