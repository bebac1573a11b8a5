from pathlib import Path

import numpy as np
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    column,
    dealt,
    named_files,
    prepared,
    prepared_without,
    rows_of,
    table,
    without,
    write,
    write_files,
)

from mlmaster.mlebench.preparation.recipes import petfinder_pawpularity_score


def make_raw(raw: Path, seed: int = 0, size: int = 112) -> None:
    random = np.random.default_rng(seed)
    rows = [
        {
            "Id": random.bytes(16).hex(),
            "Eyes": str(random.integers(2)),
            "Blur": str(random.integers(2)),
            "Pawpularity": str(random.integers(1, 101)),
        }
        for _ in range(size)
    ]
    write(raw / "train.csv", table(rows))
    write_files(raw, named_files("train", (f"{row['Id']}.jpg" for row in rows)))


def expected(raw: Path) -> Files:
    train, test = dealt(rows_of(raw / "train.csv"), 0.1)
    guesses = [repr(float(f"{value:.2f}")) for value in np.random.default_rng(0).uniform(1, 100, len(test))]
    return {
        "public/train.csv": table(train),
        "public/test.csv": table(without(test, "Pawpularity")),
        "public/sample_submission.csv": table(
            {"Id": row["Id"], "Pawpularity": guess} for row, guess in zip(test, guesses, strict=True)
        ),
        "private/test.csv": table(test),
        **named_files("public/train", (f"{row['Id']}.jpg" for row in train)),
        **named_files("public/test", (f"{row['Id']}.jpg" for row in test)),
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(petfinder_pawpularity_score, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert b"Pawpularity" not in files["public/test.csv"]
    assert column(files["private/test.csv"], "Id") == column(files["public/sample_submission.csv"], "Id")
    assert not set(column(files["public/train.csv"], "Id")) & set(column(files["private/test.csv"], "Id"))


def test_tables_are_written_without_photos(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    tables = {name: content for name, content in expected(tmp_path / "raw").items() if name.endswith(".csv")}
    assert_same(prepared_without("train", petfinder_pawpularity_score, tmp_path / "raw"), tables)
