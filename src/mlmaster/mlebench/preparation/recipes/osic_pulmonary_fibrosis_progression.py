"""Breath of patients over the weeks: a tenth of them becomes the test set, of whom the first visit alone is known."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd

from mlmaster.mlebench.preparation.groups import split_groups
from mlmaster.mlebench.preparation.media import copy_folder
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv", "train/")

SAMPLE = {"FVC": 2000, "Confidence": 100}


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split of whole patients, and copy their scans; none at all where `train/` is empty."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split_groups(table["Patient"], 0.1)
    train, test = table.iloc[train_rows], table.iloc[test_rows]
    answers = _every_week(test)
    write_csv(train, public / "train.csv")
    write_csv(test.sort_values("Weeks", kind="stable").groupby("Patient").first().reset_index(), public / "test.csv")
    write_csv(answers[["Patient_Week"]].assign(**SAMPLE), public / "sample_submission.csv")
    write_csv(answers, private / "test.csv")
    if not any((raw / "train").iterdir()):
        return
    for part, rows in (("train", train), ("test", test)):
        for patient in rows["Patient"].unique():
            copy_folder(raw / "train" / patient, public / part / patient)


def _every_week(visits: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every patient and every week from the first of any visit to the last, empty where there was none."""
    weeks = range(visits["Weeks"].min(), visits["Weeks"].max() + 1)
    rows = pd.DataFrame(product(visits["Patient"].unique(), weeks), columns=["Patient", "Weeks"])
    rows = rows.merge(visits, on=["Patient", "Weeks"], how="left")
    return rows.assign(Patient_Week=rows["Patient"] + "_" + rows["Weeks"].astype(str), Confidence=100)
