from __future__ import annotations

from pathlib import Path

from tests.mlebench.preparation.recipes.synthetic import (
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

ID = "tabular-playground-series-may-2022"
KEPT = 61


def test_a_hundred_thousand_rows_are_dealt_and_numbered_through(tmp_path: Path) -> None:
    source = Source(1)
    rows: list[Row] = [
        {
            "id": 7 + number,
            "f_00": source.float(0),
            "f_07": source.int(0, 9),
            "f_27": source.choice(("ABBA", "BA,A")),
            "target": source.int(0, 1),
        }
        for number in range(100_000 + KEPT)
    ]

    found = prepared(ID, {"train.csv": raw_table(rows)}, tmp_path)

    train, test = deal(rows, 100_000)
    train = changed(train, lambda number: {"id": number})
    test = changed(test, lambda number: {"id": KEPT + number})
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, ["id", "f_00", "f_07", "f_27"]),
            "public/sample_submission.csv": table(changed(test, lambda _: {"target": 0.5}), ["id", "target"]),
            "private/test.csv": table(test, rows[0]),
            "private/gold_submission.csv": table(test, ["id", "target"]),
        },
    )
    assert_sound(found, "id", ["target"])
