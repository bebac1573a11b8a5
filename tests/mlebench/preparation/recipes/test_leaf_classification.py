from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    SPELLINGS,
    Files,
    assert_same,
    column,
    dealt,
    named_files,
    only,
    prepared,
    prepared_without,
    rows_of,
    shortest,
    table,
    without,
    write,
    write_files,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import leaf_classification

SPECIES = ("Quercus_x_Turneri", "Acer_Mono", "Quercus_Rubra", "Zelkova_Serrata", "Betula_Pendula", "Viburnum_Tinus")
FEATURES = ("margin1", "shape1", "texture1")


def make_raw(raw: Path, seed: int = 0, size: int = 47) -> None:
    random = np.random.default_rng(seed)
    rows = []
    for number in random.permutation(np.arange(1, 2 * size))[:size]:
        spelling = SPELLINGS[random.integers(len(SPELLINGS))]
        values = [spelling.format(value) for value in random.uniform(0, 0.1, len(FEATURES)).tolist()]
        species = SPECIES[random.integers(len(SPECIES))]
        rows.append({"id": str(number), "species": species, **dict(zip(FEATURES, values, strict=True))})
    write(raw / "train.csv", table(rows))
    write_files(raw, named_files("images", (f"{number}.jpg" for number in range(1, 2 * size))))


def expected(raw: Path) -> Files:
    rows = shortest(rows_of(raw / "train.csv"), FEATURES)
    train, test = dealt(rows, 0.1)
    names = sorted({row["species"] for row in rows})
    return {
        "public/train.csv": table(train),
        "public/test.csv": table(without(test, "species")),
        "public/sample_submission.csv": table(
            {**row, **dict.fromkeys(names, repr(1 / len(names)))} for row in only(test, "id")
        ),
        "private/test.csv": table(
            {"id": row["id"], **{name: int(row["species"] == name) for name in names}} for row in test
        ),
        **named_files("public/images", (f"{row['id']}.jpg" for row in rows)),
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(leaf_classification, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert column(files["public/sample_submission.csv"], "id") == column(files["private/test.csv"], "id")
    assert not set(column(files["public/train.csv"], "id")) & set(column(files["public/test.csv"], "id"))
    assert b"species" not in files["public/test.csv"]


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    number = column((tmp_path / "raw" / "train.csv").read_bytes(), "id")[3]
    (tmp_path / "raw" / "images" / f"{number}.jpg").unlink()
    with pytest.raises(DataError, match=f"images/{number}.jpg is missing"):
        prepared(leaf_classification, tmp_path / "raw")


def test_tables_are_written_without_images(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    tables = {name: content for name, content in expected(tmp_path / "raw").items() if name.endswith(".csv")}
    assert_same(prepared_without("images", leaf_classification, tmp_path / "raw"), tables)
