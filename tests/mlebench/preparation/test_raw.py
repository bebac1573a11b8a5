"""Kaggle's files come plain, zipped or half unpacked: a recipe sees the same each time, and their folder stays as it is."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
from pathlib import Path

import pytest
from tests.mlebench.preparation.kit import ID, RAW, place_in, read_files, write_archive, write_files

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.raw import RawFiles, find_raw
from mlmaster.tasks.archives import Bounds

NAMES = ("train.csv", "train/")
IMAGES = {name.removeprefix("train/"): content for name, content in RAW.items() if name.startswith("train/")}


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def under(prefix: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{prefix}/{name}": content for name, content in files.items()}


TABLE = RAW["train.csv"]
FORMS: dict[str, dict[str, bytes]] = {
    "plain": {"train.csv": TABLE, **under("train", IMAGES)},
    "twice the folder": {"train.csv": TABLE, **under("train/train", IMAGES)},
    "unpacked by MLE-bench": {"train.csv/train.csv": TABLE, "train.csv.zip": b"?", **under("train/train", IMAGES)},
    "each in its zip": {"train.csv.zip": zipped({"train.csv": TABLE}), "train.zip": zipped(IMAGES)},
    "the folder in its zip": {"train.csv": TABLE, "train.zip": zipped(under("train", IMAGES))},
    "twice the folder in its zip": {"train.csv": TABLE, "train.zip": zipped(under("train/train", IMAGES))},
    "leavings of a Mac": {
        "train.csv.zip": zipped({"__MACOSX/._train.csv": b"x", "train.csv": TABLE}),
        "train.zip": zipped({"__MACOSX/train/._1.png": b"x", **under("train", IMAGES)}),
    },
    "another name in the zip": {"train.csv.zip": zipped({"export.csv": TABLE}), **under("train", IMAGES)},
    "all in one zip": {"everything.zip": zipped({"train.csv": TABLE, **under("train", IMAGES)})},
    "a table compressed alone": {"train.csv.gz": gzip.compress(TABLE), **under("train", IMAGES)},
    "an empty folder beside the zip": {"train.csv": TABLE, "train.zip": zipped(IMAGES)},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_recipe_sees_the_same_whatever_the_form(form: dict[str, bytes], tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", form)
    files = RawFiles(folder, NAMES)
    files.require()
    files.lay_out(tmp_path / "view", tmp_path / "unpacked")
    view = tmp_path / "view"
    assert sorted(entry.name for entry in view.iterdir()) == ["train", "train.csv"]
    assert (view / "train.csv").read_bytes() == TABLE
    assert {entry.name: entry.read_bytes() for entry in (view / "train").iterdir()} == IMAGES
    assert read_files(folder) == form


def test_a_table_in_the_zip_of_its_name(tmp_path: Path) -> None:
    folder = write_files(
        tmp_path / "raw", {"train.zip": zipped({"train.csv": TABLE}), "test.zip": zipped({"test.csv": b"?"})}
    )
    RawFiles(folder, ("train.csv",)).lay_out(tmp_path / "view", tmp_path / "unpacked")
    assert (tmp_path / "view" / "train.csv").read_bytes() == TABLE
    assert [entry.name for entry in (tmp_path / "unpacked").iterdir()] == ["train.zip"]


def test_an_empty_folder_is_none(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", {"train.csv": TABLE})
    (folder / "train").mkdir()
    assert RawFiles(folder, NAMES).missing == ("train/",)


def test_all_that_is_missing_is_named_beside_what_is_there(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", {"notes.txt": b"", "images/1.png": b""})
    with pytest.raises(
        DataError, match=r"lacks train\.csv and train/, plain or zipped; there are images/, notes\.txt; fetch"
    ):
        RawFiles(folder, NAMES).require()


def test_a_7z_is_to_be_unpacked_by_hand(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", {"train.csv": TABLE, "train.7z": b"7z"})
    with pytest.raises(DataError, match=r"unpack train\.7z by hand \(7z x train\.7z\)"):
        RawFiles(folder, NAMES).require()


@pytest.mark.parametrize(
    "content", [b"no zip at all", zipped({"train.csv": TABLE * 50})[:-30]], ids=["text", "cut short"]
)
def test_a_damaged_zip_is_named(content: bytes, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", {"train.csv.zip": content})
    with pytest.raises(DataError, match=r"train\.csv\.zip: cannot be unpacked .*fetch it again"):
        RawFiles(folder, ("train.csv",))


def test_a_zip_of_two_tables_is_ambiguous(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", {"train.csv.zip": zipped({"a.csv": b"", "b.csv": b""})})
    with pytest.raises(DataError, match=r"holds 2 files where one train\.csv was expected"):
        RawFiles(folder, ("train.csv",))


@pytest.mark.parametrize("name", ["../escaped.png", "/tmp/escaped.png", "a/../../escaped.png"])
def test_no_path_leads_out_of_an_archive(name: str, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", {"train.zip": zipped({**IMAGES, name: b"x"})})
    with pytest.raises(DataError, match="would lead out of the folder"):
        RawFiles(folder, ("train/",)).lay_out(tmp_path / "view", tmp_path / "unpacked")
    assert not list(tmp_path.rglob("escaped.png"))


def test_no_link_comes_out_of_an_archive(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("1.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    (tmp_path / "raw").mkdir()
    with zipfile.ZipFile(tmp_path / "raw" / "train.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        RawFiles(tmp_path / "raw", ("train/",)).lay_out(tmp_path / "view", tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        (Bounds(10_000), "may be used of this disk"),
        (Bounds(10**9, most_ratio=10, ratio_from_bytes=1000), "grows more than 10 times"),
        (Bounds(10**9, most_files=1), "more than 1 files"),
    ],
    ids=["bytes", "ratio", "files"],
)
def test_a_bomb_stops_at_its_bounds(bounds: Bounds, told: str, tmp_path: Path) -> None:
    write_archive(tmp_path / "raw" / "train.zip", {"1.png": bytes(10), "2.png": bytes(1_000_000)})
    with pytest.raises(DataError, match=told):
        RawFiles(tmp_path / "raw", ("train/",)).lay_out(tmp_path / "view", tmp_path / "unpacked", bounds)
    assert sum(len(content) for content in read_files(tmp_path / "unpacked").values()) < 1_000_000


def test_bytes_are_counted_unpacked_and_once(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "raw", {"a.csv": bytes(5), "more/1.png": bytes(7), "unasked.csv": bytes(100)})
    write_archive(folder / "b.zip", {"b.csv": bytes(1000), "c.csv": bytes(500)})
    files = RawFiles(folder, ("a.csv", "more/", "b.csv", "c.csv"))
    assert (files.bytes_to_unpack(), files.bytes_to_read()) == (1500, 1512)


WHERE = {
    f"all/{ID}/raw/train.csv": f"all/{ID}/raw",
    f"all/{ID}/train.csv": f"all/{ID}",
    f"all/{ID}.zip": f"all/{ID}.zip",
    f"all/{ID}/{ID}.zip": f"all/{ID}/{ID}.zip",
    "all/raw/train.csv": "all/raw",
    "all/train.csv": "all",
}


@pytest.mark.parametrize(("file", "found"), WHERE.items(), ids=WHERE)
def test_a_source_is_a_folder_of_one_or_of_many(file: str, found: str, tmp_path: Path) -> None:
    write_files(tmp_path, {file: b"x"})
    assert find_raw(place_in(tmp_path / "data"), tmp_path / "all") == tmp_path / found


def test_a_zip_is_a_source(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "download.zip", RAW)
    assert find_raw(place_in(tmp_path / "data"), path) == path


def test_the_data_folder_is_looked_at_first_raw_then_the_zip(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    assert find_raw(place, None) is None
    write_archive(place.zip, RAW)
    place.raw.mkdir()
    assert find_raw(place, None) == place.zip
    write_files(place.raw, RAW)
    assert find_raw(place, None) == place.raw


def test_a_source_that_is_none_is_refused(tmp_path: Path) -> None:
    place = place_in(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    write_files(tmp_path, {"train.csv": TABLE})
    for source, told in (
        ("nowhere", "no such file or folder"),
        ("empty", "is empty"),
        ("train.csv", "is no folder and no .zip"),
    ):
        with pytest.raises(DataError, match=told):
            find_raw(place, tmp_path / source)
