"""Linked views that share files: other views come and go without blame, a script that changes a file is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox.views import Views


class Builder:
    """Builds a view of one shared file, and knows which of its change times are its own doing."""

    def __init__(self, root: Path) -> None:
        self.view = root / "view"
        self._kept = root / "kept"
        self.view.mkdir()
        self._kept.write_text("picture", encoding="utf-8")
        (self.view / "train.csv").write_text("a,b\n", encoding="utf-8")
        os.link(self._kept, self.view / "1.png")
        self._known = self._kept.stat().st_ctime_ns

    def is_intact(self, view: Path) -> bool:
        return (view / "1.png").stat().st_ctime_ns == self._known

    def build_another(self) -> None:
        os.link(self._kept, self._kept.with_name("other"))
        self._known = self._kept.stat().st_ctime_ns


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


def test_another_view_of_the_same_files_is_no_change(builder: Builder, tmp_path: Path) -> None:
    views = Views(0, 0, builder.is_intact)
    fingerprint = views.show(builder.view, tmp_path / "input").fingerprint
    assert fingerprint is not None
    builder.build_another()
    assert views.is_unchanged(builder.view, fingerprint)
    assert views.show(builder.view, tmp_path / "again").fingerprint == fingerprint


def test_without_a_witness_every_change_time_counts(builder: Builder, tmp_path: Path) -> None:
    views = Views(0, 0)
    fingerprint = views.show(builder.view, tmp_path / "input").fingerprint
    assert fingerprint is not None
    assert views.is_unchanged(builder.view, fingerprint)
    builder.build_another()
    assert not views.is_unchanged(builder.view, fingerprint)


def write_and_set_back(view: Path) -> None:
    status = (view / "1.png").stat()
    (view / "1.png").write_text("forgery", encoding="utf-8")
    os.utime(view / "1.png", ns=(status.st_atime_ns, status.st_mtime_ns))


def link_own_file(view: Path) -> None:
    (view / "train.csv").write_text("a,c\n", encoding="utf-8")
    os.link(view / "train.csv", view.parent / "elsewhere")


@pytest.mark.parametrize("attack", [write_and_set_back, link_own_file, lambda view: (view / "1.png").unlink()])
def test_a_change_is_found(builder: Builder, tmp_path: Path, attack: Callable[[Path], None]) -> None:
    views = Views(0, 0, builder.is_intact)
    fingerprint = views.show(builder.view, tmp_path / "input").fingerprint
    assert fingerprint is not None
    attack(builder.view)
    assert not views.is_unchanged(builder.view, fingerprint)
    with pytest.raises((InfrastructureError, OSError)):
        views.show(builder.view, tmp_path / "again")
