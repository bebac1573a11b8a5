from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    assert_same,
    dealt,
    only,
    prepared,
    rows_of,
    table,
    write_files,
)

from mlmaster.mlebench.preparation.recipes import spooky_author_identification as recipe

AUTHORS = ("EAP", "HPL", "MWS")
SAMPLE = {"EAP": "0.403493538995863", "HPL": "0.287808366106543", "MWS": "0.308698094897594"}


@pytest.mark.parametrize("size", [10, 57])
def test_a_tenth_is_dealt_and_answered_by_author(size: int, tmp_path: Path) -> None:
    rows = [{"id": f"id{i:05}", "text": f'He said, "{i}"', "author": AUTHORS[i * i % 3]} for i in range(size)]
    write_files(tmp_path / "raw", {"train.csv": table(rows)})
    found = prepared(recipe, tmp_path / "raw")

    train, test = dealt(rows, 0.1)
    truth = [{"id": row["id"], **{each: int(row["author"] == each) for each in AUTHORS}} for row in test]
    assert_same(
        found,
        {
            "public/train.csv": table(train),
            "public/test.csv": table(only(test, "id", "text")),
            "public/sample_submission.csv": table([{"id": row["id"], **SAMPLE} for row in test]),
            "private/test.csv": table(truth),
        },
    )
    assert {row["id"] for row in rows_of(found["private/test.csv"])}.isdisjoint(row["id"] for row in train)
