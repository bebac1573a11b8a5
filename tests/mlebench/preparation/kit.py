"""A made-up competition with a recipe of its own, and a world without Kaggle."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.mlebench.competition import Competition, Split, Thresholds
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.preparation.archives import copy
from mlmaster.mlebench.preparation.preparing import Means
from mlmaster.mlebench.preparation.tables import read_csv, write_csv
from mlmaster.mlebench.registry import Checksums

ID = "guess-the-weight"
TRAIN = "id,kind,weight\n1,a,1.5\n2,b,2.5\n3,a,3.5\n4,b,4.5\n"
IMAGES = {f"train/{number}.png": f"image {number}".encode() for number in range(1, 5)}
RAW = {"train.csv": TRAIN.encode(), **IMAGES}

PREPARED = {
    "public/train.csv": b"id,kind,weight\n1,a,1.5\n2,b,2.5\n",
    "public/test.csv": b"id,kind\n3,a\n4,b\n",
    "public/sample_submission.csv": b"id,weight\n3,0\n4,0\n",
    "private/test.csv": b"id,weight\n3,3.5\n4,4.5\n",
}
"""The tables that `HalvesRecipe` makes of `RAW`, worked out by hand."""

COMPETITION = Competition(
    id=ID,
    name="Guess the Weight",
    split=Split.DEV,
    category="Tabular",
    metric="mean absolute error",
    grader="accuracy",
    is_lower_better=True,
    answers="private/test.csv",
    sample="public/sample_submission.csv",
    thresholds=Thresholds(gold=0.1, silver=0.2, bronze=0.3, median=1.0),
    sample_score=4.0,
    teams_estimate=10,
    format="simple",
    awards_medals=False,
    size_gb=0.5,
)


class HalvesRecipe:
    """The first two rows are train, the others test; images go along."""

    RAW = ("train.csv", "train/")

    def prepare(self, raw: Path, public: Path, private: Path) -> None:
        table = read_csv(raw / "train.csv")
        write_csv(table[:2], public / "train.csv")
        write_csv(table[2:].drop(columns="weight"), public / "test.csv")
        write_csv(table[2:][["id"]].assign(weight=0), public / "sample_submission.csv")
        write_csv(table[2:][["id", "weight"]], private / "test.csv")
        for image in (raw / "train").iterdir():
            copy(image, public / "images" / image.name)


class BrokenRecipe(HalvesRecipe):
    """Ends with an error when half of its work is done."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def prepare(self, raw: Path, public: Path, private: Path) -> None:
        write_csv(read_csv(raw / "train.csv"), public / "train.csv")
        raise self._error


def place_in(data_dir: Path) -> Place:
    return Place(data_dir, COMPETITION)


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_archive(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def sums_of(files: Mapping[str, bytes], zip_file: Path | None = None) -> Checksums:
    parts: dict[str, dict[str, str]] = {"public": {}, "private": {}}
    for name, content in files.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = hashlib.md5(content).hexdigest()
    packed = b"" if zip_file is None else zip_file.read_bytes()
    return Checksums(zip=hashlib.md5(packed).hexdigest(), public=parts["public"], private=parts["private"])


def no_kaggle(place: Place) -> Path:
    raise DataError(f"{place.competition.id}: nothing is fetched here")


def means(
    official: Checksums | None = None,
    fetch: Callable[[Place], Path] = no_kaggle,
    free: Callable[[Path], int] = lambda _folder: 10**12,
) -> Means:
    sums = official or sums_of(PREPARED)
    return Means(official=lambda _name: sums, fetch=fetch, free=free)
