from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    column,
    dealt,
    prepared,
    table,
    write,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import plant_seedlings_classification

SPECIES = ("Small-flowered Cranesbill", "Black-grass", "Sugar beet", "Common Chickweed", "Loose Silky-bent")


def make_raw(raw: Path, seed: int = 0, size: int = 61) -> None:
    random = np.random.default_rng(seed)
    for species in SPECIES:
        write(raw / "train" / species / "Thumbs.db", b"no image")
    write(raw / "train" / "README.txt", b"no folder")
    for number in range(size):
        species = SPECIES[number % len(SPECIES) if number < 10 else int(random.integers(len(SPECIES)))]
        name = f"{random.bytes(4).hex()}.png"
        write(raw / "train" / species / name, f"{species}/{name}".encode())


def expected(raw: Path) -> Files:
    images = sorted((path.parent.name, path.name) for path in raw.glob("train/*/*.png"))
    train, test = dealt(images, 0.14)
    return {
        "public/sample_submission.csv": table({"file": name, "species": "Sugar beet"} for _, name in test),
        "private/answers.csv": table({"file": name, "species": species} for species, name in test),
        **{f"public/train/{species}/{name}": f"{species}/{name}".encode() for species, name in train},
        **{f"public/test/{name}": f"{species}/{name}".encode() for species, name in test},
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(plant_seedlings_classification, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert len(set(column(files["private/answers.csv"], "species"))) > 2


def test_a_species_without_images_is_named(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    (tmp_path / "raw" / "train" / "Charlock").mkdir()
    with pytest.raises(DataError, match=r"Charlock/ holds no \.png file"):
        prepared(plant_seedlings_classification, tmp_path / "raw")
