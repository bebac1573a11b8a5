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

ID = "playground-series-s3e18"
LABELS = ["EC1", "EC2", "EC3", "EC4", "EC5", "EC6"]


@pytest.mark.parametrize("size", SIZES)
def test_a_tenth_is_dealt_without_any_of_six_labels(size: int, tmp_path: Path) -> None:
    source = Source(size)
    rows: list[Row] = [
        {
            "id": number,
            "BertzCT": source.float(),
            "Chi1": source.float(0),
            "HallKierAlpha": float(source.int(-9, 9)),
            "NumHeteroatoms": source.int(0, 30),
            **{name: source.int(0, 1) for name in LABELS},
        }
        for number in range(size)
    ]

    found = prepared(ID, {"train.csv": raw_table(rows)}, tmp_path)

    train, test = deal(rows, 0.1)
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, ["id", "BertzCT", "Chi1", "HallKierAlpha", "NumHeteroatoms"]),
            "public/sample_submission.csv": table(
                changed(test, lambda _: {"EC1": 0.5, "EC2": 0.5}), ["id", "EC1", "EC2"]
            ),
            "private/test.csv": table(test, rows[0]),
        },
    )
    assert_sound(found, "id", LABELS)
