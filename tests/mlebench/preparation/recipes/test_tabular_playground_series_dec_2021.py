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

ID = "tabular-playground-series-dec-2021"


def rows_of(size: int) -> list[Row]:
    source = Source(size)
    return [
        {
            "Id": number,
            "Elevation": source.int(1500, 4500),
            "Aspect": source.int(-33, 407),
            "Horizontal_Distance_To_Roadways": source.int(-(2**40), 2**40),
            "Soil_Type1": source.int(0, 1),
            "Cover_Type": source.int(1, 7),
        }
        for number in range(size)
    ]


@pytest.mark.parametrize("size", SIZES)
def test_a_tenth_is_dealt_and_ids_are_kept(size: int, tmp_path: Path) -> None:
    rows = rows_of(size)

    found = prepared(ID, {"train.csv": raw_table(rows)}, tmp_path)

    train, test = deal(rows, 0.1)
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, list(rows[0])[:-1]),
            "public/sample_submission.csv": table(changed(test, lambda _: {"Cover_Type": 2}), ["Id", "Cover_Type"]),
            "private/test.csv": table(test, rows[0]),
        },
    )
    assert_sound(found, "Id", ["Cover_Type"])
