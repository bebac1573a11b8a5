import zipfile
from pathlib import Path

import pytest

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.media import copy_folder, copy_named, names_in, zip_named


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.jpg", "10.jpg", "9.jpg", "a.JPG", "notes.txt", "more/deep.jpg"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "images"


def test_names_are_sorted_as_text(images: Path) -> None:
    assert names_in(images, ".jpg") == ["10.jpg", "9.jpg", "a.jpg", "b.jpg"]


def test_a_folder_without_such_files_is_named(images: Path) -> None:
    with pytest.raises(DataError, match=r"images/ holds no \.png file"):
        names_in(images, ".png")


def test_a_copy_can_be_written_to_and_shares_nothing(images: Path, tmp_path: Path) -> None:
    (images / "a.jpg").chmod(0o444)
    copy_named(["a.jpg"], images, tmp_path / "new" / "folder")
    copy = tmp_path / "new" / "folder" / "a.jpg"
    copy.write_text("other")
    assert (images / "a.jpg").read_text() == "a.jpg"


def test_a_whole_folder_is_copied_through_a_link(images: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").symlink_to(tmp_path)
    copy_folder(tmp_path / "raw" / "images", tmp_path / "copy")
    assert (tmp_path / "copy" / "more" / "deep.jpg").read_text() == "more/deep.jpg"
    assert not any(path.is_symlink() for path in (tmp_path / "copy").rglob("*"))


def test_an_archive_holds_the_names_alone(images: Path, tmp_path: Path) -> None:
    zip_named(["b.jpg", "a.jpg"], images, tmp_path / "images.zip")
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"b.jpg": b"b.jpg", "a.jpg": b"a.jpg"}


@pytest.mark.parametrize("step", [copy_named, zip_named])
def test_a_missing_file_is_named(step: object, images: Path, tmp_path: Path) -> None:
    assert callable(step)
    with pytest.raises(DataError, match=r"images/c\.jpg is missing"):
        step(["a.jpg", "c.jpg"], images, tmp_path / "target")


def test_an_empty_folder_is_fine_only_where_files_are_optional(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    copy_named(["a.jpg"], tmp_path / "empty", tmp_path / "target", is_optional=True)
    with pytest.raises(DataError, match=r"empty/a\.jpg is missing"):
        copy_named(["a.jpg"], tmp_path / "empty", tmp_path / "target")
    with pytest.raises(DataError, match="empty/ is missing from the raw files or empty"):
        copy_folder(tmp_path / "empty", tmp_path / "target")
