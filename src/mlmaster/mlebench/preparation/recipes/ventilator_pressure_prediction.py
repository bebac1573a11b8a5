"""Pressure in a ventilator over the course of a breath: a tenth of the breaths becomes the test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlmaster.mlebench.preparation.groups import split_groups
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)

_TYPES = {
    "id": "int32",
    "breath_id": "int32",
    "R": "int8",
    "C": "int8",
    "time_step": "float64",
    "u_in": "float64",
    "u_out": "int8",
    "pressure": "float64",
}
_FORMAT = "%.10g"


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split of whole breaths; the rows of each part are numbered anew from 1."""
    table = read_csv(raw / "train.csv", dtype=_TYPES)
    train, test = (
        table.iloc[rows].assign(id=np.arange(1, len(rows) + 1)) for rows in split_groups(table["breath_id"], 0.1)
    )
    write_csv(train, public / "train.csv", float_format=_FORMAT)
    write_csv(test.drop(columns="pressure"), public / "test.csv", float_format=_FORMAT)
    write_csv(test[["id"]].assign(pressure=0), public / "sample_submission.csv")
    write_csv(test, private / "test.csv", float_format=_FORMAT)
