"""Images of dogs and cats: a tenth becomes the test set; both parts are numbered anew, in folders and in archives."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from mlmaster.mlebench.preparation.archives import copy, write_zip
from mlmaster.mlebench.preparation.media import names_in
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import write_csv

RAW = ("train/",)


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Copy and pack the images under their new names, and write the answers."""
    images = names_in(raw / "train", ".jpg")
    train, test = ([images[position] for position in part] for part in split(len(images), 0.1))
    cats, dogs = count(), count()
    names = {image: f"cat.{next(cats)}.jpg" if "cat" in image else f"dog.{next(dogs)}.jpg" for image in train}
    _place(names, raw, public / "train")
    _place({image: f"{number}.jpg" for number, image in enumerate(test, start=1)}, raw, public / "test")
    ids = pd.DataFrame({"id": np.arange(1, len(test) + 1)})
    write_csv(ids.assign(label=[int("dog" in image) for image in test]), private / "answers.csv")
    write_csv(ids.assign(label=0.5), public / "sample_submission.csv")


def _place(names: dict[str, str], raw: Path, folder: Path) -> None:
    """Copy images to a folder under new names, and pack it beside itself."""
    for old, new in names.items():
        copy(raw / "train" / old, folder / new)
    write_zip(folder.with_suffix(".zip"), ((new, folder / new) for new in names.values()))
