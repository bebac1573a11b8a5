"""Copies and archives of public files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.mlebench.preparation.kit import write_files

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.archives import copy, write_zip


def test_a_copy_is_a_file_of_its_own(tmp_path: Path) -> None:
    write_files(tmp_path, {"raw/a.csv": b"a"})
    (tmp_path / "link.csv").symlink_to(tmp_path / "raw" / "a.csv")
    copy(tmp_path / "link.csv", tmp_path / "public" / "deep" / "b.csv")
    copied = tmp_path / "public" / "deep" / "b.csv"
    assert (copied.read_bytes(), copied.is_symlink(), copied.stat().st_nlink) == (b"a", False, 1)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images/7\.png is missing from the raw files"):
        copy(tmp_path / "images" / "7.png", tmp_path / "public" / "7.png")


def test_an_archive_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    table, image = b"id\n" * 1000, bytes(range(256)) * 10
    write_files(tmp_path, {"a.csv": table, "b.png": image})
    members = [("train/a.csv", tmp_path / "a.csv"), ("b.png", tmp_path / "b.png")]
    write_zip(tmp_path / "one.zip", members)
    (tmp_path / "a.csv").touch()
    write_zip(tmp_path / "two.zip", members)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"train/a.csv": table, "b.png": image}
        packed = [entry.compress_type for entry in archive.infolist()]
    assert packed == [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED]


def test_nothing_is_compressed_where_mle_bench_does_not(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": b"id\n" * 1000})
    write_zip(tmp_path / "a.zip", [("a.csv", tmp_path / "a.csv")], is_compressed=False)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [entry.compress_type for entry in archive.infolist()] == [zipfile.ZIP_STORED]
