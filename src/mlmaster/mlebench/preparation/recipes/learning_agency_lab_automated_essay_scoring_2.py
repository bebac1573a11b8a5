"""Essays and their marks from 1 to 6: a tenth of the essays becomes the test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split, and marks by lot as the sample."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    answers = table.iloc[test_rows]
    lots = np.random.RandomState(42).randint(1, 7, size=len(answers))
    write_csv(table.iloc[train_rows], public / "train.csv")
    write_csv(answers.drop(columns="score"), public / "test.csv")
    write_csv(answers[["essay_id"]].assign(score=lots), public / "sample_submission.csv")
    write_csv(answers, private / "answers.csv")
