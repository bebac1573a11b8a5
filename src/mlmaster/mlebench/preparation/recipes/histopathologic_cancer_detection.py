"""Images of tissue with or without cancer: the test set is as large a part as Kaggle's, and every table keeps its order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlmaster.mlebench.preparation.media import copy_named, names_in
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train_labels.csv", "train/", "test/")


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split and copy the images of each part; of Kaggle's test images only the number counts."""
    table = read_csv(raw / "train_labels.csv")
    hidden = len(names_in(raw / "test", ".tif"))
    train_rows, test_rows = (np.sort(part) for part in split(len(table), hidden / (len(table) + hidden)))
    train, test = table.iloc[train_rows], table.iloc[test_rows]
    write_csv(train, public / "train_labels.csv")
    write_csv(test.assign(label=0), public / "sample_submission.csv")
    write_csv(test, private / "answers.csv")
    copy_named((f"{name}.tif" for name in train["id"]), raw / "train", public / "train")
    copy_named((f"{name}.tif" for name in test["id"]), raw / "train", public / "test")
