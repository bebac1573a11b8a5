"""Which of two chatbots' answers people prefer: a tenth becomes the test set, without the models' names."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)

SAMPLE = dict.fromkeys(("winner_model_a", "winner_model_b", "winner_tie"), 1 / 3)


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    answers = table.iloc[test_rows]
    write_csv(table.iloc[train_rows], public / "train.csv")
    write_csv(answers[["id", "prompt", "response_a", "response_b"]], public / "test.csv")
    write_csv(answers[["id"]].assign(**SAMPLE), public / "sample_submission.csv")
    write_csv(answers, private / "answers.csv")
