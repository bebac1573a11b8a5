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
    deal,
    prepared,
    raw_table,
    table,
)

ID = "tweet-sentiment-extraction"


@pytest.mark.parametrize("size", SIZES)
def test_a_tenth_is_dealt_and_keeps_its_sentiment(size: int, tmp_path: Path) -> None:
    source = Source(size)
    rows: list[Row] = [
        {
            "textID": source.id(),
            "text": source.text(),
            "selected_text": source.text(),
            "sentiment": source.choice(("neutral", "negative", "positive")),
        }
        for _ in range(size)
    ]

    found = prepared(ID, {"train.csv": raw_table(rows)}, tmp_path)

    train, test = deal(rows, 0.1)
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, ["textID", "text", "sentiment"]),
            "public/sample_submission.csv": table(
                changed(test, lambda _: {"selected_text": ""}), ["textID", "selected_text"]
            ),
            "private/test.csv": table(test, rows[0]),
        },
    )
    assert_sound(found, "textID", ["selected_text"])
