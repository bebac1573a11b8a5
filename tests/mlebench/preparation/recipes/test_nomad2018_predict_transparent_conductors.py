from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    dealt,
    prepared,
    table,
    without,
    write_files,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import nomad2018_predict_transparent_conductors as recipe

TARGETS = ("formation_energy_ev_natom", "bandgap_energy_ev")
ROWS = [
    {
        "id": str(i),
        "spacegroup": str(200 + i % 7),
        "lattice": repr(i * 0.1),
        TARGETS[0]: repr(i / 7),
        TARGETS[1]: repr(i / 3),
    }
    for i in range(1, 35)
]


def geometry(row: dict[str, str]) -> bytes:
    return f"crystal {row['id']}".encode()


def raw_files() -> Files:
    return {"train.csv": table(ROWS), **{f"train/{row['id']}/geometry.xyz": geometry(row) for row in ROWS}}


def test_tables_and_geometry_are_numbered_alike(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", raw_files())
    found = prepared(recipe, tmp_path / "raw")

    parts = dict(zip(("train", "test"), dealt(ROWS, 0.1), strict=True))
    train, test = ([row | {"id": str(at)} for at, row in enumerate(rows, 1)] for rows in parts.values())
    crystals = {
        f"public/{part}/{at}/geometry.xyz": geometry(row)
        for part, rows in parts.items()
        for at, row in enumerate(rows, 1)
    }
    assert_same(
        found,
        {
            "public/train.csv": table(train),
            "public/test.csv": table(without(test, *TARGETS)),
            "public/sample_submission.csv": table(
                {"id": row["id"], TARGETS[0]: "0.1779", TARGETS[1]: "1.8892"} for row in test
            ),
            "private/test.csv": table(test),
            **crystals,
        },
    )


def test_a_crystal_without_geometry_is_named(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", raw_files())
    (tmp_path / "raw" / "train" / "7" / "geometry.xyz").unlink()
    with pytest.raises(DataError, match=r"7/geometry\.xyz is missing from the raw files"):
        prepared(recipe, tmp_path / "raw")


def test_without_any_geometry_there_are_tables(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", {"train.csv": table(ROWS)})
    (tmp_path / "raw" / "train").mkdir()
    found = prepared(recipe, tmp_path / "raw")
    assert sorted(found) == [
        "private/test.csv",
        "public/sample_submission.csv",
        "public/test.csv",
        "public/train.csv",
    ]


def test_ids_that_occur_twice_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", {**raw_files(), "train.csv": table([*ROWS, ROWS[0]])})
    with pytest.raises(DataError, match="some ids occur twice"):
        prepared(recipe, tmp_path / "raw")
