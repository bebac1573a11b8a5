"""Phrases of film reviews in five degrees of liking: three tenths of them become the test set.

Phrases of one sentence fall into both parts, as in the original.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mlmaster.mlebench.preparation.archives import write_zip
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.tsv",)

SAMPLE = {"Sentiment": 2}


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split, the tables of `public` as tab-separated files in archives."""
    table = read_csv(raw / "train.tsv", sep="\t")
    train_rows, test_rows = split(len(table), 0.3)
    answers = table.iloc[test_rows]
    _write_zipped(table.iloc[train_rows], public / "train.tsv")
    _write_zipped(answers.drop(columns="Sentiment"), public / "test.tsv")
    write_csv(answers[["PhraseId"]].assign(**SAMPLE), public / "sampleSubmission.csv")
    write_csv(answers, private / "answers.csv")


def _write_zipped(table: pd.DataFrame, path: Path) -> None:
    write_csv(table, path, sep="\t")
    write_zip(path.with_name(f"{path.name}.zip"), [(path.name, path)])
    path.unlink()
