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

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import aerial_cactus_identification


def make_raw(raw: Path, seed: int = 0, size: int = 53) -> None:
    random = np.random.default_rng(seed)
    rows = [{"id": f"{random.bytes(16).hex()}.jpg", "has_cactus": str(random.integers(2))} for _ in range(size)]
    write(raw / "train.csv", table(rows))
    write_files(raw, named_files("train", (row["id"] for row in rows)))


def expected(raw: Path) -> Files:
    train, test = dealt(rows_of(raw / "train.csv"), 0.19)
    return {
        "public/train.csv": table(train),
        "public/sample_submission.csv": table({**row, "has_cactus": "0.5"} for row in test),
        "private/test.csv": table(test),
        **named_files("public/train.zip", (row["id"] for row in train)),
        **named_files("public/test.zip", (row["id"] for row in test)),
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(aerial_cactus_identification, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert len(column(files["private/test.csv"], "id")) == 11
    assert not set(column(files["public/train.csv"], "id")) & set(column(files["private/test.csv"], "id"))


def test_archives_are_the_same_each_time(tmp_path: Path) -> None:
    packed = []
    for name in ("first", "second"):
        make_raw(tmp_path / name / "raw")
        prepared(aerial_cactus_identification, tmp_path / name / "raw")
        packed.append((tmp_path / name / "public" / "test.zip").read_bytes())
    assert packed[0] == packed[1]


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    image = column((tmp_path / "raw" / "train.csv").read_bytes(), "id")[-1]
    (tmp_path / "raw" / "train" / image).unlink()
    with pytest.raises(DataError, match=f"train/{image} is missing"):
        prepared(aerial_cactus_identification, tmp_path / "raw")
