from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    column,
    dealt,
    is_official,
    prepared,
    write,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import denoising_dirty_documents


def make_raw(raw: Path, seed: int = 0, size: int = 17) -> None:
    """Draw images of several sizes; a clean one holds every grey there is."""
    random = np.random.default_rng(seed)
    (raw / "train").mkdir(parents=True)
    (raw / "train_cleaned").mkdir()
    for number in range(2, 2 + 3 * size, 3):
        height, width = (int(random.integers(3, 9)), 4) if number % 2 else (17, 16)
        grey = random.permutation(np.arange(height * width) % 256).astype(np.uint8).reshape(height, width)
        Image.fromarray(grey // 2).save(raw / "train" / f"{number}.png")
        clean = Image.fromarray(grey)
        (clean if number % 4 else clean.convert("RGB")).save(raw / "train_cleaned" / f"{number}.png")


def expected(raw: Path) -> Files:
    names = sorted(path.name for path in (raw / "train").iterdir())
    train, test = dealt(names, 0.2)
    answers, sample = ["id,value\n"], ["id,value\n"]
    for name in sorted(test):
        with Image.open(raw / "train_cleaned" / name) as image:
            for y in range(image.height):
                for x in range(image.width):
                    pixel = image.getpixel((x, y))
                    level = pixel[0] if isinstance(pixel, tuple) else pixel
                    assert isinstance(level, int)
                    answers.append(f"{name.removesuffix('.png')}_{y + 1}_{x + 1},{level / 255.0!r}\n")
                    sample.append(f"{name.removesuffix('.png')}_{y + 1}_{x + 1},1\n")
    return {
        "public/sampleSubmission.csv": "".join(sample).encode(),
        "private/answers.csv": "".join(answers).encode(),
        **{f"public/train/{name}": (raw / "train" / name).read_bytes() for name in train},
        **{f"public/train_cleaned/{name}": (raw / "train_cleaned" / name).read_bytes() for name in train},
        **{f"public/test/{name}": (raw / "train" / name).read_bytes() for name in test},
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(denoising_dirty_documents, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert column(files["public/sampleSubmission.csv"], "id") == column(files["private/answers.csv"], "id")


def test_white_and_black_are_one_and_zero(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for folder in ("train", "train_cleaned"):
        (raw / folder).mkdir(parents=True)
        for name in ("1.png", "2.png"):
            Image.fromarray(np.array([[0, 255], [51, 1]], dtype=np.uint8)).save(raw / folder / name)
    files = prepared(denoising_dirty_documents, raw)
    (name,) = (name for name in ("1", "2") if f"public/test/{name}.png" in files)
    rows = f"{name}_1_1,0.0\n{name}_1_2,1.0\n{name}_2_1,0.2\n{name}_2_2,0.00392156862745098\n"
    assert files["private/answers.csv"].decode() == "id,value\n" + rows


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n torn"])
def test_a_clean_image_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    names = sorted(path.name for path in (tmp_path / "raw" / "train").iterdir())
    path = tmp_path / "raw" / "train_cleaned" / dealt(names, 0.2)[1][0]
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"train_cleaned/{path.name} is missing or no image"):
        prepared(denoising_dirty_documents, tmp_path / "raw")


@pytest.mark.slow
def test_sample_is_official_for_images_of_the_same_names_and_sizes(tmp_path: Path) -> None:
    for number in range(1, 217):
        if number % 3 != 1:
            write(tmp_path / "raw" / "train" / f"{number}.png", b"unread")
            blank = Image.new("L", (540, 258 if number <= 72 else 420))
            (tmp_path / "raw" / "train_cleaned").mkdir(exist_ok=True)
            blank.save(tmp_path / "raw" / "train_cleaned" / f"{number}.png")
    files = prepared(denoising_dirty_documents, tmp_path / "raw")
    sample = "public/sampleSubmission.csv"
    assert is_official("denoising-dirty-documents", sample, files[sample])
