"""A binary target over anonymous features: 100,000 rows become the test set, and both parts are numbered through."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)

TEST_ROWS = 100_000


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split; the ids of the test set follow on those of the train set."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), TEST_ROWS)
    train = table.iloc[train_rows].assign(id=np.arange(len(train_rows)))
    test = table.iloc[test_rows].assign(id=np.arange(len(train_rows), len(table)))
    answers = test[["id", "target"]]
    write_csv(train, public / "train.csv")
    write_csv(test.drop(columns="target"), public / "test.csv")
    write_csv(answers.assign(target=0.5), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
    write_csv(answers, private / "gold_submission.csv")
