from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.plain_python import assert_same, dealt, prepared, table, without, write_files

from mlmaster.mlebench.preparation.recipes import spaceship_titanic as recipe


@pytest.mark.parametrize("size", [10, 64])
def test_a_tenth_is_dealt_as_pandas_writes_it(size: int, tmp_path: Path) -> None:
    """Kaggle's FALSE is written False, and a column of whole numbers with gaps as floats."""
    raw = [
        {
            "PassengerId": f"{i:04}_01",
            "CryoSleep": ("TRUE", "FALSE", "")[i % 3],
            "Age": "" if i == 3 else str(i),
            "Spa": str(i),
        }
        | {"Transported": ("TRUE", "FALSE")[i % 2]}
        for i in range(size)
    ]
    written = [
        row
        | {
            "CryoSleep": row["CryoSleep"].capitalize(),
            "Age": row["Age"] and f"{row['Age']}.0",
            "Transported": row["Transported"].capitalize(),
        }
        for row in raw
    ]
    write_files(tmp_path / "raw", {"train.csv": table(raw).replace(b"\n", b"\r\n")})
    found = prepared(recipe, tmp_path / "raw")

    train, test = dealt(written, 0.1)
    assert_same(
        found,
        {
            "public/train.csv": table(train),
            "public/test.csv": table(without(test, "Transported")),
            "public/sample_submission.csv": table(
                {"PassengerId": row["PassengerId"], "Transported": "False"} for row in test
            ),
            "private/test.csv": table(test),
        },
    )
