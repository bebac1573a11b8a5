"""Comments that insult or not. Kaggle published the labels of its test set, so nothing is split anew."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.archives import copy
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv", "test_with_solutions.csv")


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Copy both tables, and write the test set without its labels."""
    copy(raw / "train.csv", public / "train.csv")
    copy(raw / "test_with_solutions.csv", private / "test.csv")
    answers = read_csv(private / "test.csv")[["Insult", "Date", "Comment"]]
    write_csv(answers, private / "gold_submission.csv")
    write_csv(answers.drop(columns="Insult"), public / "test.csv")
    write_csv(answers.assign(Insult=0), public / "sample_submission_null.csv")
