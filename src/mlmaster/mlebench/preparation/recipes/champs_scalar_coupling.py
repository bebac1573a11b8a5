"""Couplings of atoms in molecules: a tenth of the molecules becomes the test set.

MLE-bench leaves the structures of the test molecules out (its issue 70); so does this, for the checksums and for equal terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlmaster.mlebench.preparation.groups import split_groups
from mlmaster.mlebench.preparation.media import copy_named
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

_OF_MOLECULES = (
    "structures.csv",
    "dipole_moments.csv",
    "magnetic_shielding_tensors.csv",
    "mulliken_charges.csv",
    "potential_energy.csv",
    "scalar_coupling_contributions.csv",
)

RAW = ("train.csv", *_OF_MOLECULES, "structures/")


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split of whole molecules, and what else is known of those to train on."""
    molecules = _write_couplings(raw / "train.csv", public, private)
    for name in _OF_MOLECULES:
        _write_rows_of(molecules, raw / name, public / name)
    files = (f"{molecule}.xyz" for molecule in molecules)
    copy_named(files, raw / "structures", public / "structures", is_optional=True)


def _write_couplings(source: Path, public: Path, private: Path) -> list[str]:
    """Write the split; return the molecules to train on."""
    table = read_csv(source)
    train_rows, test_rows = split_groups(table["molecule_name"], 0.1)
    train, test = table.iloc[train_rows], table.iloc[test_rows]
    write_csv(train, public / "train.csv")
    write_csv(test.drop(columns="scalar_coupling_constant"), public / "test.csv")
    write_csv(test[["id"]].assign(scalar_coupling_constant=0), public / "sample_submission.csv")
    write_csv(test, private / "answers.csv")
    return list(train["molecule_name"].unique())


def _write_rows_of(molecules: Iterable[str], source: Path, target: Path) -> None:
    rows = read_csv(source)
    write_csv(rows[rows["molecule_name"].isin(molecules)], target)
