"""Tweets and the words that carry their sentiment: a tenth of the tweets becomes the test set, which keeps the sentiment."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)

SAMPLE = {"selected_text": ""}


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    test = table.iloc[test_rows]
    write_csv(table.iloc[train_rows], public / "train.csv")
    write_csv(test.drop(columns="selected_text"), public / "test.csv")
    write_csv(test[["textID"]].assign(**SAMPLE), public / "sample_submission.csv")
    write_csv(test, private / "test.csv")
