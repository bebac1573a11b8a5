"""Photos of pets and how popular they are: a tenth becomes the test set; the sample submission is drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlmaster.mlebench.preparation.media import copy_named
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv", "train/")


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split and copy the photos of each part."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    train, test = table.iloc[train_rows], table.iloc[test_rows]
    guesses = np.random.default_rng(0).uniform(1, 100, len(test)).round(2)
    write_csv(train, public / "train.csv")
    write_csv(test.drop(columns="Pawpularity"), public / "test.csv")
    write_csv(test[["Id"]].assign(Pawpularity=guesses), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
    for part, rows in (("train", train), ("test", test)):
        copy_named((f"{name}.jpg" for name in rows["Id"]), raw / "train", public / part, is_optional=True)
