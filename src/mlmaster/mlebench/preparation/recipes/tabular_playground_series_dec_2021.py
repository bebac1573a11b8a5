"""Kinds of forest cover, four million rows of integers: a tenth of them becomes the test set."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.streaming import read_narrow
from mlmaster.mlebench.preparation.tables import write_csv

RAW = ("train.csv",)

SAMPLE = {"Cover_Type": 2}


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split. The table is held narrow: as pandas reads it, it and its copies would take several gigabytes."""
    table = read_narrow(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    test = table.iloc[test_rows]
    write_csv(test.drop(columns="Cover_Type"), public / "test.csv")
    write_csv(test[["Id"]].assign(**SAMPLE), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
    write_csv(table.iloc[train_rows], public / "train.csv")
