"""Leaves of 99 species: a tenth becomes the test set, answered by one column for a species; all images lie together."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.media import copy_named
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv", "images/")


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split and copy the images of both parts."""
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = split(len(table), 0.1)
    train, test = table.iloc[train_rows], table.iloc[test_rows]
    species = sorted(table["species"].unique())
    write_csv(train, public / "train.csv")
    write_csv(test.drop(columns="species"), public / "test.csv")
    write_csv(test[["id"]].assign(**dict.fromkeys(species, 1 / len(species))), public / "sample_submission.csv")
    truth = {name: (test["species"] == name).astype(int) for name in species}
    write_csv(test[["id"]].assign(**truth), private / "test.csv")
    copy_named((f"{number}.jpg" for number in table["id"]), raw / "images", public / "images", is_optional=True)
