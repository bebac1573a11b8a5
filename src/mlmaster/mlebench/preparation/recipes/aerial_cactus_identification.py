"""Aerial images with or without a cactus: 19 % become the test set; the images lie in two archives."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.media import zip_named
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv", "train/")


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split and pack the images of each part."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.19)
    train, test = table.iloc[train_rows], table.iloc[test_rows]
    write_csv(train, public / "train.csv")
    write_csv(test.assign(has_cactus=0.5), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
    zip_named(train["id"], raw / "train", public / "train.zip")
    zip_named(test["id"], raw / "train", public / "test.zip")
