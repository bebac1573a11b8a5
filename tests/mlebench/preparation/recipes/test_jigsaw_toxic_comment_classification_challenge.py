from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.synthetic import (
    SIZES,
    Row,
    Source,
    assert_same,
    assert_sound,
    changed,
    prepared,
    raw_table,
    table,
)

ID = "jigsaw-toxic-comment-classification-challenge"
LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


@pytest.mark.parametrize("size", SIZES)
def test_published_tables_are_written_again_and_nothing_is_split(size: int, tmp_path: Path) -> None:
    source = Source(size)
    train: list[Row] = [
        {"id": source.id(), "comment_text": source.text(), **{name: source.int(0, 1) for name in LABELS}}
        for _ in range(size)
    ]
    test: list[Row] = [{"id": source.id(), "comment_text": source.text()} for _ in range(2 * size)]
    labels: list[Row] = [
        {
            "id": row["id"],
            **(dict.fromkeys(LABELS, -1) if source.int(0, 1) else {name: source.int(0, 1) for name in LABELS}),
        }
        for row in test
    ]
    sample: list[Row] = [{"id": row["id"], **dict.fromkeys(LABELS, 0)} for row in test]
    raw = {"train.csv": train, "test.csv": test, "test_labels.csv": labels, "sample_submission.csv": sample}

    found = prepared(ID, {name: raw_table(rows) for name, rows in raw.items()}, tmp_path)

    assert_same(
        found,
        {
            "public/train.csv": table(train, ["id", "comment_text", *LABELS]),
            "public/test.csv": table(test, ["id", "comment_text"]),
            "public/sample_submission.csv": table(
                changed(sample, lambda _: dict.fromkeys(LABELS, 0.5)), ["id", *LABELS]
            ),
            "private/test.csv": table(labels, ["id", *LABELS]),
        },
    )
    assert_sound(found, "id", LABELS)
