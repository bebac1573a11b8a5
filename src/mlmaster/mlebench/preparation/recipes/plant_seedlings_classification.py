"""Images of seedlings in a folder for each species: 14 % become the test set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mlmaster.mlebench.preparation.archives import copy
from mlmaster.mlebench.preparation.media import copy_named, names_in
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import write_csv

RAW = ("train/",)

SAMPLE = "Sugar beet"


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the answers and copy the images: those to train on by species, those of the test set into one folder."""
    folders = sorted(path for path in (raw / "train").iterdir() if path.is_dir())
    images = [(name, folder.name) for folder in folders for name in names_in(folder, ".png")]
    train, test = ([images[position] for position in part] for part in split(len(images), 0.14))
    answers = pd.DataFrame(test, columns=["file", "species"])
    write_csv(answers, private / "answers.csv")
    write_csv(answers.assign(species=SAMPLE), public / "sample_submission.csv")
    for name, species in train:
        copy(raw / "train" / species / name, public / "train" / species / name)
    for name, species in test:
        copy_named([name], raw / "train" / species, public / "test")
