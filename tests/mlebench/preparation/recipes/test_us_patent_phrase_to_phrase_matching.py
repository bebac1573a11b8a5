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

ID = "us-patent-phrase-to-phrase-matching"


@pytest.mark.parametrize("size", SIZES)
def test_a_tenth_is_dealt(size: int, tmp_path: Path) -> None:
    source = Source(size)
    rows: list[Row] = [
        {
            "id": source.id(),
            "anchor": source.text(),
            "target": source.text(),
            "context": source.choice(("A47", "G02", "H04")),
            "score": source.int(0, 4) / 4,
        }
        for _ in range(size)
    ]

    found = prepared(ID, {"train.csv": raw_table(rows)}, tmp_path)

    train, test = deal(rows, 0.1)
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, ["id", "anchor", "target", "context"]),
            "public/sample_submission.csv": table(changed(test, lambda _: {"score": 0}), ["id", "score"]),
            "private/test.csv": table(test, rows[0]),
        },
    )
    assert_sound(found, "id", ["score"])
