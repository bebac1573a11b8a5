from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    column,
    dealt,
    named_files,
    prepared,
    rows_of,
    table,
    write,
    write_files,
)

from mlmaster.mlebench.preparation.recipes import histopathologic_cancer_detection


def make_raw(raw: Path, seed: int = 0, size: int = 59, hidden: int = 16) -> None:
    random = np.random.default_rng(seed)
    rows = [{"id": random.bytes(20).hex(), "label": str(random.integers(2))} for _ in range(size)]
    write(raw / "train_labels.csv", table(rows))
    write_files(raw, named_files("train", (f"{row['id']}.tif" for row in rows)))
    write_files(raw, named_files("test", (f"{number}.tif" for number in range(hidden))))


def expected(raw: Path) -> Files:
    rows = rows_of(raw / "train_labels.csv")
    hidden = len(list((raw / "test").iterdir()))
    chosen = dealt([row["id"] for row in rows], hidden / (hidden + len(rows)))[1]
    train = [row for row in rows if row["id"] not in chosen]
    test = [row for row in rows if row["id"] in chosen]
    return {
        "public/train_labels.csv": table(train),
        "public/sample_submission.csv": table({**row, "label": 0} for row in test),
        "private/answers.csv": table(test),
        **named_files("public/train", (f"{row['id']}.tif" for row in train)),
        **named_files("public/test", (f"{row['id']}.tif" for row in test)),
    }


@pytest.mark.parametrize(("size", "hidden", "test"), [(59, 16, 13), (60, 20, 15), (10, 1, 1)])
def test_files_are_the_official_ones(size: int, hidden: int, test: int, tmp_path: Path) -> None:
    make_raw(tmp_path / "raw", size=size, hidden=hidden)
    files = prepared(histopathologic_cancer_detection, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert len(column(files["private/answers.csv"], "id")) == test
    assert column(files["private/answers.csv"], "id") == column(files["public/sample_submission.csv"], "id")
