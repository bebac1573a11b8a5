from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    SPELLINGS,
    Files,
    assert_same,
    column,
    dealt_by,
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
from mlmaster.mlebench.preparation.recipes import champs_scalar_coupling

FLOATS = {
    "structures": ("x", "y", "z"),
    "dipole_moments": ("X", "Y", "Z"),
    "magnetic_shielding_tensors": ("XX", "ZZ"),
    "mulliken_charges": ("mulliken_charge",),
    "potential_energy": ("potential_energy",),
    "scalar_coupling_contributions": ("fc", "sd", "pso", "dso"),
}


def make_raw(raw: Path, seed: int = 0, molecules: int = 41) -> None:
    """Make molecules, and as many more without a known coupling: Kaggle's test set."""
    random = np.random.default_rng(seed)

    def number() -> str:
        return SPELLINGS[random.integers(len(SPELLINGS))].format(random.normal(0, 50))

    names = [f"dsgdb9nsd_{value:06}" for value in random.permutation(np.arange(1, 133885))[: 2 * molecules].tolist()]
    couplings = random.permutation(np.repeat(names[:molecules], random.integers(1, 6, molecules)))
    rows = [
        {
            "id": str(7 * at),
            "molecule_name": str(name),
            "atom_index_0": str(random.integers(9)),
            "atom_index_1": str(random.integers(9)),
            "type": str(random.choice(["1JHC", "2JHH", "3JHN"])),
            "scalar_coupling_constant": number(),
        }
        for at, name in enumerate(couplings)
    ]
    write(raw / "train.csv", table(rows))
    of_molecules: dict[str, list[Mapping[str, object]]] = {
        "structures": [
            {"molecule_name": name, "atom_index": at, "atom": "CHN"[at]} for name in names for at in range(3)
        ],
        "dipole_moments": [{"molecule_name": name} for name in names[:molecules]],
        "magnetic_shielding_tensors": [{"molecule_name": name, "atom_index": 0} for name in names[:molecules]],
        "mulliken_charges": [{"molecule_name": name, "atom_index": 0} for name in names[:molecules]],
        "potential_energy": [{"molecule_name": name} for name in names[:molecules]],
        "scalar_coupling_contributions": [*only(rows, "molecule_name", "atom_index_0", "atom_index_1", "type")],
    }
    for name, keys in of_molecules.items():
        write(raw / f"{name}.csv", table({**key, **{each: number() for each in FLOATS[name]}} for key in keys))
    write_files(raw, named_files("structures", (f"{name}.xyz" for name in names)))


def expected(raw: Path) -> Files:
    target = "scalar_coupling_constant"
    train, test = dealt_by(shortest(rows_of(raw / "train.csv"), [target]), "molecule_name", 0.1)
    known = {row["molecule_name"] for row in train}
    others = {name: shortest(rows_of(raw / f"{name}.csv"), floats) for name, floats in FLOATS.items()}
    return {
        "public/train.csv": table(train),
        "public/test.csv": table(without(test, target)),
        "public/sample_submission.csv": table({**row, target: 0} for row in only(test, "id")),
        "private/answers.csv": table(test),
        **{
            f"public/{name}.csv": table(row for row in rows if row["molecule_name"] in known)
            for name, rows in others.items()
        },
        **named_files("public/structures", (f"{name}.xyz" for name in known)),
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(champs_scalar_coupling, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert b"scalar_coupling_constant" not in files["public/test.csv"]
    assert column(files["private/answers.csv"], "id") == column(files["public/sample_submission.csv"], "id")


def test_the_test_molecules_have_no_structures_as_in_mle_bench(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw", seed=1)
    files = prepared(champs_scalar_coupling, tmp_path / "raw")
    test = set(column(files["public/test.csv"], "molecule_name"))
    assert len(test) == 5
    assert not test & set(column(files["public/train.csv"], "molecule_name"))
    assert not test & set(column(files["public/structures.csv"], "molecule_name"))
    assert not any(f"public/structures/{name}.xyz" in files for name in test)


def test_a_row_without_a_molecule_is_refused(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    rows = rows_of(tmp_path / "raw" / "train.csv")
    rows[4]["molecule_name"] = ""
    write(tmp_path / "raw" / "train.csv", table(rows))
    with pytest.raises(DataError, match="molecule_name is empty in row 5"):
        prepared(champs_scalar_coupling, tmp_path / "raw")


def test_tables_are_written_without_structures(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    tables = {name: content for name, content in expected(tmp_path / "raw").items() if name.endswith(".csv")}
    assert_same(prepared_without("structures", champs_scalar_coupling, tmp_path / "raw"), tables)
