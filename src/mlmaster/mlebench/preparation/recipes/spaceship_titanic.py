"""Passengers who were transported or not: a tenth of them becomes the test set."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    test = table.iloc[test_rows]
    write_csv(table.iloc[train_rows], public / "train.csv")
    write_csv(test.drop(columns="Transported"), public / "test.csv")
    write_csv(test[["PassengerId"]].assign(Transported=False), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
