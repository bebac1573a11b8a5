"""Crystals with two energies: a tenth becomes the test set, and both parts are numbered anew, tables and geometry files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.archives import copy
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv", "train/")

SAMPLE = {"formation_energy_ev_natom": 0.1779, "bandgap_energy_ev": 1.8892}


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split and copy the geometry of every crystal; none at all where `train/` is empty.

    Raises:
        DataError: Some crystals have a geometry file and others have none.
    """
    numbers = prepare_tables(raw / "train.csv", public, private)
    if not any((raw / "train").iterdir()):
        return
    for part, new_ids in numbers.items():
        for old, new in new_ids.items():
            copy(raw / "train" / str(old) / "geometry.xyz", public / part / str(new) / "geometry.xyz")


def prepare_tables(table: Path, public: Path, private: Path) -> Mapping[str, Mapping[int, int]]:
    """Write the tables alone.

    Returns:
        For `train` and `test`, the new number of every crystal by its old one.
    """
    rows = read_csv(table)
    if rows["id"].duplicated().any():
        raise DataError(f"{table.name}: some ids occur twice; fetch the raw files again")
    train_rows, test_rows = split(len(rows), 0.1)
    train, test = _numbered(rows.iloc[train_rows]), _numbered(rows.iloc[test_rows])
    write_csv(train, public / "train.csv")
    write_csv(test.drop(columns=list(SAMPLE)), public / "test.csv")
    write_csv(test[["id"]].assign(**SAMPLE), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
    return {
        "train": dict(zip(rows["id"].iloc[train_rows].tolist(), train["id"].tolist(), strict=True)),
        "test": dict(zip(rows["id"].iloc[test_rows].tolist(), test["id"].tolist(), strict=True)),
    }


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(id=np.arange(1, len(rows) + 1))
