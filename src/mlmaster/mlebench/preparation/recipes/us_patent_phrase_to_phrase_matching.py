"""Pairs of phrases from patents and how alike they are: a tenth of the pairs becomes the test set."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)

SAMPLE = {"score": 0}


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    test = table.iloc[test_rows]
    write_csv(table.iloc[train_rows], public / "train.csv")
    write_csv(test.drop(columns="score"), public / "test.csv")
    write_csv(test[["id"]].assign(**SAMPLE), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
