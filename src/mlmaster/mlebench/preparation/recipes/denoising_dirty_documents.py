"""Scans with stains and their clean originals: a fifth becomes the test set, answered by the grey of every pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.media import copy_named, names_in
from mlmaster.mlebench.preparation.splitting import split

RAW = ("train/", "train_cleaned/")

_GREYS = tuple(repr(level / 255) for level in range(256))


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Copy the images of each part, and write the clean pixels of the test set image by image."""
    names = names_in(raw / "train", ".png")
    train_rows, test_rows = split(len(names), 0.2)
    train, test = [names[row] for row in train_rows], sorted(names[row] for row in test_rows)
    copy_named(train, raw / "train", public / "train")
    copy_named(train, raw / "train_cleaned", public / "train_cleaned")
    copy_named(test, raw / "train", public / "test")
    _write_pixels(
        [raw / "train_cleaned" / name for name in test], private / "answers.csv", public / "sampleSubmission.csv"
    )


def _write_pixels(images: list[Path], answers: Path, sample: Path) -> None:
    """Write one row for every pixel, left to right and down; a table of all six million would take gigabytes."""
    with (
        answers.open("w", encoding="utf-8", newline="\n") as truth,
        sample.open("w", encoding="utf-8", newline="\n") as ones,
    ):
        truth.write("id,value\n")
        ones.write("id,value\n")
        for image in images:
            grey = _grey(image)
            rows, columns = grey.shape
            ids = [f"{image.stem}_{row}_{column}" for row in range(1, rows + 1) for column in range(1, columns + 1)]
            truth.writelines(f"{id_},{_GREYS[level]}\n" for id_, level in zip(ids, grey.ravel().tolist(), strict=True))
            ones.writelines(f"{id_},1\n" for id_ in ids)


def _grey(path: Path) -> NDArray[np.uint8]:
    """Return the pixels of an image from 0, black, to 255."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError as error:
        raise DataError(
            f"{path.parent.name}/{path.name} is missing or no image ({error}); fetch the raw files again"
        ) from error
