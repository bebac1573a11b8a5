from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    dealt,
    is_official,
    named_files,
    prepared,
    rows_of,
    table,
    write_files,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import dogs_vs_cats_redux_kernels_edition


def make_raw(raw: Path, seed: int = 0, size: int = 63) -> None:
    random = np.random.default_rng(seed)
    numbers = random.integers(0, 20, size).cumsum()
    write_files(
        raw, named_files("train", (f"{'cat' if random.integers(2) else 'dog'}.{number}.jpg" for number in numbers))
    )


def expected(raw: Path) -> Files:
    return expected_of(path.name for path in (raw / "train").iterdir())


def expected_of(names: Iterable[str]) -> Files:
    train, test = dealt(sorted(names), 0.1)
    images = {f"test/{number}.jpg": name for number, name in enumerate(test, start=1)}
    for kind in ("cat", "dog"):
        images |= {f"train/{kind}.{n}.jpg": name for n, name in enumerate(name for name in train if kind in name)}
    folders = {f"public/{new}": old.encode() for new, old in images.items()}
    packed = {f"public/{new.replace('/', '.zip/')}": old.encode() for new, old in images.items()}
    return {
        "public/sample_submission.csv": table({"id": n, "label": "0.5"} for n in range(1, len(test) + 1)),
        "private/answers.csv": table(
            {"id": number, "label": int("dog" in name)} for number, name in enumerate(test, start=1)
        ),
        **folders,
        **packed,
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(dogs_vs_cats_redux_kernels_edition, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))


def test_what_is_expected_is_official_for_as_many_dogs_and_cats() -> None:
    files = expected_of([f"{kind}.{number}.jpg" for kind in ("cat", "dog") for number in range(12500)])
    for name in ("public/sample_submission.csv", "private/answers.csv"):
        assert is_official("dogs-vs-cats-redux-kernels-edition", name, files[name])


def test_answers_are_what_the_images_show(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw", seed=1)
    files = prepared(dogs_vs_cats_redux_kernels_edition, tmp_path / "raw")
    for row in rows_of(files["private/answers.csv"]):
        assert files[f"public/test/{row['id']}.jpg"].startswith(b"dog" if row["label"] == "1" else b"cat")
    shown = {content for name, content in files.items() if name.startswith("public/train/")}
    assert not shown & {content for name, content in files.items() if name.startswith("public/test/")}


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "raw" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match=r"train/ holds no \.jpg file"):
        prepared(dogs_vs_cats_redux_kernels_edition, tmp_path / "raw")
